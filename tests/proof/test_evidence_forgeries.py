"""Files that a dishonest house could write and seal, and that give themselves away."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from rooms.proof.consensus import observation_json
from rooms.proof.evidence import verify_room
from rooms.proof.pool import Side
from tests.proof.room_files import (
    BETS,
    ROOM,
    SETTLES,
    TOKEN,
    TOUCHED,
    Bet,
    at_close,
    coin_observation,
    lines_of,
    sealed,
    token_observation,
    written,
)

Lines = list[dict[str, Any]]
CLOSED: Final = [(900, coin_observation("166", 20 * 60))]


def broken(lines: Lines) -> set[str]:
    return {step.name for step in verify_room(written(sealed(lines))).steps if not step.ok}


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=1)])
def test_betting_that_goes_on_until_the_outcome_is_known_is_found(later: timedelta) -> None:
    room = at_close(replace(ROOM, locks_at=SETTLES + later))
    knowing = Bet(Side.YES, 10**12, 20 * 60 + 60 if later else 20 * 60 - 1)

    assert "trigger" in broken(lines_of(room, CLOSED, [*BETS, knowing]))


def test_a_room_that_settles_before_it_was_created_is_found() -> None:
    lines = lines_of(at_close(), CLOSED)
    lines[0]["room"]["settles_at"] = "2026-11-20T14:59:00.000Z"

    assert "trigger" in broken(lines)


def test_a_bet_that_no_head_covered_is_refunded_and_left_out() -> None:
    lines = lines_of(at_close(), CLOSED, BETS[:3])
    loser = next(line for line in lines[1:] if line["side"] == "NO")
    loser["unbound"] = True

    assert {"scratches", "payouts", "totals"} <= broken(lines)
    loser |= {"counted": False, "payout": loser["stake"]}
    assert "scratches" not in broken(lines)
    assert "totals" in broken(lines)


IMPOSSIBLE: Final[Mapping[str, tuple[tuple[str, ...], object]]] = {
    "no confirmation": (("terms", "confirmations"), 0),
    "a bet in the past counts": (("terms", "past_post_ms"), -1),
    "a grace period that ends before it begins": (("terms", "settle_grace_ms"), -1),
    "no quorum for coins": (("terms", "oracle", "quorum_coin"), 0),
    "no quorum for tokens": (("terms", "oracle", "quorum_token"), 0),
    "any spread": (("terms", "oracle", "spread_coin"), "1"),
    "no players": (("min_players",), 0),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_terms_that_no_house_can_have_set_are_found(what: str) -> None:
    (*path, name), value = IMPOSSIBLE[what]
    lines = lines_of()
    place = lines[0]["room"]
    for key in path:
        place = place[key]
    place[name] = value

    assert "trigger" in broken(lines)


@pytest.mark.parametrize("resolve", ["touch", "at_close"])
def test_a_token_whose_supply_was_never_fixed_is_a_mismatch(resolve: str) -> None:
    lines = lines_of()
    lines[0]["room"] |= {"market": {**TOKEN}, "resolve": resolve}
    del lines[0]["room"]["market"]["supply"]
    lines[0]["observations"] = [
        observation_json(token_observation("3", 60 * tick), tick) for tick in range(1, 20)
    ]

    assert "trigger" in broken(lines)


def test_one_consensus_that_stands_for_two_ticks_is_found() -> None:
    clear, (_, met), _ = TOUCHED

    assert "consensus" in broken(lines_of(observations=[clear, (12, met), (13, met)]))


def test_ticks_in_another_order_than_their_prices_were_seen_are_found() -> None:
    seen = [coin_observation(*each) for each in (("164.2", 303), ("165.1", 300), ("165.3", 306))]

    assert "consensus" in broken(lines_of(observations=list(zip((11, 12, 13), seen, strict=True))))


def no_consensus(lines: Lines) -> None:
    lines[0] |= {"reason": "NO_CONSENSUS"}


def by_staff(lines: Lines) -> None:
    lines[0] |= {"reason": "ADMIN"}


@pytest.mark.parametrize("void", [no_consensus, by_staff])
def test_a_void_against_the_decision_that_its_own_file_shows_is_found(
    void: Callable[[Lines], None],
) -> None:
    lines = lines_of(reason="NO_CONSENSUS")
    void(lines)

    assert broken(lines) == {"reason"}


def test_a_void_may_show_the_price_that_came_after_the_grace_period() -> None:
    late = [(900, coin_observation("166", 35 * 60 + 1))]

    assert broken(lines_of(at_close(), late, reason="NO_CONSENSUS")) == set()
