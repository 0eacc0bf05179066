import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.proof.beacon import NO_ENTROPY, QUICKNET, Beacon
from rooms.proof.fields import Malformed, read_object
from rooms.proof.findings import Report
from rooms.proof.roundcheck import verify_round
from rooms.proof.roundfile import RoundProof, parse_round, round_json
from rooms.sandbox.drand import signed
from tests.proof.keno_files import FIRST, SKIPPED, VOID_ROUND, WITNESS, Game, with_key, without_key

GAME = Game()
NUMBER = FIRST + 7


def wrong(report: Report) -> list[str]:
    return [step.name for step in report.steps if not step.ok]


@pytest.mark.parametrize(
    ("proof", "steps"),
    [
        (GAME.round(NUMBER), ["(a) seed", "(b) chain", "(c) beacon", "(d) draw", "(e) paytable"]),
        (
            Game(NO_ENTROPY).round(NUMBER),
            ["(a) seed", "(b) chain", "(d) draw", "(e) paytable"],
        ),
        (GAME.void_round(), ["(a) seed", "(b) chain", "(c) beacon", "(e) paytable", "void"]),
        (GAME.skipped_round(), ["(b) chain", "(c) beacon", "(e) paytable", "skipped"]),
        (GAME.round(FIRST), ["(a) seed", "(b) chain", "(c) beacon", "(d) draw", "(e) paytable"]),
    ],
)
@pytest.mark.parametrize("signers", [with_key, without_key])
def test_a_true_round_is_verified_step_by_step(
    proof: RoundProof, steps: list[str], signers: Callable[[], Any]
) -> None:
    read = parse_round(read_object(json.dumps(round_json(proof))))
    report = verify_round(read, signers())

    assert read == proof
    assert wrong(report) == []
    assert (report.verdict, [step.name for step in report.steps]) == ("verified", steps)


def test_what_was_not_checked_is_listed() -> None:
    plain = verify_round(GAME.round(NUMBER), without_key()).unchecked
    keyed = verify_round(GAME.round(NUMBER), with_key()).unchecked

    assert any("--key" in each for each in plain)
    assert not any("--key" in each for each in keyed)
    assert any("anchor" in each for each in keyed)
    assert any("sandbox" in each for each in keyed)
    assert not any("witness" in each for each in keyed)


def test_a_witness_after_the_first_round_opened_does_not_count() -> None:
    late = GAME.round(NUMBER, chain=GAME.leaf("chain", witnessed_at=4_000_000_000))

    assert any("witness" in each for each in verify_round(late, with_key()).unchecked)


def test_a_round_whose_seed_is_not_shown_is_not_revealed_yet() -> None:
    open_round = GAME.round(NUMBER, server_seed=None, beacon=None, draw=None)

    report = verify_round(open_round, with_key())

    assert report.verdict == "not_revealed"
    assert wrong(report) == []
    assert any("commit" in each for each in report.unchecked)


@pytest.mark.parametrize("missing", [{"beacon": None}, {"drand": None, "beacon": None}])
def test_a_drawn_round_without_its_beacon_cannot_be_checked(missing: dict[str, None]) -> None:
    report = verify_round(GAME.round(NUMBER, **missing), with_key())

    assert report.verdict == "cannot_check"
    assert any("beacon" in each for each in report.unchecked)


def test_a_seed_without_a_draw_cannot_be_checked() -> None:
    report = verify_round(GAME.round(NUMBER, draw=None), with_key())

    assert report.verdict == "cannot_check"
    assert any("draw" in each for each in report.unchecked)


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"server_seed": GAME.seed(NUMBER + 1)}, "(a) seed"),
        ({"commit": bytes(32)}, "(a) seed"),
        ({"beacon": signed(GAME.beacon_round(NUMBER) + 1)}, "(c) beacon"),
        ({"beacon": Beacon(GAME.beacon_round(NUMBER), signed(5).signature)}, "(c) beacon"),
        ({"drand": QUICKNET}, "(c) beacon"),
        ({"drand": None}, "(c) beacon"),
        ({"draw": GAME.draw(NUMBER)[::-1]}, "(d) draw"),
        ({"draw": GAME.draw(NUMBER + 1)}, "(d) draw"),
        ({"server_seed": None, "beacon": None}, "(d) draw"),
        ({"game": "keno-fast"}, "(b) chain"),
        ({"number": FIRST - 1}, "(b) chain"),
        ({"number": FIRST + 400}, "(b) chain"),
        ({"chain": GAME.leaf("paytable")}, "(b) chain"),
        ({"paytable": GAME.leaf("chain")}, "(e) paytable"),
        ({"chain": replace(GAME.leaf("chain"), index=0)}, "(b) chain"),
        ({"paytable": replace(GAME.leaf("paytable"), path=())}, "(e) paytable"),
        ({"void": GAME.leaf("void")}, "void"),
        ({"skipped": GAME.leaf("skipped")}, "skipped"),
    ],
)
def test_what_is_false_is_named_by_its_step(changes: dict[str, Any], step: str) -> None:
    report = verify_round(replace(GAME.round(NUMBER), **changes), with_key())

    assert report.verdict == "mismatch"
    assert step in wrong(report)


def test_a_head_that_another_has_signed_is_named_if_the_key_is_known() -> None:
    forged = GAME.round(NUMBER, chain=GAME.leaf("chain", signer=WITNESS))

    assert wrong(verify_round(forged, with_key())) == ["(b) chain"]
    assert verify_round(forged, without_key()).verdict == "verified"


def test_a_chain_recorded_after_its_first_round_opened_is_named() -> None:
    leaf = GAME.leaf("chain")
    later = replace(leaf, entry=leaf.entry.replace("2026-11-19", "2026-11-20"))

    report = verify_round(GAME.round(NUMBER, chain=later), without_key())

    detail = next(step.detail for step in report.steps if step.name == "(b) chain")
    assert "after its first round opened" in detail


@pytest.mark.parametrize(
    ("void", "step"),
    [
        (GAME.void_round(), None),
        (replace(GAME.void_round(), number=VOID_ROUND + 1), "void"),
        (replace(GAME.void_round(), server_seed=GAME.seed(VOID_ROUND - 1)), "void"),
        (replace(GAME.void_round(), void=GAME.leaf("skipped")), "void"),
    ],
)
def test_a_void_is_recorded_with_its_round_and_seed(void: RoundProof, step: str | None) -> None:
    found = wrong(verify_round(void, with_key()))

    assert (step in found) if step else not found


def test_the_draw_of_a_void_round_can_be_checked_once_its_beacon_is_known() -> None:
    beacon = signed(GAME.beacon_round(VOID_ROUND))
    shown = replace(GAME.void_round(), beacon=beacon, draw=GAME.draw(VOID_ROUND))

    assert verify_round(shown, with_key()).verdict == "verified"


@pytest.mark.parametrize("number", [SKIPPED.start - 1, SKIPPED.stop])
def test_a_record_of_skipped_rounds_is_about_these_and_no_others(number: int) -> None:
    report = verify_round(replace(GAME.skipped_round(), number=number), with_key())

    assert wrong(report) == ["skipped"]


@cache
def written() -> str:
    return json.dumps(round_json(GAME.round(NUMBER)), separators=(",", ":"))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*path, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from places(each, (*path, place))
    else:
        yield path


def is_noticed(text: str) -> bool:
    """A signature under a name that nobody knows cannot be checked: that is listed."""
    try:
        report = verify_round(parse_round(read_object(text)), with_key())
    except Malformed:
        return True
    return report.verdict == "mismatch" or any("no key of" in each for each in report.unchecked)


@settings(max_examples=400)
@given(st.data())
def test_a_flipped_bit_anywhere_is_found(data: st.DataObject) -> None:
    raw = bytearray(written().encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 6))

    assert is_noticed(raw.decode("ascii", "replace"))


@pytest.mark.parametrize("path", list(places(json.loads(written()))), ids=str)
def test_a_field_that_is_changed_is_found(path: tuple[Any, ...]) -> None:
    value = deepcopy(json.loads(written()))
    within = value
    for name in path[:-1]:
        within = within[name]
    old = within[path[-1]]
    within[path[-1]] = old + 1 if isinstance(old, int) else f"{old}0" if old else "x"

    assert is_noticed(json.dumps(value))
