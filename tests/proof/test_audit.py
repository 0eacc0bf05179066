import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from rooms.proof.audit import Seen, audit_log, parse_seen, seen_json
from rooms.proof.chain import terms_json
from rooms.proof.checkpoint import (
    LOG_KEY,
    WITNESS_KEY,
    Checkpoint,
    NoteKey,
    cosign,
    sign_checkpoint,
    with_signatures,
)
from rooms.proof.fields import Malformed
from rooms.proof.findings import Report
from rooms.proof.records import accepted_entry, entry_of
from rooms.proof.signature import Signer
from tests.proof import hand_merkle
from tests.proof.test_logchains import before, terms

SIGNER, WITNESS = Signer(b"\1" * 32), Signer(b"\2" * 32)
KEY = NoteKey("rooms.example/log", LOG_KEY, SIGNER.public)
WITNESS_NAME = NoteKey("witness.example", WITNESS_KEY, WITNESS.public)
AT = datetime(2026, 11, 20, 15, tzinfo=UTC)


def entry(number: int) -> str:
    if number % 3 == 0:
        return accepted_entry(AT, number + 1, bytes([number]) * 32)
    return entry_of("keno.skipped", AT, {"game": "keno-main", "from": number, "to": number})


@dataclass
class HandLog:
    """A log of so many entries that answers in parts; what it answers may be changed."""

    size: int
    texts: list[str] = field(default_factory=lambda: [entry(number) for number in range(40)])
    part: int = 7
    cosigned: bool = False
    spoil: Callable[[str, Any], Any] = lambda _, answer: answer

    @property
    def raw(self) -> list[bytes]:
        return [text.encode() for text in self.texts[: self.size]]

    def checkpoint(self) -> str:
        head = Checkpoint(KEY.name, self.size, hand_merkle.mth(self.raw))
        note = sign_checkpoint(head, KEY, SIGNER)
        if self.cosigned:
            line = cosign(head, WITNESS_NAME, WITNESS, 1_763_650_000).text()
            note = with_signatures(note, [line])
        return str(self.spoil("checkpoint", note))

    def consistency(self, first: int, second: int) -> list[bytes]:
        proof = hand_merkle.proof(first, self.raw[:second]) if first else []
        spoilt: list[bytes] = self.spoil("consistency", proof)
        return spoilt

    def entries(self, start: int, end: int) -> list[str]:
        found = self.texts[: self.size][start : end + 1][: self.part]
        spoilt: list[str] = self.spoil(f"entries {start}", found)
        return spoilt


def audited(log: HandLog, seen: Seen | None, keys: Sequence[NoteKey] = (KEY,)) -> Report:
    report, now = audit_log(log, seen, keys)
    assert (now is not None) == (report.verdict == "verified")
    return report


def seen_at(size: int) -> Seen:
    report, now = audit_log(HandLog(size), None, [KEY])
    assert report.verdict == "verified", report.steps
    assert now is not None
    return now


def wrong(report: Report) -> set[str]:
    assert (report.verdict == "mismatch") == any(not step.ok for step in report.steps)
    return {step.name for step in report.steps if not step.ok}


@pytest.mark.parametrize(("before", "after"), [*itertools.combinations((0, 1, 2, 7, 8, 23, 40), 2)])
def test_a_log_that_only_grew_is_verified_again_and_again(before: int, after: int) -> None:
    seen = parse_seen(json.loads(json.dumps(seen_json(seen_at(before)))))

    report, now = audit_log(HandLog(after), seen, [KEY])

    assert report.verdict == "verified", report.steps
    assert now is not None
    assert (now.size, now.root) == (after, hand_merkle.mth(HandLog(after).raw))
    assert audited(HandLog(after), now).verdict == "verified"


def test_a_log_that_shows_another_past_is_a_fork() -> None:
    for place in (0, 5, 19):
        forked = HandLog(33)
        forked.texts[place] = entry(38)

        report = audited(forked, seen_at(20))

        assert "consistency" in wrong(report)
        assert any("A FORK" in step.detail for step in report.steps)


def test_two_roots_for_one_size_are_a_fork() -> None:
    forked = HandLog(20)
    forked.texts[3] = entry(38)

    assert "consistency" in wrong(audited(forked, seen_at(20)))


def test_a_log_that_has_shrunk_is_a_fork() -> None:
    report = audited(HandLog(19), seen_at(20))

    assert wrong(report) == {"consistency"}
    assert any("A FORK" in step.detail for step in report.steps)


def test_a_log_of_another_name_is_another_log() -> None:
    seen = seen_at(7)
    other = Seen("other.example/log", seen.size, seen.root, seen.peaks, seen.note)

    assert wrong(audited(HandLog(9), other)) == {"origin"}


def flipped(text: str, bit: int) -> str:
    raw = bytearray(text.encode())
    raw[bit // 8 % len(raw)] ^= 1 << bit % 7
    return raw.decode(errors="replace")


@pytest.mark.parametrize("bit", range(0, 900, 13))
def test_a_flipped_bit_of_an_entry_is_named(bit: int) -> None:
    def spoil(what: str, answer: Any) -> Any:
        return [flipped(answer[0], bit), *answer[1:]] if what == "entries 14" else answer

    assert wrong(audited(HandLog(30, spoil=spoil), seen_at(7))) == {"entries"}


@pytest.mark.parametrize("bit", range(0, 1600, 11))
def test_a_flipped_bit_of_the_checkpoint_is_named(bit: int) -> None:
    def spoil(what: str, answer: Any) -> Any:
        return flipped(answer, bit) if what == "checkpoint" else answer

    named = wrong(audited(HandLog(30, spoil=spoil), seen_at(7)))

    assert named & {"head", "signature"}


@pytest.mark.parametrize("bit", range(0, 256, 5))
def test_a_flipped_bit_of_a_proof_is_named(bit: int) -> None:
    def spoil(what: str, answer: Any) -> Any:
        if what != "consistency":
            return answer
        changed = bytearray(answer[1])
        changed[bit // 8] ^= 1 << bit % 8
        return [answer[0], bytes(changed), *answer[2:]]

    assert wrong(audited(HandLog(30, spoil=spoil), seen_at(7))) == {"consistency"}


@pytest.mark.parametrize(
    "instead",
    [
        '{"at":"2026-11-20T15:00:00.000Z","kind":"admin","v":2}',
        '{"kind":"admin","v":1}',
        '{"at":"2026-11-20T15:00:00.000Z", "kind":"admin","v":1}',
        '{"v":1,"at":"2026-11-20T15:00:00.000Z","kind":"admin"}',
        '{"at":"2026-11-20T15:00:00.000Z","kind":"accepted","root":"00","count":1,"v":1}',
        "[]",
        "",
    ],
)
def test_an_entry_that_is_no_record_is_named_even_if_the_log_has_it(instead: str) -> None:
    log = HandLog(9)
    log.texts[8] = instead

    report = audited(log, seen_at(7))

    assert wrong(report) == {"entries"}
    assert any("entry 8" in step.detail for step in report.steps)


def test_entries_that_are_withheld_are_named() -> None:
    def spoil(what: str, answer: Any) -> Any:
        return [] if what == "entries 14" else answer

    report = audited(HandLog(30, spoil=spoil), seen_at(7))

    assert wrong(report) == {"entries"}
    assert any("entry 14 is missing" in step.detail for step in report.steps)


def test_an_answer_of_another_form_is_named() -> None:
    def spoil(what: str, answer: Any) -> Any:
        if what.startswith("entries"):
            raise Malformed("an entry is not a text")
        return answer

    assert wrong(audited(HandLog(30, spoil=spoil), seen_at(7))) == {"entries"}


def test_what_was_not_checked_is_listed_and_changes_no_verdict() -> None:
    alone = audited(HandLog(8), None, ())
    known = audited(HandLog(8, cosigned=True), seen_at(7), (KEY, WITNESS_NAME))

    assert alone.verdict == known.verdict == "verified"
    for word in ("--key", "anchors", "witnesses", "first time"):
        assert any(word in each for each in alone.unchecked), word
    assert known.unchecked == ("anchors: heads are not anchored on a public chain",)


def test_a_head_signed_by_nobody_known_is_a_mismatch() -> None:
    stranger = NoteKey(KEY.name, LOG_KEY, WITNESS.public)

    assert wrong(audited(HandLog(8), seen_at(7), (stranger,))) == {"signature"}


@pytest.mark.parametrize(
    "change",
    [{"peaks": "00"}, {"peaks": ["00"]}, {"root": "xx"}, {"size": "7"}, {"origin": None}],
)
def test_a_state_of_another_form_is_malformed(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        parse_seen({**seen_json(seen_at(7)), **change})


def test_two_chains_that_cover_one_round_are_named_also_between_two_audits() -> None:
    log = HandLog(30)
    log.texts[5] = entry_of("keno.chain", before(1), terms_json(terms(1, 1)))
    seen, log.size = seen_of(log, 20), 30
    for number, first_round, found in ((2, 21, set()), (2, 1, {"chains"}), (1, 1, {"chains"})):
        log.texts[25] = entry_of("keno.chain", before(1), terms_json(terms(number, first_round)))

        assert wrong(audited(log, seen)) == found


def seen_of(log: HandLog, size: int) -> Seen:
    log.size = size
    _, now = audit_log(log, None, [KEY])
    assert now is not None
    return parse_seen(json.loads(json.dumps(seen_json(now))))


def test_a_statement_of_what_is_owed_that_is_none_is_named() -> None:
    log = HandLog(9)
    log.texts[8] = entry_of("solvency", AT, {"asset": "SOL", "liabilities": "-1"})

    assert wrong(audited(log, seen_at(7))) == {"entries"}


@pytest.mark.parametrize(
    "changes", [{"size": -1}, {"size": 21}, {"peaks": []}, {"peaks": ["00"]}, {"chains": []}]
)
def test_what_cannot_have_been_kept_is_told_before_anybody_is_asked(changes: Any) -> None:
    with pytest.raises(Malformed):
        parse_seen({**seen_json(seen_at(20)), **changes})


def test_a_head_that_was_kept_and_changed_since_is_named() -> None:
    kept = seen_json(seen_at(20))
    for changed in (kept["checkpoint"].replace("20", "21"), "nothing"):
        seen = parse_seen({**kept, "checkpoint": changed})

        assert wrong(audited(HandLog(30), seen)) == {"consistency"}
