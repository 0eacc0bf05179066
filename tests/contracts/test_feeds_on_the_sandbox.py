"""Every adapter understands the sandbox over the wire, as it would the real source."""

import hashlib
from collections.abc import AsyncIterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import aiohttp
import pytest

from rooms.contexts.oracle.adapters.feed import HttpFeed
from rooms.contexts.oracle.adapters.registry import DIALECTS, make_feed
from rooms.contexts.oracle.ports import Reading
from rooms.kernel.result import Err, Ok
from rooms.platform.http import HttpClient
from rooms.sandbox.server import RunningSandbox
from tests.contracts.outside import MINT, HandClock, Source, asset_for

NAMES = sorted(DIALECTS)
COINS = [source for source in NAMES if asset_for(source) == "SOL"]
TIMELESS = {"dexscreener"}
UNHEARD = {"SOL": "NOSUCH", MINT: "So11111111111111111111111111111111111111112"}


class Controls:
    """The sandbox's own controls."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def put(self, asset: str, **change: Any) -> None:
        async with self._session.put(f"/feeds/{asset}", json=change) as response:
            assert response.status == 200, await response.text()


@pytest.fixture
async def controls(sandbox: RunningSandbox) -> AsyncIterator[Controls]:
    async with aiohttp.ClientSession(sandbox.url) as session:
        yield Controls(session)


@pytest.fixture
def feeds(sandbox: RunningSandbox, http: HttpClient, clock: HandClock) -> dict[str, HttpFeed]:
    doge = hashlib.sha256(b"rooms/sandbox/pyth|DOGE").hexdigest()
    symbols = {
        "pyth": {"NOSUCH": "00" * 32, "DOGE": doge},
        "coingecko": {"NOSUCH": "nosuch", "DOGE": "doge"},
    }
    return {
        name: make_feed(
            name,
            Source(url=sandbox.url, symbols=symbols.get(name, {})),
            http=http,
            clock=clock,
            time_out=0.5,
        )
        for name in NAMES
    }


async def one(feed: HttpFeed, asset: str) -> Ok[Reading] | Err[str]:
    return (await feed.read([asset]))[asset]


def near(price: Decimal, true: str) -> bool:
    return abs(Fraction(price) / Fraction(true) - 1) <= Fraction(1, 10_000)


@pytest.mark.parametrize("source", NAMES)
async def test_a_price_that_was_set_is_answered_within_a_hundredth_of_a_percent_with_its_time(
    source: str, feeds: dict[str, HttpFeed], controls: Controls, clock: HandClock
) -> None:
    asset = asset_for(source)
    await controls.put(asset, price="164.37")
    clock.advance(1.5)

    answer = await one(feeds[source], asset)

    assert isinstance(answer, Ok)
    assert near(answer.value.price, "164.37")
    assert answer.value.received_at == clock.now()
    if source in TIMELESS:
        assert answer.value.source_time is None
    else:
        assert answer.value.source_time is not None
        assert 0 <= (clock.now() - answer.value.source_time).total_seconds() <= 1


@pytest.mark.parametrize("source", COINS)
async def test_all_coins_are_answered_at_once_each_with_its_own_price(
    source: str, feeds: dict[str, HttpFeed]
) -> None:
    answers = await feeds[source].read(["SOL", "BTC", "ETH", "NOSUCH"])

    assert isinstance(answers["NOSUCH"], Err)
    for asset, least, most in [("SOL", 140, 160), ("BTC", 90_000, 100_000), ("ETH", 3_200, 3_600)]:
        answer = answers[asset]
        assert isinstance(answer, Ok)
        assert least < answer.value.price < most


@pytest.mark.parametrize("source", NAMES)
async def test_what_no_source_knows_is_no_price(source: str, feeds: dict[str, HttpFeed]) -> None:
    assert isinstance(await one(feeds[source], UNHEARD[asset_for(source)]), Err)


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("fault", ["timeout", "http500", "html", "zero", "error200"])
async def test_a_source_that_fails_gives_no_price(
    source: str, fault: str, feeds: dict[str, HttpFeed], controls: Controls
) -> None:
    asset = asset_for(source)
    await controls.put(asset, source=source, fault=fault)
    assert isinstance(await one(feeds[source], asset), Err)

    await controls.put(asset, source=source, fault=None)
    assert isinstance(await one(feeds[source], asset), Ok)


@pytest.mark.parametrize("source", NAMES)
async def test_a_price_a_thousand_times_too_high_can_be_seen(
    source: str, feeds: dict[str, HttpFeed], controls: Controls, clock: HandClock
) -> None:
    asset = asset_for(source)
    await controls.put(asset, price="2", source=source, fault="times1000")
    clock.advance(2)
    answer = await one(feeds[source], asset)
    assert isinstance(answer, Ok)
    assert near(answer.value.price, "2000")


@pytest.mark.parametrize("source", sorted(set(NAMES) - TIMELESS))
async def test_a_stale_answer_carries_its_old_time(
    source: str, feeds: dict[str, HttpFeed], controls: Controls, clock: HandClock
) -> None:
    asset = asset_for(source)
    await controls.put(asset, source=source, fault="stale")
    answer = await one(feeds[source], asset)
    assert isinstance(answer, Ok)
    assert answer.value.source_time is not None
    assert (clock.now() - answer.value.source_time).total_seconds() > 600


async def test_a_fault_of_one_source_and_asset_touches_no_other(
    feeds: dict[str, HttpFeed], controls: Controls
) -> None:
    await controls.put("SOL", source="kraken", fault="http500")
    answers = await feeds["kraken"].read(["SOL", "BTC"])

    assert isinstance(answers["SOL"], Err)
    assert isinstance(answers["BTC"], Ok)
    assert isinstance(await one(feeds["coinbase"], "SOL"), Ok)


async def test_a_token_has_two_sources_that_read_different_pools(
    feeds: dict[str, HttpFeed],
) -> None:
    deep = await one(feeds["dexscreener"], MINT)
    other = await one(feeds["coingecko_onchain"], MINT)

    assert isinstance(deep, Ok)
    assert isinstance(other, Ok)
    assert deep.value.pool != other.value.pool
    assert deep.value.quote_reserve == 20_000 * 10**9
    assert other.value.supply == 1_000_000_000
    assert 4_000_000 < other.value.price * other.value.supply < 6_000_000


async def test_a_new_coin_is_known_to_every_source_by_the_name_it_has_there(
    feeds: dict[str, HttpFeed], controls: Controls, clock: HandClock
) -> None:
    await controls.put("DOGE", price="0.12345")
    clock.advance(2)
    for source in COINS:
        answer = await one(feeds[source], "DOGE")
        assert isinstance(answer, Ok), (source, answer)
        assert near(answer.value.price, "0.12345")
