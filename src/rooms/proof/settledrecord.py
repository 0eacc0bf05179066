"""A room's record in the log beside its file: ``room.settled`` of docs/spec/fairness.md, 5."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rooms.kernel.time import rfc3339
from rooms.proof.findings import Findings, Unreadable, readable
from rooms.proof.leaves import LeafProof, Record, Signers, check_leaf, read_record
from rooms.proof.merkle import Frontier, leaf_hash
from rooms.proof.pool import Side
from rooms.proof.records import REF_SIZE, canonical_hash, payout_entry
from rooms.proof.roomfile import BetLine, Head, head_json

NAMES: Final = {
    *("room", "outcome", "reason", "trigger", "t_hit", "observations_hash", "bets"),
    *("handle_yes", "handle_no", "takeout", "host_fee", "protocol_fee", "breakage"),
    *("scratched", "payouts_root"),
}


@dataclass(slots=True)
class Payouts:
    """What the bets of a file were paid, as the tree of the record's root."""

    tree: Frontier = field(default_factory=Frontier)

    def add(self, bet: BetLine) -> None:
        """Take the next bet; what cannot be one is a leaf that no root of the log is over."""
        try:
            reference = bytes.fromhex(bet.ref)
            entry = payout_entry(reference, bet.payout) if len(reference) == REF_SIZE else b""
        except (ValueError, struct.error):
            entry = b""
        self.tree.append(leaf_hash(entry))


def check_record(
    findings: Findings,
    rule: str,
    leaf: LeafProof,
    gives: Mapping[str, Any],
    signers: Signers,
) -> None:
    """Compare the log's record with what a file gives, field by field."""
    try:
        record = _read(findings, rule, leaf, signers)
    except Unreadable:
        return
    for name in sorted(NAMES):
        findings.expect(rule, f'"{name}"', says=record.fields[name], gives=gives[name])


def _read(findings: Findings, rule: str, leaf: LeafProof, signers: Signers) -> Record:
    with readable(findings, rule):
        record = read_record(leaf.entry, "room.settled", NAMES)
        check_leaf(findings, rule, "the record", leaf, signers)
    return record


def record_of(head: Head, handles: Mapping[Side, int], payouts: Payouts) -> dict[str, Any]:
    """Give the fields that the log's record has to have; ``handles`` are of the counted bets."""
    return {
        "room": head.room.id,
        "outcome": head.outcome and head.outcome.value,
        "reason": head.reason,
        "trigger": head.trigger,
        "t_hit": head.t_hit and rfc3339(head.t_hit),
        "observations_hash": canonical_hash(head_json(head)["observations"]),
        "bets": head.bets_count,
        "handle_yes": str(handles[Side.YES]),
        "handle_no": str(handles[Side.NO]),
        "takeout": str(head.takeout),
        "host_fee": str(head.host_fee),
        "protocol_fee": str(head.protocol_fee),
        "breakage": str(head.breakage),
        "scratched": head.scratched,
        "payouts_root": payouts.tree.root().hex(),
    }
