from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from rooms.contexts.oracle.api import Basis, Newest
from rooms.contexts.parimutuel.api import RoomStatus
from rooms.contexts.parimutuel.domain import (
    MOVES,
    Room,
    clean_title,
    lock_time,
    read_market,
    require_depth,
    require_fresh,
    require_players,
    require_stake,
    require_unmet,
    room_times,
)
from rooms.kernel.ids import AccountId, PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.proof.condition import market_json, with_supplies
from tests.houses import LIMITS, MINT, ONE, TERMS, TOUCH_SOL

ON_ITS_TERMS, ON_OTHERS = 3, 4
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
TOKEN: dict[str, Any] = {
    "type": "token_market_cap",
    "asset": MINT,
    "direction": "at_or_above",
    "target": "4000000",
}


def coin(**changes: Any) -> dict[str, Any]:
    return {**TOUCH_SOL, **changes}


def a_room(market: object = TOUCH_SOL, **changes: Any) -> Room:
    condition = with_supplies(read_market(market), {MINT: Decimal(1_000_000)})
    values: dict[str, Any] = {
        "id": RoomId(7),
        "status": RoomStatus.OPEN,
        "resolve": "touch",
        "host_id": PlayerId(1),
        "host_account": AccountId(1),
        "min_players": 2,
        "terms": TERMS,
        "created_at": NOW,
        "void_delay": timedelta(minutes=10),
        "locks_at": NOW + timedelta(minutes=30),
        "settles_at": NOW + timedelta(hours=1),
        "priced_on": ON_ITS_TERMS,
    }
    return Room(condition=condition, **{**values, **changes})


def refusal_of(code: str) -> Any:
    return pytest.raises(Refusal, match=f"^{code}")


@pytest.mark.parametrize(
    "title", ["12345", "x" * 200, "  12345\n", "Wird's 200 €? Ça va 🚀", "日本語の題"]
)
def test_a_title_of_five_to_two_hundred_characters_is_kept_trimmed(title: str) -> None:
    assert clean_title(title) == title.strip()


@pytest.mark.parametrize("title", ["", "1234", "1234      ", "\t 1234 \n", "x" * 201, " " * 9])
def test_a_title_that_is_too_short_or_long_after_trimming_is_refused(title: str) -> None:
    with refusal_of("E-ROOM-TITLE") as refused:
        clean_title(title)
    assert f"{len(title.strip())} characters" in refused.value.data["why"]


@pytest.mark.parametrize(
    "hidden",
    [
        *("\x00", "\x07", "\x1b", "\n", "\r", "\t", "\x7f", "\x85"),  # control
        *("\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u200e", "\u200f", "\u061c"),
        *("\u2066", "\u2067", "\u2068", "\u2069"),  # bidirectional
        *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e"),  # zero-width
        *("\u2028", "\u2029", "\ud800", "\ue000", "\U000e0041", "\U000f0000", "\u0378"),
    ],
)
def test_a_title_that_hides_a_character_is_refused_and_the_character_is_named(
    hidden: str,
) -> None:
    with refusal_of("E-ROOM-TITLE") as refused:
        clean_title(f"SOL{hidden}165 soon")
    assert f"U+{ord(hidden):04X}" in refused.value.data["why"]


@pytest.mark.parametrize(
    "target",
    [
        *("0", "-1", "0.00", "", "a", "NaN", "Infinity", "1e3", "1,000", " 1", "\u0661"),
        *("1" * 31, "1" * 22, "0." + "0" * 25 + "1"),
        *(165, 165.0, None, True, ["165"]),
    ],
)
def test_a_target_that_is_not_a_positive_number_is_refused(target: object) -> None:
    with refusal_of("E-ROOM-TARGET"):
        read_market(coin(target=target))


@pytest.mark.parametrize("target", ["165.00", "0.000000000001", "100000000000000000000", "007"])
def test_a_target_is_kept_as_it_was_written_but_for_leading_zeros(target: str) -> None:
    kept = market_json(read_market(coin(target=target)))

    assert Decimal(kept["target"]) == Decimal(target)


@pytest.mark.parametrize("asset", ["", "s", "sol", "SO L", "S" * 13, "SOL$", 7, None, "../etc"])
def test_a_coin_is_a_ticker(asset: object) -> None:
    with refusal_of("E-ASSET-UNKNOWN"):
        read_market(coin(asset=asset))


@pytest.mark.parametrize("mint", [MINT[:-3], MINT + "1", "0" * 44, "O" * 44, "SOL", "", "I" * 32])
def test_a_token_is_a_solana_address(mint: str) -> None:
    with refusal_of("E-ASSET-UNKNOWN"):
        read_market({**TOKEN, "asset": mint})


@pytest.mark.parametrize(
    "market",
    [
        *(None, [], "SOL", 7, {}, {"type": "coin_price"}, {"type": "price"}),
        coin(type="token"),
        coin(direction="above"),
        coin(direction=None),
        coin(extra="1"),
        coin(supply="1"),
        {**TOKEN, "supply": "-1"},
        {"type": "all", "of": []},
        {"type": "all", "of": "SOL"},
        {"type": "any"},
        {"type": "any", "of": [TOUCH_SOL], "target": "1"},
    ],
)
def test_what_is_no_market_is_refused_in_words(market: object) -> None:
    with pytest.raises(Refusal) as refused:
        read_market(market)
    assert refused.value.code in ("E-ROOM-MARKET", "E-ASSET-UNKNOWN", "E-ROOM-TARGET")
    assert refused.value.data


def nest(kind: str, *parts: object) -> dict[str, Any]:
    return {"type": kind, "of": list(parts)}


def coins(count: int) -> list[dict[str, Any]]:
    return [coin(target=str(100 + number)) for number in range(count)]


def test_markets_combine_five_leaves_two_deep() -> None:
    market = nest("any", nest("all", *coins(4)), TOKEN)

    assert a_room(market).assets == tuple(sorted(("SOL", MINT)))
    assert market_json(read_market(market)) == market


@pytest.mark.parametrize(
    ("market", "word"),
    [
        (nest("all", nest("any", nest("all", TOUCH_SOL))), "two deep"),
        (nest("all", *coins(6)), "five"),
        (nest("all", nest("any", *coins(3)), nest("any", *coins(6)[3:])), "five"),
        (nest("all", TOUCH_SOL, TOUCH_SOL), "twice"),
        (nest("all", coin(target="165"), nest("any", coin(target="165.000"))), "twice"),
    ],
)
def test_combinations_beyond_that_are_refused_in_words(market: object, word: str) -> None:
    with refusal_of("E-ROOM-MARKET") as refused:
        read_market(market)
    assert word in refused.value.data["why"]


def times(
    settles_in: timedelta | None = None,
    settles_at: datetime | None = None,
    lock_fraction: str | None = None,
) -> tuple[timedelta, Fraction]:
    return room_times(
        now=NOW,
        settles_in=settles_in,
        settles_at=settles_at,
        lock_fraction=None if lock_fraction is None else Decimal(lock_fraction),
        limits=LIMITS,
    )


SHORTEST, LONGEST, MOMENT = timedelta(minutes=15), timedelta(hours=24), timedelta(milliseconds=1)


@pytest.mark.parametrize("duration", [SHORTEST, timedelta(hours=2), LONGEST])
def test_a_room_settles_fifteen_minutes_to_a_day_ahead(duration: timedelta) -> None:
    half = Fraction(1, 2)

    assert times(settles_in=duration) == (duration, half)
    assert times(settles_at=NOW + duration) == (duration, half)


@pytest.mark.parametrize("duration", [SHORTEST - MOMENT, LONGEST + MOMENT, timedelta(), -SHORTEST])
def test_a_room_that_settles_sooner_or_later_is_refused(duration: timedelta) -> None:
    with refusal_of("E-ROOM-TIME"):
        times(settles_in=duration)
    with refusal_of("E-ROOM-TIME"):
        times(settles_at=NOW + duration)


def test_a_room_has_one_settle_time() -> None:
    with refusal_of("E-ROOM-TIME"):
        times()
    with refusal_of("E-ROOM-TIME"):
        times(settles_in=LONGEST, settles_at=NOW + LONGEST)


@pytest.mark.parametrize(
    ("fraction", "minutes"), [("0.1", 6), ("0.5", 30), ("0.9", 54), ("0.333", 19.98)]
)
def test_a_room_locks_at_the_hosts_fraction_of_its_duration(fraction: str, minutes: float) -> None:
    duration, part = times(settles_in=timedelta(hours=1), lock_fraction=fraction)

    assert lock_time(NOW, duration, part) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize("fraction", ["0.0999", "0.901", "0", "1", "-0.5", "50"])
def test_a_room_that_locks_too_early_or_late_is_refused(fraction: str) -> None:
    with refusal_of("E-ROOM-TIME"):
        times(settles_in=LONGEST, lock_fraction=fraction)


def test_a_lock_time_is_cut_to_milliseconds() -> None:
    locks_at = lock_time(NOW, timedelta(milliseconds=900_001), Fraction(1, 3))

    assert locks_at == NOW + timedelta(milliseconds=300_000)


def test_a_room_may_need_one_to_a_thousand_players() -> None:
    assert [require_players(wanted, LIMITS) for wanted in (None, 1, 1000)] == [2, 1, 1000]
    for wanted in (0, -1, 1001):
        with refusal_of("E-ROOM-PLAYERS"):
            require_players(wanted, LIMITS)


def test_a_stake_keeps_to_the_bounds() -> None:
    for stake in (LIMITS.stake_min, LIMITS.stake_max):
        require_stake(stake, LIMITS)
    for stake in (LIMITS.stake_min - 1, LIMITS.stake_max + 1, 0, -ONE):
        with refusal_of("E-STAKE"):
            require_stake(stake, LIMITS)


def test_a_bet_is_admitted_until_the_lock_time_and_not_at_it() -> None:
    for status in (RoomStatus.QUEUING, RoomStatus.OPEN):
        room = a_room(status=status)
        room.admit(room.locks_at - MOMENT)
        with refusal_of("E-BET-LOCKED"):
            room.admit(room.locks_at)


@pytest.mark.parametrize("status", list(RoomStatus)[2:])
def test_a_room_that_is_past_betting_admits_nothing(status: RoomStatus) -> None:
    with refusal_of("E-BET-LOCKED"):
        a_room(status=status).admit(NOW)


def newest(asset: str, price: str, *, age: timedelta, reserve: int | None = None) -> Newest:
    return Newest(asset, 1, NOW - age, Decimal(price), reserve)


def seen(*prices: Newest, terms: int = ON_ITS_TERMS) -> dict[Basis, Newest]:
    return {Basis(each.asset, terms): each for each in prices}


def test_a_price_may_be_ten_seconds_old_and_every_asset_needs_one() -> None:
    both = a_room(nest("all", TOUCH_SOL, coin(asset="BTC")))
    old, too_old = timedelta(seconds=10), timedelta(seconds=10) + MOMENT
    sol, btc = newest("SOL", "1", age=old), newest("BTC", "1", age=-MOMENT)

    require_fresh(both, seen(sol, btc), NOW, LIMITS)
    for stale in (
        seen(sol, newest("BTC", "1", age=too_old)),
        seen(sol, newest("BTC", "1", age=-too_old)),
        seen(sol) | seen(btc, terms=ON_OTHERS),
        seen(sol),
        {},
    ):
        with refusal_of("E-PRICE-STALE"):
            require_fresh(both, stale, NOW, LIMITS)


def test_a_touch_room_takes_no_bet_while_its_target_is_met() -> None:
    below = seen(newest("SOL", "164.99", age=MOMENT))
    there = seen(newest("SOL", "165", age=MOMENT))

    require_unmet(a_room(), below)
    require_unmet(a_room(), below | seen(newest("SOL", "165", age=MOMENT), terms=ON_OTHERS))
    require_unmet(a_room(resolve="at_close"), there)
    with refusal_of("E-TARGET-MET"):
        require_unmet(a_room(), there)


def test_a_token_room_holds_no_more_than_pushing_its_pool_costs() -> None:
    # At a quarter of its target: sqrt(4) - 1 = 1, so 2 % of the reserve.
    priced = seen(newest(MINT, "1", age=MOMENT, reserve=100 * ONE))
    room = a_room(TOKEN)

    require_depth(room, priced, 2 * ONE, LIMITS)
    with refusal_of("E-DEPTH"):
        require_depth(room, priced, 2 * ONE + 1, LIMITS)


def test_the_depth_is_the_same_from_above_as_from_below() -> None:
    priced = seen(newest(MINT, "16", age=MOMENT, reserve=100 * ONE))
    room = a_room({**TOKEN, "direction": "at_or_below"})

    require_depth(room, priced, 2 * ONE, LIMITS)
    with refusal_of("E-DEPTH"):
        require_depth(room, priced, 2 * ONE + 1, LIMITS)


@pytest.mark.parametrize("reserve", [50 * ONE - 1, 0, None])
def test_a_token_room_below_the_liquidity_floor_takes_no_stake(reserve: int | None) -> None:
    priced = seen(newest(MINT, "1", age=MOMENT, reserve=reserve))

    with refusal_of("E-DEPTH"):
        require_depth(a_room(TOKEN), priced, 1, LIMITS)


def test_every_token_of_a_combined_room_has_to_be_deep_enough() -> None:
    room = a_room(nest("any", TOUCH_SOL, TOKEN))
    shallow = seen(newest("SOL", "1", age=MOMENT), newest(MINT, "1", age=MOMENT, reserve=50 * ONE))

    assert room.has_tokens
    require_depth(room, shallow, ONE, LIMITS)
    with refusal_of("E-DEPTH"):
        require_depth(room, shallow, ONE + 1, LIMITS)


@pytest.mark.parametrize(("here", "there"), list(product(RoomStatus, repeat=2)))
def test_a_room_moves_along_its_life_and_never_back(here: RoomStatus, there: RoomStatus) -> None:
    room = a_room(status=here)
    if there in MOVES.get(here, frozenset()):
        assert list(RoomStatus).index(there) > list(RoomStatus).index(here)
        room.require_move(there)
        return
    with pytest.raises(AssertionError):
        room.require_move(there)
