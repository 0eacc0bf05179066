import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.proof.beacon import NO_ENTROPY, QUICKNET, SANDBOX, Beacon
from rooms.proof.daycheck import verify_day
from rooms.proof.dayfile import DayHead, DayRound, parse_day, parse_day_round
from rooms.proof.draw import draw
from rooms.proof.fields import Malformed, read_object
from rooms.proof.findings import Report
from rooms.sandbox.drand import OTHER_SECRET, signed
from tests.proof.keno_files import (
    FIRST,
    SKIPPED,
    STAKES,
    VOID_ROUND,
    Game,
    day_lines,
    with_key,
    without_key,
)
from tests.proof.test_roundcheck import wrong

GAME = Game()
Rounds = list[DayRound]


@cache
def a_day(entropy: str = SANDBOX.entropy) -> tuple[DayHead, tuple[DayRound, ...]]:
    head, rounds = Game(entropy).day()
    return head, tuple(rounds)


def checked(head: DayHead, rounds: Rounds, *, beacons: bool = False) -> Report:
    return verify_day(day_lines(head, rounds), with_key(), beacons=beacons)


def changed(place: int, **changes: Any) -> Report:
    """The day with one round changed, as somebody would who writes the whole file anew."""
    head, rounds = a_day()
    return checked(head, [*rounds[:place], rounds[place]._replace(**changes), *rounds[place + 1 :]])


@pytest.mark.parametrize("beacons", [False, True])
@pytest.mark.parametrize("entropy", [SANDBOX.entropy, NO_ENTROPY])
def test_a_true_day_is_verified(entropy: str, beacons: bool) -> None:
    head, rounds = a_day(entropy)

    report = checked(head, list(rounds), beacons=beacons)

    assert wrong(report) == []
    assert report.verdict == "verified"
    assert any("--beacons" in each for each in report.unchecked) is not beacons
    assert any(f"after round {FIRST + 59}" in each for each in report.unchecked)


def test_lines_are_read_as_they_are_written() -> None:
    head, rounds = a_day()
    lines = day_lines(head, list(rounds))

    assert parse_day(read_object(lines[0])) == head
    assert [parse_day_round(read_object(line)) for line in lines[1:-1]] == list(rounds)


def test_progress_is_told_of_rounds_and_then_of_signatures() -> None:
    head, rounds = a_day()
    told: list[tuple[int, int]] = []

    verify_day(
        day_lines(head, list(rounds)),
        without_key(),
        beacons=True,
        progress=lambda done, of: told.append((done, of)),
    )

    assert told[:60] == [(done, 60) for done in range(1, 61)]
    assert told[60:] == [(49, 49)]


@pytest.mark.parametrize(
    ("place", "changes", "step"),
    [
        (5, {"server_seed": GAME.seed(FIRST + 6)}, "(a) seeds"),
        (0, {"server_seed": GAME.seed(FIRST + 6)}, "(a) seeds"),
        (5, {"commit": bytes(32)}, "(a) seeds"),
        (5, {"beacon": signed(GAME.beacon_round(FIRST + 5) + 1)}, "(c) beacons"),
        (5, {"beacon": None}, "(c) beacons"),
        (5, {"draw": GAME.draw(FIRST + 6)}, "(d) draws"),
        (5, {"server_seed": None}, "rounds"),
        (5, {"draw": None}, "rounds"),
        (5, {"number": FIRST + 6}, "rounds"),
        (20, {"draw": GAME.draw(VOID_ROUND)}, "rounds"),
        (20, {"server_seed": GAME.seed(FIRST + 6)}, "voids and skips"),
        (30, {"draw": GAME.draw(SKIPPED.start)}, "rounds"),
    ],
)
def test_what_is_false_of_a_round_is_named(place: int, changes: dict[str, Any], step: str) -> None:
    report = changed(place, **changes)

    assert report.verdict == "mismatch"
    assert step in wrong(report)


def test_a_false_seed_is_named_once_and_the_rounds_after_it_are_not() -> None:
    report = changed(5, server_seed=GAME.seed(FIRST + 6))

    detail = next(step.detail for step in report.steps if step.name == "(a) seeds")
    assert f"round {FIRST + 5}: the seed is not of the chain" in detail
    assert str(FIRST + 6) not in detail


def with_ticket(place: int, **changes: Any) -> Report:
    _, rounds = a_day()
    tickets = list(rounds[place].tickets)
    tickets[0] = tickets[0]._replace(**changes)
    return changed(place, tickets=tuple(tickets))


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (7, {"prize": 12_345}),
        (7, {"prize": None}),
        (7, {"picks": tuple(range(1, 16))}),
        (7, {"refund": "VOID", "prize": STAKES[0]}),
        (7, {"refund": "TIRED", "prize": STAKES[0]}),
        (7, {"refund": "LATE_BINDING", "prize": STAKES[0] - 1}),
        (20, {"refund": None, "prize": 0}),
        (20, {"refund": "LATE_BINDING"}),
        (20, {"prize": STAKES[0] + 1}),
    ],
)
def test_a_prize_that_is_not_the_paytables_is_named(place: int, changes: dict[str, Any]) -> None:
    assert wrong(with_ticket(place, **changes)) == ["(e) prizes"]


@pytest.mark.parametrize("refund", ["LATE_BINDING", "CANCELLED"])
def test_a_stake_that_went_back_is_whole(refund: str) -> None:
    assert with_ticket(7, refund=refund, prize=STAKES[0]).verdict == "verified"


def test_a_signature_that_is_not_the_chains_is_found_only_if_asked_for() -> None:
    head, rounds = a_day(SANDBOX.entropy)
    number = GAME.beacon_round(FIRST)
    forged = signed(number, OTHER_SECRET)
    first = rounds[0]
    # Somebody who forges a beacon draws with it as well.
    drawn = draw(GAME.seed(FIRST), "keno-main", FIRST, forged.entropy)
    day = [first._replace(beacon=forged, draw=drawn), *rounds[1:]]

    assert checked(head, day).verdict == "verified"
    assert wrong(checked(head, day, beacons=True)) == ["(c) beacons"]


def test_rounds_that_are_left_out_are_noticed() -> None:
    head, rounds = a_day()

    assert "rounds" in wrong(checked(replace(head, rounds=59), [*rounds[:9], *rounds[10:]]))
    assert "rounds" in wrong(checked(replace(head, rounds=59), list(rounds[1:])))
    assert wrong(checked(head, list(rounds[:59]))) == ["rounds"]
    assert "rounds" in wrong(checked(replace(head, rounds=61), [*rounds, rounds[-1]]))


def test_a_day_that_is_another_is_noticed() -> None:
    head, rounds = a_day()

    later = replace(head, date=head.date.replace(day=21))
    assert "rounds" in wrong(checked(later, list(rounds)))


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"chains": ()}, {"(b) chains"}),
        ({"game": "keno-fast"}, {"(b) chains", "voids and skips"}),
        ({"chains": (GAME.leaf("paytable"),)}, {"(b) chains"}),
        ({"chains": (GAME.leaf("chain"), GAME.leaf("chain"))}, {"(b) chains"}),
        ({"paytables": ()}, {"(e) prizes"}),
        ({"drand": ()}, {"(c) beacons"}),
        ({"drand": (QUICKNET,)}, {"(c) beacons"}),
        ({"voids": ()}, {"rounds"}),
        ({"voids": (GAME.leaf("void"), GAME.leaf("void"))}, {"voids and skips"}),
        ({"skipped": (GAME.leaf("chain"),)}, {"voids and skips"}),
    ],
)
def test_what_is_false_of_the_records_is_named(changes: dict[str, Any], steps: set[str]) -> None:
    head, rounds = a_day()

    report = checked(replace(head, **changes), list(rounds))

    assert report.verdict == "mismatch"
    assert steps <= set(wrong(report))


def test_rounds_that_are_not_drawn_yet_are_counted() -> None:
    head, rounds = a_day()
    hidden = [
        each._replace(server_seed=None, beacon=None, draw=None, tickets=()) for each in rounds[50:]
    ]

    report = checked(head, [*rounds[:50], *hidden])

    assert report.verdict == "verified"
    assert "10 rounds that are not drawn yet" in report.unchecked


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[1]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [*lines[:-1], lines[-1].replace(b'"sha256":"', b'"sha256":"0')],
    ],
)
def test_a_file_that_is_not_whole_is_noticed(
    spoil: Callable[[list[bytes]], list[bytes]],
) -> None:
    head, rounds = a_day()

    report = verify_day(spoil(day_lines(head, list(rounds))), with_key())

    assert "file" in wrong(report)


@pytest.mark.parametrize("lines", [[], [b""], [b"{}\n"], [b"nonsense\n"]])
def test_what_is_no_days_file_is_refused_with_its_line(lines: list[bytes]) -> None:
    with pytest.raises(Malformed, match="line 1: "):
        verify_day(lines, without_key())


def test_a_malformed_round_is_refused_with_its_line() -> None:
    head, rounds = a_day()
    lines = day_lines(head, list(rounds))
    lines[8] = json.dumps({**json.loads(lines[8]), "more": 1}).encode() + b"\n"

    with pytest.raises(Malformed, match="line 9: "):
        verify_day(lines, without_key())


@cache
def short_day() -> bytes:
    head, rounds = Game().day(12, voids=(), skipped=())
    return b"".join(day_lines(head, rounds))


@settings(max_examples=200)
@given(st.data())
def test_a_flipped_bit_anywhere_is_found(data: st.DataObject) -> None:
    raw = bytearray(short_day())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))

    try:
        report = verify_day(bytes(raw).splitlines(keepends=True), with_key())
    except Malformed:
        return
    assert report.verdict == "mismatch"


def test_a_beacon_with_two_signatures_is_noticed() -> None:
    # Two rounds of a fast game share a beacon: it must be one and the same.
    head, rounds = a_day()
    number = GAME.beacon_round(FIRST)
    other = Beacon(number, signed(number + 9).signature)

    report = checked(head, [rounds[0], rounds[1]._replace(beacon=other), *rounds[2:]])

    detail = next(step.detail for step in report.steps if step.name == "(c) beacons")
    assert f"beacon {number} is there twice" in detail
