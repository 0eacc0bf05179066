"""Check what became of a ticket: docs/spec/fairness.md, section 6, steps (e) to (g)."""

from collections.abc import Iterator
from typing import Final

from rooms.kernel.time import rfc3339, to_millis
from rooms.proof.binding import check_bound, check_receipt
from rooms.proof.draw import catches, mask
from rooms.proof.findings import Findings, Report, Verdict
from rooms.proof.leaves import Signers
from rooms.proof.records import ticket_entry
from rooms.proof.roundcheck import (
    WORDS,
    Checked,
    check_round,
    known_from,
    missing_of,
    rules_of,
    verdict_of,
)
from rooms.proof.roundfile import TicketProof

PRIZE: Final = "(e) prize"
BINDING: Final = "(f) binding"
RECEIPT: Final = "receipt"
LATE_BINDING: Final = "LATE_BINDING"
VOIDED: Final = "VOID"
CANCELLED: Final = "CANCELLED"

_WORDS: Final = {
    PRIZE: "what the paytable gives for the numbers that were drawn, or the stake back",
    BINDING: "its entry is under a record whose head was signed before the draw could be known",
    RECEIPT: "the house signed for this very ticket when it was bought",
}
MOST_PICKS: Final = 80


def verify_ticket(proof: TicketProof, signers: Signers) -> Report:
    """Check a ticket and its round."""
    rules = [*rules_of(proof.round), PRIZE, BINDING]
    if proof.receipt is not None:
        rules.append(RECEIPT)
    findings = Findings({rule: {**WORDS, **_WORDS}[rule] for rule in rules})
    checked = check_round(findings, proof.round, signers)
    if checked is None:
        for rule in (PRIZE, BINDING):
            findings.note(rule, "not reached")
        return findings.report(signers.unchecked)
    entry = _entry(proof)
    _check_binding(findings, proof, entry, checked, signers)
    _check_prize(findings, proof, checked)
    if proof.receipt is not None:
        check_receipt(findings, RECEIPT, "ticket", proof.receipt, entry, signers)
    missing = (*missing_of(proof.round, checked.terms), *_missing(proof))
    unchecked = (*missing, *signers.unchecked, *_unchecked(proof, checked, signers))
    return findings.report(unchecked, _verdict(proof, missing))


def _verdict(proof: TicketProof, missing: tuple[str, ...]) -> Verdict:
    if proof.refund == CANCELLED and not missing:
        return "verified"
    found = verdict_of(proof.round, missing)
    return "cannot_check" if missing and found == "verified" else found


def _missing(proof: TicketProof) -> Iterator[str]:
    if proof.binding is None and proof.refund is None:
        yield "where the ticket stands in the log is missing"
    if proof.prize is None and proof.round.draw is not None:
        yield "the prize is missing"


def _entry(proof: TicketProof) -> bytes | None:
    """Write the ticket as the log has it; None for what cannot be a ticket."""
    words = (proof.stake, proof.round.number)
    if max(proof.picks) > MOST_PICKS or max(words) >= 1 << 64 or not proof.round.game.isascii():
        return None
    return ticket_entry(
        proof.ref,
        to_millis(proof.accepted_at),
        proof.stake,
        proof.round.number,
        proof.picks,
        proof.round.game,
    )


def _check_binding(
    findings: Findings,
    proof: TicketProof,
    entry: bytes | None,
    checked: Checked,
    signers: Signers,
) -> None:
    bound = proof.binding
    if entry is None:
        findings.note(BINDING, "no ticket has these picks or this stake")
    if bound is None or entry is None:
        return
    record = check_bound(findings, BINDING, "ticket", entry, bound, proof.accepted_at, signers)
    if record is None:
        return
    known = known_from(checked.terms, proof.round.drand, proof.round.number)
    late = known is not None and to_millis(record.at) >= known
    if late and proof.refund is None:
        findings.note(BINDING, f"its head was signed at {rfc3339(record.at)}, too late")
    if not late and proof.refund == LATE_BINDING and known is not None:
        findings.note(BINDING, f"its head was signed at {rfc3339(record.at)}, in time")


def _check_prize(findings: Findings, proof: TicketProof, checked: Checked) -> None:
    if proof.refund is not None:
        _check_refund(findings, proof)
        return
    if proof.round.void is not None:
        findings.note(PRIZE, "the round is void, and the stake did not go back")
    if proof.prize is None or proof.round.draw is None:
        if proof.prize is not None:
            findings.note(PRIZE, "there is a prize without a draw")
        return
    spots = len(proof.picks)
    if spots not in checked.paytable.spots:
        findings.note(PRIZE, f"the paytable has no prizes for {spots} spots")
        return
    caught = catches(mask(proof.picks), mask(proof.round.draw))
    gives = checked.paytable.prize(proof.stake, spots, caught)
    findings.expect(PRIZE, f"{caught} of {spots} caught: it", says=proof.prize, gives=gives)


def _check_refund(findings: Findings, proof: TicketProof) -> None:
    if proof.refund not in {LATE_BINDING, VOIDED, CANCELLED}:
        findings.note(PRIZE, f"no stake goes back for {proof.refund}")
    is_void = proof.round.void is not None
    if is_void != (proof.refund == VOIDED) and proof.refund != CANCELLED:
        findings.note(PRIZE, f"{proof.refund} does not fit what became of the round")
    findings.expect(PRIZE, "what went back", says=proof.prize, gives=proof.stake)


def _unchecked(proof: TicketProof, checked: Checked, signers: Signers) -> Iterator[str]:
    if proof.receipt is None:
        yield "the receipt: none was given"
    if proof.refund == CANCELLED:
        yield "that the player cancelled: only the player knows"
    yield "(b) anchor: heads are not written to a public chain yet"
    known = known_from(checked.terms, proof.round.drand, proof.round.number)
    bound = proof.binding
    witnessed = None if bound is None else signers.witnessed(bound.accepted.note)
    if known is None or witnessed is None or 1000 * witnessed >= known:
        yield "(g) tickets bound by the operator's clock only"
