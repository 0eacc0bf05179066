from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rooms.proof.checkpoint import Checkpoint, sign_checkpoint
from rooms.proof.evidence import NOT_ANCHORED, RECORD, verify_room
from rooms.proof.findings import Report
from rooms.proof.leaves import LeafProof, Signers
from rooms.proof.merkle import leaf_hash
from rooms.proof.pool import Side
from rooms.proof.records import canonical_hash, entry_of
from rooms.proof.settledrecord import NAMES
from tests.proof import hand_merkle
from tests.proof.keno_files import KEYS, LOG, LOG_NOTE_KEY, ORIGIN
from tests.proof.room_files import lines_of, written

LINES = lines_of()
HEAD, *BETS = LINES
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def true_record() -> dict[str, Any]:
    """Write the record by hand, from the file."""
    handles = {
        side: sum(int(bet["stake"]) for bet in BETS if bet["counted"] and bet["side"] == side)
        for side in Side
    }
    entries = [bytes.fromhex(bet["ref"]) + int(bet["payout"]).to_bytes(8, "big") for bet in BETS]
    copied = ("outcome", "reason", "trigger", "t_hit", "takeout", "host_fee", "protocol_fee")
    return {
        **{name: HEAD[name] for name in (*copied, "breakage", "scratched")},
        "room": HEAD["room"]["id"],
        "observations_hash": canonical_hash(HEAD["observations"]),
        "bets": len(BETS),
        "handle_yes": str(handles[Side.YES]),
        "handle_no": str(handles[Side.NO]),
        "payouts_root": hand_merkle.mth(entries).hex(),
    }


def leaf_of(fields: Mapping[str, Any], *, kind: str = "room.settled") -> LeafProof:
    entry = entry_of(kind, AT, fields)
    head = Checkpoint(ORIGIN, 1, leaf_hash(entry.encode()))
    return LeafProof(entry, 0, (), sign_checkpoint(head, LOG_NOTE_KEY, LOG))


def check(leaf: LeafProof | None) -> Report:
    return verify_room(written(LINES), leaf, Signers(KEYS))


def test_the_logs_record_of_a_room_says_what_its_file_says() -> None:
    report = check(leaf_of(true_record()))

    assert report.verdict == "verified"
    assert RECORD in {step.name for step in report.steps}
    assert NOT_ANCHORED not in report.unchecked


def test_without_a_record_it_is_said_that_it_was_not_looked_at() -> None:
    report = check(None)

    assert report.verdict == "verified"
    assert RECORD not in {step.name for step in report.steps}
    assert NOT_ANCHORED in report.unchecked


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_record_that_says_otherwise_is_named_by_its_field(name: str) -> None:
    report = check(leaf_of({**true_record(), name: "another"}))

    assert [step.name for step in report.steps if not step.ok] == [RECORD]
    assert report.steps[-1].detail.startswith(f'"{name}" is another')


@pytest.mark.parametrize(
    ("leaf", "problem"),
    [
        (leaf_of(true_record(), kind="room.opened"), "the entry is no room.settled"),
        (leaf_of({**true_record(), "more": 1}), "it has not just the fields"),
        (
            replace(leaf_of(true_record()), index=1),
            "the record is not the entry 1 under its head",
        ),
    ],
)
def test_what_is_no_record_of_the_log_is_refused_in_words(leaf: LeafProof, problem: str) -> None:
    report = check(leaf)

    assert [step.name for step in report.steps if not step.ok] == [RECORD]
    assert problem in report.steps[-1].detail
