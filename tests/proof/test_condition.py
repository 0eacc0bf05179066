from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.condition import (
    Decision,
    MarketProblem,
    leaves,
    market_json,
    meets,
    parse_market,
    see,
    step,
    time_weighted_median,
    watch,
    with_supplies,
)
from rooms.proof.pool import Side

COIN = {"type": "coin_price", "asset": "SOL", "direction": "at_or_above", "target": "165.00"}
BELOW = {**COIN, "direction": "at_or_below"}
BTC = {**COIN, "asset": "BTC"}
TOKEN = {**COIN, "type": "token_market_cap", "asset": "Mint", "target": "2000000"}
CREATED = datetime(2026, 11, 20, 15, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def all_of(*parts: object) -> dict[str, Any]:
    return {"type": "all", "of": list(parts)}


def any_of(*parts: object) -> dict[str, Any]:
    return {"type": "any", "of": list(parts)}


def targets(*numbers: int) -> list[dict[str, str]]:
    return [{**COIN, "target": str(number)} for number in numbers]


@pytest.mark.parametrize(
    "market",
    [
        COIN,
        {**TOKEN, "supply": "999999.5"},
        all_of(COIN, BTC),
        any_of(all_of(COIN, BTC), BELOW),
        any_of(*targets(1, 2, 3, 4, 5)),
    ],
)
def test_a_market_is_written_as_it_was_read(market: dict[str, Any]) -> None:
    assert market_json(parse_market(market)) == market


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        (None, "shape"),
        ([], "shape"),
        ({**COIN, "type": "weather"}, "shape"),
        ({**COIN, "type": ["any"]}, "shape"),
        ({**COIN, "more": 1}, "shape"),
        ({**COIN, "supply": "1"}, "shape"),
        ({**TOKEN, "supply": 1}, "shape"),
        ({"type": "all"}, "shape"),
        ({**all_of(COIN), "target": "1"}, "shape"),
        ({**COIN, "asset": ""}, "asset"),
        ({**COIN, "asset": "SOL\n"}, "asset"),
        ({**COIN, "asset": 7}, "asset"),
        ({**COIN, "direction": "up"}, "direction"),
        ({**COIN, "target": 165}, "target"),
        ({**COIN, "target": "0.0"}, "target"),
        ({**COIN, "target": "-1"}, "target"),
        ({**COIN, "target": "NaN"}, "target"),
        ({**COIN, "target": "Infinity"}, "target"),
        ({**COIN, "target": "1e5"}, "target"),
        ({**COIN, "target": " 1"}, "target"),
        ({**COIN, "target": "1_0"}, "target"),
        ({**COIN, "target": "\u0661"}, "target"),
        ({**COIN, "target": "1" * 22}, "target"),
        ({**COIN, "target": "0." + "0" * 20 + "1"}, "target"),
        ({**COIN, "target": "1." + "1" * 30}, "target"),
        (all_of(), "leaves"),
        (any_of(*targets(1, 2, 3, 4, 5, 6)), "leaves"),
        (any_of(all_of(*targets(1, 2, 3)), all_of(*targets(4, 5, 6))), "leaves"),
        (all_of(any_of(all_of(COIN))), "depth"),
        (all_of(COIN, {**COIN, "target": "165"}), "twice"),
        (all_of(TOKEN, {**TOKEN, "supply": "1"}), "twice"),
    ],
)
def test_what_is_no_market_says_why(market: object, reason: str) -> None:
    with pytest.raises(MarketProblem) as problem:
        parse_market(market)

    assert problem.value.reason == reason


def test_the_target_itself_is_met_from_both_sides() -> None:
    at_target = {"SOL": Decimal(165)}

    assert meets(parse_market(COIN), at_target)
    assert meets(parse_market(BELOW), at_target)
    assert not meets(parse_market(COIN), {"SOL": Decimal("164.99999999")})
    assert not meets(parse_market(BELOW), {"SOL": Decimal("165.00000001")})


def test_a_token_is_compared_by_price_times_its_fixed_supply_exactly() -> None:
    supply = Decimal(3000000000000000000000000000001)
    token = parse_market({**TOKEN, "target": "10", "supply": "1"})
    fixed = with_supplies(token, {"Mint": supply})

    assert not meets(fixed, {"Mint": Decimal("0.0000000000000000000000000000033333")})
    assert meets(fixed, {"Mint": Decimal("0.00000000000000000000000000000333334")})


def test_only_tokens_get_a_supply_and_never_that_of_the_host() -> None:
    market = all_of(COIN, any_of(BTC, {**TOKEN, "supply": "1"}))

    fixed = with_supplies(parse_market(market), {"Mint": Decimal(500)})

    assert [leaf.supply for leaf in leaves(fixed)] == [None, None, Decimal(500)]


def test_all_needs_every_leaf_and_any_needs_one() -> None:
    low, high = Decimal(1), Decimal(1000)
    both = {"SOL": high, "BTC": high}
    one = {"SOL": high, "BTC": low}

    assert meets(parse_market(all_of(COIN, BTC)), both)
    assert not meets(parse_market(all_of(COIN, BTC)), one)
    assert meets(parse_market(any_of(COIN, BTC)), one)
    assert not meets(parse_market(any_of(COIN, BTC)), {"SOL": low, "BTC": low})


def after(seconds: float) -> datetime:
    return CREATED + timedelta(seconds=seconds)


def points(*held: tuple[float, str]) -> list[tuple[datetime, Decimal]]:
    return [(after(seconds), Decimal(value)) for seconds, value in held]


@pytest.mark.parametrize(
    ("held", "median"),
    [
        ([(0, "1")], "1"),
        ([(-100, "1"), (150, "2")], "1"),
        ([(-100, "1"), (149, "2")], "2"),
        ([(0, "3"), (100, "1"), (200, "2")], "2"),
        ([(200, "2"), (0, "3"), (100, "1")], "2"),
        ([(0, "1"), (300, "9")], "1"),
        ([(0, "1"), (301, "9")], "1"),
        ([(1, "1")], None),
        ([], None),
    ],
)
def test_a_value_counts_for_as_long_as_it_held(
    held: list[tuple[float, str]], median: str | None
) -> None:
    found = time_weighted_median(points(*held), after(300), WINDOW)

    assert found == (None if median is None else Decimal(median))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=12))
def test_the_time_weighted_median_is_the_median_of_every_second(
    held: list[tuple[int, int]],
) -> None:
    known = sorted([(0, 3), *held], key=lambda point: point[0])
    seconds = [[value for since, value in known if since <= second][-1] for second in range(10, 30)]

    found = time_weighted_median(
        [(after(since), Decimal(value)) for since, value in known], after(30), timedelta(seconds=20)
    )

    assert found == sorted(seconds)[(len(seconds) - 1) // 2]


def test_a_tick_counts_only_with_every_price_and_at_the_earliest_time() -> None:
    market = parse_market(all_of(COIN, BTC))
    sol, btc = (after(9), Decimal(170)), (after(8), Decimal(170))

    def seen(**observed: tuple[datetime, Decimal]) -> object:
        found = see(market, observed, {}, touch=True, token_window=WINDOW)
        return None if found is None else (found.at, found.met)

    assert seen(SOL=sol) is None
    assert seen(SOL=sol, BTC=btc) == (after(8), True)


def test_a_token_touches_by_its_median_and_closes_by_its_price() -> None:
    market = parse_market({**TOKEN, "supply": "1000000"})
    spike = {"Mint": (after(300), Decimal(3))}
    before = {"Mint": points((0, "1"), (280, "3"))}

    def met(earlier: dict[str, list[tuple[datetime, Decimal]]], *, touch: bool) -> bool | None:
        found = see(market, spike, earlier, touch=touch, token_window=WINDOW)
        return None if found is None else found.met

    assert met(before, touch=True) is False
    assert met(before, touch=False) is True
    assert met({}, touch=True) is None
    assert met({"Mint": points((0, "1"), (140, "3"))}, touch=True) is True


SETTLES = 100


def fold(
    ticks: list[tuple[float, bool]],
    resolve: Literal["touch", "at_close"] = "touch",
    confirmations: int = 2,
) -> Decision | None:
    watching = watch(created_at=CREATED, settles_at=after(SETTLES), resolve=resolve)
    for tick, (seconds, met) in enumerate(ticks):
        watching, decision = step(
            watching, tick=tick, at=after(seconds), met=met, confirmations=confirmations
        )
        if decision is not None:
            return decision
    return None


def yes(*ticks: int, hit: float, clear: float) -> Decision:
    return Decision(
        outcome=Side.YES, trigger="touch", ticks=ticks, t_hit=after(hit), t_clear=after(clear)
    )


def closed(outcome: Side, tick: int) -> Decision:
    return Decision(outcome=outcome, trigger="close", ticks=(tick,))


@pytest.mark.parametrize(
    ("ticks", "decision"),
    [
        ([(1, True)], None),
        ([(1, True), (4, True)], yes(0, 1, hit=1, clear=0)),
        ([(1, False), (4, True), (7, True)], yes(0, 1, 2, hit=4, clear=1)),
        ([(1, True), (4, False), (7, True)], None),
        ([(0, True), (3, True)], None),
        ([(0, True), (3, True), (6, True)], yes(1, 2, hit=3, clear=0)),
        ([(-1, False), (3, True), (6, True)], yes(1, 2, hit=3, clear=0)),
        ([(99, True), (102, True)], yes(0, 1, hit=99, clear=0)),
        ([(100, True), (103, True)], yes(0, 1, hit=100, clear=0)),
        ([(100, True), (103, False)], closed(Side.NO, 1)),
        ([(100.001, True)], closed(Side.NO, 0)),
        ([(100, False)], closed(Side.NO, 0)),
        ([(99.999, False), (103, True)], closed(Side.NO, 1)),
        ([(50, True), (49.9, True)], yes(0, 1, hit=50, clear=0)),
        ([(50, False), (49.9, True), (53, True)], yes(0, 1, 2, hit=49.9, clear=50)),
        ([(50, True), (0, False), (53, True)], yes(0, 2, hit=50, clear=0)),
    ],
)
def test_a_touch_needs_two_consecutive_observations_the_first_in_time(
    ticks: list[tuple[float, bool]], decision: Decision | None
) -> None:
    assert fold(ticks) == decision


@pytest.mark.parametrize(
    ("ticks", "decision"),
    [
        ([(50, True), (99.999, True)], None),
        ([(99, False), (100, True)], closed(Side.YES, 1)),
        ([(99, True), (103, False), (106, True)], closed(Side.NO, 1)),
    ],
)
def test_at_close_the_first_observation_from_the_settle_time_on_decides(
    ticks: list[tuple[float, bool]], decision: Decision | None
) -> None:
    assert fold(ticks, "at_close") == decision


@pytest.mark.parametrize(("confirmations", "ticks"), [(1, (0,)), (3, (0, 1, 2))])
def test_how_many_observations_confirm_is_a_setting(
    confirmations: int, ticks: tuple[int, ...]
) -> None:
    decision = fold([(1, True), (4, True), (7, True)], confirmations=confirmations)

    assert decision == yes(*ticks, hit=1, clear=0)


def by_hand(ticks: list[tuple[int, bool]]) -> Decision | None:
    """The rule read as a sentence over the whole list, without a running state."""
    known = [(k, at, met) for k, (at, met) in enumerate(ticks) if at > 0]
    hits = [
        i for i, (one, two) in enumerate(pairwise(known)) if one[2] and two[2] and one[1] <= SETTLES
    ]
    for i, (tick, at, met) in enumerate(known):
        open_streak = met and (at <= SETTLES or (i > 0 and i - 1 in hits))
        if hits and i == hits[0] + 1:
            first = known[hits[0]]
            clear = [(k, when) for k, when, yet in known[: hits[0]] if not yet][-1:]
            shown = (*(k for k, _ in clear), first[0], tick)
            return yes(*shown, hit=first[1], clear=clear[0][1] if clear else 0)
        if at >= SETTLES and not open_streak:
            return closed(Side.NO, tick)
    return None


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=30))
def test_the_fold_decides_as_the_sentence_says(gaps: list[tuple[int, bool]]) -> None:
    ticks, at = [], 0
    for gap, met in gaps:
        at += gap
        ticks.append((at, met))

    assert fold([(float(seconds), met) for seconds, met in ticks]) == by_hand(ticks)
