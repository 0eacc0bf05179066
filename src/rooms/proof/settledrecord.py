"""A room's record in the log beside its file: ``room.settled`` of docs/spec/fairness.md, 5."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from rooms.proof.fields import Fields, Malformed, canonical, octets
from rooms.proof.findings import Findings, Unreadable, readable
from rooms.proof.leaves import LeafProof, Record, Signers, check_leaf, read_record
from rooms.proof.merkle import Frontier, leaf_hash
from rooms.proof.pool import Side
from rooms.proof.records import REF_SIZE, payout_entry
from rooms.proof.roomfile import BetLine

# What stands in both of them in the same words.
COPIED: Final = (
    *("outcome", "reason", "trigger", "t_hit"),
    *("takeout", "host_fee", "protocol_fee", "breakage", "scratched"),
)
NAMES: Final = {
    *COPIED,
    *("room", "observations_hash", "bets", "handle_yes", "handle_no", "payouts_root"),
}


@dataclass(slots=True)
class Payouts:
    """What the bets of a file were paid, as the tree of the record's root."""

    tree: Frontier = field(default_factory=Frontier)

    def add(self, bet: BetLine) -> None:
        """Take the next bet; what cannot be one is a leaf that no root of the log is over."""
        try:
            entry = payout_entry(octets({"ref": bet.ref}, "ref", REF_SIZE), bet.payout)
        except (Malformed, struct.error):
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


def record_of(head: Fields, handles: Mapping[Side, int], payouts: Payouts) -> dict[str, Any]:
    """Give the fields that the log's record has to have.

    ``head`` is the file's first line as it is written there: one that says the same in another
    way is not the house's. ``handles`` are of the counted bets.
    """
    return {
        **{name: head.get(name) for name in COPIED},
        "room": head["room"]["id"],
        "observations_hash": sha256(canonical(head["observations"])).hexdigest(),
        "bets": head["bets_count"],
        "handle_yes": str(handles[Side.YES]),
        "handle_no": str(handles[Side.NO]),
        "payouts_root": payouts.tree.root().hex(),
    }
