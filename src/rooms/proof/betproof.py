"""The proof of a bet: where it stands in the log, and its receipt: docs/spec/verification.md.

The house writes it with ``bet_proof_json``; ``rooms verify bet`` reads it. What a bet was paid is
in its room's file, under the same reference.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rooms.kernel.time import Instant, rfc3339, to_millis
from rooms.proof.binding import (
    Bound,
    bound_json,
    check_bound,
    check_receipt,
    parse_bound,
    parse_exact_receipt,
)
from rooms.proof.fields import Fields, Malformed, octets, optional, text
from rooms.proof.findings import Findings, Report
from rooms.proof.leaves import Signers, require_names
from rooms.proof.pool import Side
from rooms.proof.receipt import Receipt, receipt_json
from rooms.proof.records import REF_SIZE, bet_entry
from rooms.proof.roundfile import exact_amount, exact_instant, inside

BINDING: Final = "binding"
RECEIPT: Final = "receipt"
WORDS: Final = {
    BINDING: "its entry is under a record of the log, whose head came after it was accepted",
    RECEIPT: "the house signed for this very bet when it was placed",
}
NAMES: Final = {"ref", "room", "side", "stake", "accepted_at", "binding", "receipt"}
LARGEST: Final = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class BetProof:
    """All that shows that a bet was accepted; ``stake`` in lamports.

    ``binding`` is None until the log has it.
    """

    ref: bytes
    room: str
    side: Side
    stake: int
    accepted_at: Instant
    binding: Bound | None
    receipt: Receipt | None


def bet_proof_json(proof: BetProof) -> dict[str, Any]:
    """Write a bet's proof."""
    return {
        "ref": proof.ref.hex(),
        "room": proof.room,
        "side": proof.side.value,
        "stake": str(proof.stake),
        "accepted_at": rfc3339(proof.accepted_at),
        "binding": proof.binding and bound_json(proof.binding),
        "receipt": proof.receipt and receipt_json(proof.receipt),
    }


def parse_bet_proof(value: Fields) -> BetProof:
    """Read what ``bet_proof_json`` wrote; Malformed for anything else."""
    require_names(value, NAMES)
    side = text(value, "side")
    if side not in tuple(Side):
        raise Malformed('"side" is not YES or NO')
    room = text(value, "room")
    if not room.isascii() or not room.isdecimal():
        raise Malformed('"room" is not the id of a room')
    return BetProof(
        ref=octets(value, "ref", REF_SIZE),
        room=room,
        side=Side(side),
        stake=exact_amount(value, "stake"),
        accepted_at=exact_instant(value, "accepted_at"),
        binding=optional(inside(parse_bound), value, "binding"),
        receipt=optional(inside(parse_exact_receipt), value, "receipt"),
    )


def verify_bet(proof: BetProof, signers: Signers) -> Report:
    """Check where a bet stands in the log, and its receipt."""
    rules = [BINDING] if proof.receipt is None else [BINDING, RECEIPT]
    findings = Findings({rule: WORDS[rule] for rule in rules})
    entry = _entry(proof)
    if entry is None:
        findings.note(BINDING, "no bet has this stake")
    elif proof.binding is not None:
        check_bound(findings, BINDING, "bet", entry, proof.binding, proof.accepted_at, signers)
    if proof.receipt is not None:
        check_receipt(findings, RECEIPT, "bet", proof.receipt, entry, signers)
    unchecked = (*_unchecked(proof), *signers.unchecked)
    return findings.report(unchecked, "verified" if proof.binding else "cannot_check")


def _entry(proof: BetProof) -> bytes | None:
    """Write the bet as the log has it; None for what cannot be a bet."""
    if not 0 < proof.stake < LARGEST:
        return None
    at, yes = to_millis(proof.accepted_at), proof.side is Side.YES
    return bet_entry(proof.ref, at, proof.stake, yes=yes, room=proof.room)


def _unchecked(proof: BetProof) -> Iterator[str]:
    if proof.binding is None:
        yield "where the bet stands in the log is missing"
    if proof.receipt is None:
        yield "the receipt: none was given"
    yield "what it was paid: its room's file says so, under this reference"
    yield "anchor: heads are not written to a public chain yet"
