import json
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.proof.beacon import NO_ENTROPY
from rooms.proof.fields import Malformed, read_object
from rooms.proof.receipt import sign_batch
from rooms.proof.roundfile import TicketProof, parse_ticket, ticket_json
from rooms.proof.ticketcheck import verify_ticket
from tests.proof.keno_files import (
    FIRST,
    PICKS,
    STAKES,
    VOID_ROUND,
    WITNESS,
    Game,
    with_key,
    without_key,
)
from tests.proof.test_roundcheck import places, wrong

GAME = Game()
BOUND = GAME.ticket().binding
assert BOUND is not None


def void_ticket(**changes: Any) -> TicketProof:
    usual = GAME.ticket(number=VOID_ROUND, prize=STAKES[0], refund="VOID", round=GAME.void_round())
    return replace(usual, **changes)


@pytest.mark.parametrize("place", range(4))
def test_a_true_ticket_is_verified_with_its_prize_and_its_place_in_the_log(place: int) -> None:
    proof = GAME.ticket(place)
    read = parse_ticket(read_object(json.dumps(ticket_json(proof))))

    report = verify_ticket(read, with_key())

    assert read == proof
    assert wrong(report) == []
    assert report.verdict == "verified"
    assert not any("operator's clock" in each for each in report.unchecked)


def test_some_ticket_here_has_won() -> None:
    assert any(GAME.prize(FIRST + 7, place) for place in range(4))


def test_without_entropy_the_lock_and_its_guard_are_the_time_at_which_the_draw_is_known() -> None:
    assert verify_ticket(Game(NO_ENTROPY).ticket(), with_key()).verdict == "verified"


def test_a_ticket_that_no_witness_saw_in_time_is_bound_by_the_operators_clock_only() -> None:
    seen_late = replace(
        GAME.ticket().binding,  # type: ignore[type-var]
        accepted=GAME.leaf(f"accepted {FIRST + 7}", witnessed_at=4_000_000_000),
    )
    report = verify_ticket(GAME.ticket(binding=seen_late), with_key())

    assert report.verdict == "verified"
    assert "(g) tickets bound by the operator's clock only" in report.unchecked
    assert any(
        "operator's clock" in e for e in verify_ticket(GAME.ticket(), without_key()).unchecked
    )


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"prize": GAME.prize(FIRST + 7, 0) + 1}, "(e) prize"),
        ({"picks": PICKS[1]}, "(f) binding"),
        ({"picks": (1, 2, 3, 4, 81)}, "(f) binding"),
        ({"stake": STAKES[0] + 1}, "(f) binding"),
        ({"stake": 2**64}, "(f) binding"),
        ({"ref": bytes(16)}, "(f) binding"),
        ({"accepted_at": GAME.accepted_at(FIRST + 7) + timedelta(milliseconds=1)}, "(f) binding"),
        ({"accepted_at": GAME.accepted_at(FIRST + 7) + timedelta(hours=1)}, "(f) binding"),
        ({"receipt": sign_batch(GAME.batch(FIRST + 7), WITNESS)[0]}, "receipt"),
        ({"receipt": GAME.ticket(1).receipt}, "receipt"),
        ({"refund": "LATE_BINDING", "prize": STAKES[0]}, "(f) binding"),
        ({"refund": "VOID", "prize": STAKES[0]}, "(e) prize"),
        ({"refund": "TIRED", "prize": STAKES[0]}, "(e) prize"),
        ({"refund": "CANCELLED", "prize": STAKES[0] - 1}, "(e) prize"),
    ],
)
def test_what_is_false_is_named_by_its_step(changes: dict[str, Any], step: str) -> None:
    report = verify_ticket(GAME.ticket(**changes), with_key())

    assert report.verdict == "mismatch"
    assert step in wrong(report)


def test_a_ticket_under_a_late_head_has_its_stake_back_whatever_was_drawn() -> None:
    bound = GAME.ticket().binding
    assert bound
    late = replace(bound.accepted, entry=bound.accepted.entry.replace("T00:00:3", "T00:01:3"))
    paid = GAME.ticket(binding=replace(bound, accepted=late))
    refunded = replace(paid, refund="LATE_BINDING", prize=STAKES[0])

    paid_details = [step.detail for step in verify_ticket(paid, without_key()).steps]
    refund_details = [step.detail for step in verify_ticket(refunded, without_key()).steps]

    # The leaf was tampered with to get here, so its path does not fit: that is named as well.
    assert any("too late" in detail for detail in paid_details)
    assert not any("in time" in detail for detail in refund_details)


def test_a_ticket_of_a_void_round_has_its_stake_back() -> None:
    assert verify_ticket(void_ticket(), with_key()).verdict == "verified"
    assert wrong(verify_ticket(void_ticket(refund=None, prize=0), with_key())) == ["(e) prize"]
    assert wrong(verify_ticket(void_ticket(prize=STAKES[0] + 1), with_key())) == ["(e) prize"]


def test_a_ticket_that_is_not_in_the_log_yet_cannot_be_checked() -> None:
    report = verify_ticket(GAME.ticket(binding=None), with_key())

    assert report.verdict == "cannot_check"
    assert any("log" in each for each in report.unchecked)


def test_a_ticket_of_an_open_round_is_not_revealed_yet() -> None:
    open_round = GAME.round(FIRST + 7, server_seed=None, beacon=None, draw=None)
    report = verify_ticket(GAME.ticket(round=open_round, prize=None), with_key())

    assert report.verdict == "not_revealed"
    assert wrong(report) == []
    paid = verify_ticket(GAME.ticket(round=open_round), with_key())
    assert wrong(paid) == ["(e) prize"]


def test_a_ticket_given_back_before_its_round_opened_is_the_players_own_word() -> None:
    report = verify_ticket(GAME.ticket(refund="CANCELLED", prize=STAKES[0]), with_key())

    assert report.verdict == "verified"
    assert any("cancelled" in each for each in report.unchecked)


@cache
def written() -> str:
    return json.dumps(ticket_json(GAME.ticket()), separators=(",", ":"))


def is_noticed(text: str) -> bool:
    """A signature under a name that nobody knows cannot be checked: that is listed."""
    try:
        report = verify_ticket(parse_ticket(read_object(text)), with_key())
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


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        (
            {"binding": replace(BOUND, accepted=replace(BOUND.accepted, note="no note"))},
            "(f) binding",
        ),
        ({"binding": replace(BOUND, accepted=replace(BOUND.accepted, entry="{}"))}, "(f) binding"),
        ({"round": replace(GAME.round(FIRST + 7), game="k\xe9no")}, "(f) binding"),
    ],
)
def test_a_forged_part_that_cannot_be_read_is_named_as_well(
    changes: dict[str, Any], step: str
) -> None:
    report = verify_ticket(replace(GAME.ticket(), **changes), with_key())

    assert report.verdict == "mismatch"
    assert step in wrong(report)


@pytest.mark.parametrize(
    ("name", "value"),
    [("draw", [2**53, 1]), ("game", "\ud800"), ("draw", [0, 1]), ("draw", [1, 1])],
)
def test_numbers_and_names_that_no_game_has_are_malformed(name: str, value: object) -> None:
    file = ticket_json(GAME.ticket())

    with pytest.raises(Malformed):
        parse_ticket(read_object(json.dumps({**file, "round": {**file["round"], name: value}})))


def test_a_record_with_numbers_that_canonical_json_has_not_is_named() -> None:
    chain = GAME.leaf("chain")
    huge = replace(chain, entry=chain.entry.replace('"length":400', f'"length":{2**60}'))

    proof = replace(GAME.ticket(), round=GAME.round(FIRST + 7, chain=huge))

    assert "(b) chain" in wrong(verify_ticket(proof, with_key()))
