"""What the oracle says a thing is worth now, and what it keeps of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from rooms.contexts.oracle.api import Basis, Newest, Priced
from rooms.contexts.oracle.module import oracle_terms
from rooms.contexts.oracle.storage import OracleStorage
from rooms.kernel.time import rfc3339
from rooms.proof.condition import MarketType
from tests.contexts.oracle.conftest import COINS, Rig, coin, oracle_settings
from tests.contracts.outside import MINT

SOL = Priced(MarketType.COIN_PRICE, "SOL")
TOKEN = Priced(MarketType.TOKEN_MARKET_CAP, MINT)
NOWHERE = "So11111111111111111111111111111111111111112"


async def newest(rig: Rig, *assets: str) -> dict[str, Newest]:
    """What is newest on the terms of these settings."""
    async with rig.database.transaction() as tx:
        terms = await OracleStorage().number_of(tx, oracle_terms(rig.settings))
        found = await rig.face.newest(tx, [Basis(asset, terms) for asset in assets])
    return {basis.asset: each for basis, each in found.items()}


async def published(rig: Rig, tick: int, asset: str) -> dict[str, dict[str, Any]]:
    """One observation's quotes, by source."""
    async with rig.database.snapshot() as tx:
        (evidence,) = await rig.face.evidence(tx, [tick], [asset])
    return {quote["source"]: quote for quote in evidence["quotes"]}


async def test_what_is_observed_is_stored_with_every_quote_and_is_the_newest_price(
    rig: Rig,
) -> None:
    tick = await rig.face.observe({SOL, TOKEN})

    seen = await newest(rig, "SOL", MINT, "BTC")
    assert seen.keys() == {"SOL", MINT}
    assert seen["SOL"].price == tick.observations["SOL"].price
    assert seen["SOL"].at == tick.observations["SOL"].at
    assert seen["SOL"].quote_reserve is None
    assert seen[MINT].quote_reserve == 20_000 * 10**9
    assert tick.observations[MINT].supply == Decimal(1_000_000_000)

    quotes = await published(rig, tick.id, "SOL")
    assert quotes.keys() == {*COINS, "coingecko"}
    assert [source for source in quotes if not quotes[source]["used"]] == ["coingecko"]
    assert quotes["coingecko"]["why"] == "bound"


async def test_without_a_quorum_nothing_is_stored_and_the_reasons_are_told(rig: Rig) -> None:
    await rig.strike("SOL", "zero", ["binance", "kraken"])
    await rig.strike("SOL", "times1000", ["pyth"])

    tick = await rig.face.observe([SOL])

    assert tick.missing["SOL"].reason == "quorum"
    why = {judged.quote.source: judged.why for judged in tick.missing["SOL"].quotes}
    assert why["binance"] == "not_positive"
    assert why["pyth"] == "outlier"
    assert await newest(rig, "SOL") == {}


async def test_what_is_newest_is_so_on_its_terms_and_what_was_ever_priced_on_any(rig: Rig) -> None:
    await rig.watch(coin("SOL", "165"), subject="room:1")
    first = (await newest(rig, "SOL"))["SOL"]
    other = rig.restarted("other", rig.settings.model_copy(update={"quorum_coin": 2}))
    rig.clock.advance(3)
    assert await newest(other, "SOL") == {}
    await other.watch(coin("SOL", "165"), subject="room:2")

    assert (await newest(rig, "SOL"))["SOL"] == first
    second = (await newest(other, "SOL"))["SOL"]
    assert second.tick > first.tick
    async with rig.database.snapshot() as tx:
        terms = await rig.face.terms_of(tx, ["room:1", "room:2", "room:3"])
        on_both = await rig.face.newest(tx, [Basis("SOL", number) for number in terms.values()])
        assert await rig.face.ever_priced(tx, ["SOL", "BTC"]) == {"SOL"}
    assert terms.keys() == {"room:1", "room:2"}
    assert [each.tick for each in on_both.values()] == [first.tick, second.tick]

    await rig.tick()
    assert first.tick < (await newest(rig, "SOL"))["SOL"].tick
    assert second.tick < (await newest(other, "SOL"))["SOL"].tick


@pytest.mark.parametrize(
    "asset", [Priced(MarketType.COIN_PRICE, "NOSUCH"), Priced(MarketType.TOKEN_MARKET_CAP, NOWHERE)]
)
async def test_what_sources_do_not_know_is_unknown(rig: Rig, asset: Priced) -> None:
    tick = await rig.face.observe([asset])

    failures = [judged.quote.failure for judged in tick.missing[asset.asset].quotes]
    assert 2 * failures.count("unknown") > len(failures)


async def test_a_consensus_far_from_the_sanity_bound_is_no_price(rig: Rig) -> None:
    await rig.strike("SOL", "times1000", ["coingecko"])

    assert (await rig.face.observe([SOL])).missing["SOL"].reason == "bound"


async def test_a_bound_is_asked_at_its_own_pace_and_serves_while_it_is_young(rig: Rig) -> None:
    slow = {"coingecko": {"min_interval": timedelta(seconds=60)}}
    rig = rig.restarted("slow", oracle_settings(str(rig.sandbox._base_url), **slow))
    asked_at = rfc3339(rig.clock.now())
    await rig.face.observe([SOL])

    rig.clock.advance(119)
    tick = await rig.face.observe([SOL])
    assert (await published(rig, tick.id, "SOL"))["coingecko"]["received_at"] == asked_at

    rig.clock.advance(2)
    tick = await rig.face.observe([SOL])
    assert "coingecko" not in await published(rig, tick.id, "SOL")


async def test_a_failed_bound_does_not_stand_in_the_way_of_a_price(rig: Rig) -> None:
    await rig.strike("SOL", "html", ["coingecko"])
    tick = await rig.face.observe([SOL])

    assert (await published(rig, tick.id, "SOL"))["coingecko"]["why"] == "not_json"


async def test_a_source_that_is_switched_off_has_no_quote(rig: Rig) -> None:
    off = {"kraken": {"url": ""}, "coingecko": {"url": ""}}
    rig = rig.restarted("fewer", oracle_settings(str(rig.sandbox._base_url), **off))
    tick = await rig.face.observe([SOL])

    assert (await published(rig, tick.id, "SOL")).keys() == set(COINS) - {"kraken"}


async def test_the_monitor_asks_once_for_what_several_rooms_need(rig: Rig) -> None:
    for number in range(3):
        await rig.watch(coin("SOL", str(165 + number)), subject=f"room:{number}")
    before = await rig.count("observations")
    await rig.tick()

    assert await rig.count("observations") == before + 1
