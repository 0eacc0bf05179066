"""What the monitor decides, tick by tick, and that it decides once."""

import asyncio
from collections import defaultdict
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from rooms.contexts.oracle.module import oracle_terms
from rooms.kernel.time import Instant, to_millis
from rooms.platform.lease import LeadershipLost, Lease
from rooms.proof.condition import Decision, MarketType, Point, parse_market, see, step, watch
from rooms.proof.consensus import consensus, parse_observation
from tests.contexts.oracle.conftest import Fact, Rig, coin
from tests.contracts.outside import MINT

TOO_MANY = ("coinbase", "kraken", "pyth")
"""The two sources that are left are no quorum."""

LAG = timedelta(milliseconds=501)
"""By how much the sandbox's slowest source, a kline that has to close first, lies behind."""


def only(facts: list[Fact]) -> tuple[str, dict[str, Any]]:
    assert len(facts) == 1, facts
    return facts[0]


def seen_at(tick: Instant) -> int:
    return to_millis(tick - LAG)


async def test_a_target_met_twice_in_a_row_is_told_once_with_the_observations_that_show_it(
    rig: Rig,
) -> None:
    await rig.watch(coin("SOL", "165"))
    clear = await rig.tick()
    hit = await rig.tick_at("SOL", "165.2")
    assert await rig.facts() == []

    await rig.tick()
    await rig.tick()

    kind, told = only(await rig.facts())
    assert kind == "ConditionMet"
    assert (told["subject"], told["trigger"]) == ("room:1", "touch")
    assert (told["t_clear"], told["t_hit"]) == (seen_at(clear), seen_at(hit))
    evidence = await rig.evidence((kind, told), "SOL")
    assert [each["tick"] for each in evidence] == told["ticks"]
    assert [float(each["price"]) > 165 for each in evidence] == [False, True, True]


async def test_a_single_spike_decides_nothing(rig: Rig) -> None:
    await rig.watch(coin("SOL", "165"))
    for price in ("165.2", "150", "165.2", "150"):
        await rig.tick_at("SOL", price)

    assert await rig.facts() == []


async def test_a_hit_before_the_settle_time_may_be_confirmed_after_it(rig: Rig) -> None:
    await rig.watch(coin("SOL", "140", "at_or_below"), settles_in=4)
    hit = await rig.tick_at("SOL", "139")
    await rig.tick()

    kind, told = only(await rig.facts())
    assert kind == "ConditionMet"
    assert told["t_hit"] == seen_at(hit)
    assert told["t_clear"] == to_millis(hit - timedelta(seconds=3)), "creation: none was clear"
    assert len(told["ticks"]) == 2


async def test_a_touch_that_never_came_is_told_by_the_first_observation_after_the_settle_time(
    rig: Rig,
) -> None:
    await rig.watch(coin("SOL", "165"), settles_in=5)
    await rig.tick()
    assert await rig.facts() == []
    await rig.tick()
    await rig.tick()

    kind, told = only(await rig.facts())
    assert (kind, told["trigger"], len(told["ticks"])) == ("ConditionNotMet", "close", 1)


@pytest.mark.parametrize(("target", "kind"), [("149", "ConditionMet"), ("151", "ConditionNotMet")])
async def test_at_close_the_first_observation_wholly_after_the_settle_time_decides(
    rig: Rig, target: str, kind: str
) -> None:
    await rig.watch(coin("SOL", target), resolve="at_close", settles_in=5.7)
    await rig.tick()
    await rig.tick()
    assert await rig.facts() == [], "one source still told of the time before"
    await rig.tick()

    fact = only(await rig.facts())
    assert fact[0] == kind
    assert fact[1].get("t_hit") is None
    assert len(await rig.evidence(fact, "SOL")) == 1


async def test_a_combination_is_met_only_where_all_parts_are_met_in_the_same_ticks(
    rig: Rig,
) -> None:
    await rig.put("BTC", price="95000")
    await rig.watch({"type": "all", "of": [coin("SOL", "165"), coin("BTC", "100000")]})
    await rig.tick_at("SOL", "166")
    await rig.put("SOL", price="150")
    await rig.tick_at("BTC", "100001")
    await rig.tick()
    assert await rig.facts() == []

    await rig.tick_at("SOL", "166")
    await rig.tick()

    kind, told = only(await rig.facts())
    assert kind == "ConditionMet"
    evidence = await rig.evidence((kind, told), "SOL", "BTC")
    assert [each["asset"] for each in evidence] == ["BTC", "SOL"] * 3


async def test_a_tick_that_lacks_one_of_a_rooms_prices_says_nothing_about_the_room(
    rig: Rig,
) -> None:
    await rig.watch({"type": "any", "of": [coin("SOL", "165"), coin("BTC", "100000")]})
    await rig.put("SOL", price="166")
    await rig.strike("BTC", "html")
    await rig.tick()
    await rig.tick()
    assert await rig.facts() == []

    await rig.strike("BTC", None)
    await rig.tick()
    await rig.tick()
    assert only(await rig.facts())[0] == "ConditionMet"


async def test_while_feeds_are_dead_nothing_is_decided_and_the_last_clear_sight_is_remembered(
    rig: Rig,
) -> None:
    await rig.watch(coin("SOL", "165"), settles_in=8)
    clear = await rig.tick()
    await rig.strike("SOL", "html", TOO_MANY)
    await rig.tick_at("SOL", "170")
    assert await rig.count("observations") == 2

    await rig.strike("SOL", None, TOO_MANY)
    await rig.tick(1)
    await rig.tick()

    kind, told = only(await rig.facts())
    assert kind == "ConditionMet"
    assert told["t_clear"] == seen_at(clear)


async def test_the_second_meeting_observation_may_come_after_a_restart(rig: Rig) -> None:
    await rig.watch(coin("SOL", "165"))
    await rig.tick()
    hit = await rig.tick_at("SOL", "166")
    await rig.lease.release()

    await rig.restarted("second").tick()

    assert only(await rig.facts())[1]["t_hit"] == seen_at(hit)


async def test_each_watch_is_decided_on_its_own_terms_though_the_settings_have_changed(
    rig: Rig,
) -> None:
    await rig.watch(coin("SOL", "165"), subject="room:1")
    others = rig.settings.sources.model_copy(
        update={
            "kraken": rig.settings.sources.kraken.model_copy(update={"weight": 9}),
            "coinbase": rig.settings.sources.coinbase.model_copy(update={"origin": "kraken"}),
            "binance": rig.settings.sources.binance.model_copy(update={"url": ""}),
        }
    )
    changed = rig.settings.model_copy(update={"sources": others, "quorum_coin": 2})
    await rig.lease.release()
    second = rig.restarted("second", changed)
    await second.watch(coin("SOL", "165"), subject="room:2")
    for price in ("164", "166", "167"):
        await second.tick_at("SOL", price)

    facts = {told["subject"]: (kind, told) for kind, told in await rig.facts()}
    first = await rig.evidence(facts["room:1"], "SOL")
    other = await rig.evidence(facts["room:2"], "SOL")
    assert len(first) == len(other) == 3
    assert not {each["tick"] for each in first} & {each["tick"] for each in other}
    for evidence, settings in ((first, rig.settings), (other, changed)):
        terms = oracle_terms(settings)
        for each in evidence:
            _, seen = parse_observation(each)
            quotes = [judged.quote for judged in seen.quotes if judged.why != "bound"]
            assert {(quote.source, quote.weight, quote.origin) for quote in quotes} <= {
                (name, fixed.weight, fixed.origin) for name, fixed in terms.sources.items()
            }
            bound = next((each.quote for each in seen.quotes if each.why == "bound"), None)
            rules = terms.rules(MarketType.COIN_PRICE)
            assert consensus("SOL", quotes, rules, seen.judged_at, bound) == seen


async def test_a_leader_who_was_replaced_unknowingly_writes_nothing(rig: Rig) -> None:
    await rig.watch(coin("SOL", "165"))
    await rig.tick()
    stale = Lease(rig.database, "oracle", "first", epoch=rig.lease.epoch)
    await rig.lease.release()
    second = rig.restarted("second")
    await second.tick_at("SOL", "166")
    before = await rig.count("observations"), await rig.count("ticks")

    with pytest.raises(LeadershipLost):
        await rig.deciding.tick(stale)

    assert (await rig.count("observations"), await rig.count("ticks")) == before
    assert await rig.facts() == []
    assert not await stale.acquire()


async def test_a_watch_that_was_ended_tells_nothing_and_a_decided_one_cannot_be_ended(
    rig: Rig,
) -> None:
    await rig.watch(coin("SOL", "165"), subject="room:1")
    await rig.watch(coin("SOL", "166"), subject="room:2")
    async with rig.database.transaction() as tx:
        assert await rig.face.end_watch(tx, "room:1")
    await rig.tick_at("SOL", "170")
    await rig.tick()

    assert only(await rig.facts())[1]["subject"] == "room:2"
    async with rig.database.transaction() as tx:
        assert not await rig.face.end_watch(tx, "room:2")


async def test_who_ends_a_watch_while_it_is_being_decided_is_first_or_second_but_not_both(
    rig: Rig,
) -> None:
    await rig.watch(coin("SOL", "165"))
    await rig.tick_at("SOL", "166")
    async with rig.database.transaction() as tx:
        assert await rig.face.end_watch(tx, "room:1")
        deciding = asyncio.create_task(rig.tick())
        await rig.until(partial(_waits_for_a_row, rig))
    await deciding

    assert await rig.facts() == []


async def _waits_for_a_row(rig: Rig) -> bool:
    async with rig.database.snapshot() as tx:
        return bool(await tx.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))


async def test_the_oracle_asks_nothing_while_nothing_is_watched(rig: Rig) -> None:
    await rig.watch(coin("SOL", "151"), resolve="at_close", settles_in=2)
    ticks = await rig.count("ticks")
    await rig.tick()
    await rig.tick()
    await rig.tick()

    assert await rig.count("ticks") == ticks + 1


def cap(target: str) -> dict[str, Any]:
    return {
        "type": "token_market_cap",
        "asset": MINT,
        "direction": "at_or_above",
        "target": target,
        "supply": "1000000000",
    }


async def test_a_tokens_touch_needs_the_median_of_its_window_and_tells_all_that_shows_it(
    rig: Rig,
) -> None:
    await rig.put(MINT, market_cap="5000000")
    rig.clock.advance(2)
    first = await rig.watch(cap("6000000"), token_window=12)
    for _ in range(4):
        await rig.tick()
    await rig.put(MINT, market_cap="7000000")
    await rig.tick()
    await rig.tick()
    assert await rig.facts() == [], "two of four values in the window are high"

    for _ in range(3):
        await rig.tick()

    fact = only(await rig.facts())
    assert fact[0] == "ConditionMet"
    decision = derived_again(await rig.evidence(fact, MINT), cap("6000000"), rig, first.id)
    assert decision is not None
    assert decision.t_hit is not None
    assert decision.t_clear is not None
    assert fact[1]["t_hit"] == to_millis(decision.t_hit)
    assert fact[1]["t_clear"] == to_millis(decision.t_clear)
    assert set(decision.ticks) < set(fact[1]["ticks"])


async def test_a_tokens_price_from_before_its_room_does_not_count(rig: Rig) -> None:
    await rig.put(MINT, market_cap="7000000")
    rig.clock.advance(2)
    await rig.watch(cap("9000000"), subject="room:1", token_window=12)
    for _ in range(6):
        await rig.tick()
    await rig.put(MINT, market_cap="5000000")
    rig.clock.advance(2)
    await rig.watch(cap("6000000"), subject="room:2", token_window=12)
    for _ in range(6):
        await rig.tick()

    assert await rig.facts() == []


async def test_at_close_a_token_is_compared_by_its_price_at_that_instant(rig: Rig) -> None:
    await rig.put(MINT, market_cap="5000000")
    rig.clock.advance(2)
    await rig.watch(cap("6000000"), resolve="at_close", settles_in=7)
    await rig.tick()
    await rig.put(MINT, market_cap="7000000")
    await rig.tick()
    await rig.tick()

    kind, told = only(await rig.facts())
    assert (kind, len(told["ticks"])) == ("ConditionMet", 1)


def derived_again(
    evidence: list[dict[str, Any]], market: dict[str, Any], rig: Rig, first_tick: int
) -> Decision | None:
    """Fold what is published, as a verifier does."""
    watching = watch(
        created_at=rig.clock.now() - timedelta(seconds=27),
        settles_at=rig.clock.now() + timedelta(seconds=600),
        resolve="touch",
    )
    earlier: dict[str, list[Point]] = defaultdict(list)
    for tick, each in map(parse_observation, evidence):
        assert tick >= first_tick
        seen = see(
            parse_market(market),
            {each.asset: (each.at, each.price)},
            earlier,
            touch=True,
            token_window=timedelta(seconds=12),
        )
        earlier[each.asset].append((each.at, each.price))
        if seen is None:
            continue
        watching, decision = step(watching, tick=tick, at=seen.at, met=seen.met)
        if decision is not None:
            return decision
    return None


async def test_a_clock_that_is_set_back_observes_nothing_until_it_has_caught_up(rig: Rig) -> None:
    await rig.watch(coin("SOL", "165"))
    await rig.tick()
    seen = await rig.count("observations")
    rig.clock.advance(-10)
    await rig.tick_at("SOL", "165")
    await rig.tick()
    assert await rig.count("observations") == seen
    assert not await rig.told()
    rig.clock.advance(10)
    await rig.tick()
    await rig.tick()
    assert await rig.told()
