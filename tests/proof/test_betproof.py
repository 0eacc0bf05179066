from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rooms.proof.betproof import BetProof, bet_proof_json, parse_bet_proof, verify_bet
from rooms.proof.binding import Bound
from rooms.proof.checkpoint import Checkpoint, sign_checkpoint
from rooms.proof.fields import Malformed
from rooms.proof.findings import Report
from rooms.proof.leaves import LeafProof, Signers
from rooms.proof.merkle import Tree, leaf_hash
from rooms.proof.pool import Side
from rooms.proof.receipt import sign_batch
from rooms.proof.records import accepted_entry, bet_entry
from tests.proof.keno_files import KEYS, LOG, LOG_NOTE_KEY, ORIGIN, RECEIPTS

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
REF = bytes(range(16))


def a_bet(*, later: timedelta = timedelta(seconds=1)) -> BetProof:
    """The middle one of three bets that were accepted together and logged so much later."""
    millis = int(AT.timestamp() * 1000)
    refs = (bytes(16), REF, bytes(range(1, 17)))
    entries = [bet_entry(ref, millis, 5_000_000, yes=True, room="7") for ref in refs]
    tree = Tree.over(entries)
    accepted = accepted_entry(AT + later, 3, tree.root)
    head = Checkpoint(ORIGIN, 1, leaf_hash(accepted.encode()))
    return BetProof(
        ref=REF,
        room="7",
        side=Side.YES,
        stake=5_000_000,
        accepted_at=AT,
        binding=Bound(
            index=1,
            size=3,
            path=tuple(tree.path(1)),
            accepted=LeafProof(accepted, 0, (), sign_checkpoint(head, LOG_NOTE_KEY, LOG)),
        ),
        receipt=sign_batch(entries, RECEIPTS)[1],
    )


def check(changes: Mapping[str, Any] | None = None, *, proof: BetProof | None = None) -> Report:
    value = {**bet_proof_json(proof or a_bet()), **(changes or {})}
    return verify_bet(parse_bet_proof(value), Signers(KEYS))


def broken(report: Report) -> list[str]:
    return [step.name for step in report.steps if not step.ok]


def test_a_bet_is_under_its_record_and_its_receipt_is_the_houses() -> None:
    report = check()

    assert report.verdict == "verified"
    assert [step.name for step in report.steps] == ["binding", "receipt"]


@pytest.mark.parametrize(
    "changes",
    [
        {"ref": bytes(16).hex()},
        {"room": "8"},
        {"side": "NO"},
        {"stake": "5000001"},
        {"accepted_at": "2026-11-21T12:00:00.001Z"},
    ],
)
def test_another_bet_is_neither_under_the_record_nor_of_the_receipt(
    changes: Mapping[str, Any],
) -> None:
    assert broken(check(changes)) == ["binding", "receipt"]


@pytest.mark.parametrize("stake", ["0", str(2**64)])
def test_what_can_be_no_bet_is_named(stake: str) -> None:
    assert "binding" in broken(check({"stake": stake}))


def test_a_record_that_is_older_than_its_bet_is_named() -> None:
    report = check(proof=a_bet(later=timedelta(milliseconds=-1)))

    assert broken(report) == ["binding"]
    assert report.steps[0].detail == "the record is older than the bet"


def test_while_the_log_has_it_not_there_is_nothing_to_check() -> None:
    report = check({"binding": None, "receipt": None})

    assert report.verdict == "cannot_check"
    assert "where the bet stands in the log is missing" in report.unchecked
    assert "the receipt: none was given" in report.unchecked


@pytest.mark.parametrize(
    "changes", [{"side": "BOTH"}, {"room": "seven"}, {"more": 1}, {"stake": "05"}]
)
def test_what_is_no_bets_proof_is_malformed(changes: Mapping[str, Any]) -> None:
    with pytest.raises(Malformed):
        check(changes)
