"""Bodies that real sources could send on a bad day, over a real socket: never a price."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from rooms.contexts.oracle.adapters.registry import DIALECTS, make_feed
from rooms.kernel.result import Err, Ok
from rooms.platform.http import HttpClient
from tests.contracts.outside import (
    GOOD,
    MINT,
    SECOND,
    SOL_ID,
    WRAPPED_SOL,
    HandClock,
    Source,
    asset_for,
    full,
    kline,
    onchain,
    pair,
    tick,
    update,
)

MILLIS = SECOND * 1_000
AHEAD = SECOND + 60
TRADE = ["165.01", "1", SECOND, "b", "l", "", 1]


def kraken(trade: Any, pair: str = "SOLUSD") -> dict[str, Any]:
    return {"error": [], "result": {pair: [trade], "last": "1"}}


def ticker(**changes: Any) -> dict[str, Any]:
    return {**GOOD["coinbase"], **changes}


def simple(**changes: Any) -> dict[str, Any]:
    return {"solana": {**GOOD["coingecko"]["solana"], **changes}}


HOSTILE: dict[str, list[Any]] = {
    "binance": [
        {"code": -1121, "msg": "Invalid symbol."},
        [],
        [[]],
        [kline(MILLIS)],  # still open
        [kline(MILLIS + 60_000)],
        [kline(MILLIS - 1_000, 0)],
        [kline(MILLIS - 1_000, "NaN")],
        [kline(MILLIS - 1_000, True)],
        [kline(MILLIS - 1_000, "1e-40")],
        [[*kline(MILLIS - 60_000)[:6], MILLIS - 1, *kline(MILLIS)[7:]]],  # of a whole minute
        [[str(MILLIS - 1_000), "1", "1", "1", "165.01", "1", "soon"]],
    ],
    "coinbase": [
        {"message": "NotFound"},
        ticker(price="0"),
        ticker(price="-165.01"),
        ticker(price=None),
        ticker(price={"amount": "165.01"}),
        ticker(price="165.01 USD"),
        ticker(time=None),
        ticker(time=SECOND),
        ticker(time="2025-11-20T14:47:40Z"),
        ticker(time="2025-11-20T14:46:40"),
        [GOOD["coinbase"]],
    ],
    "kraken": [
        {"error": ["EQuery:Unknown asset pair"]},
        {"error": ["EService:Unavailable"], "result": GOOD["kraken"]["result"]},
        {"result": GOOD["kraken"]["result"]},
        kraken(TRADE, "BTCUSD"),
        kraken(TRADE, "USDSOL"),
        {"error": [], "result": {"SOLUSD": [TRADE], "BTCUSD": [TRADE]}},
        {"error": [], "result": {"SOLUSD": [], "last": "1"}},
        {"error": [], "result": []},
        kraken(["165.01", "1"]),
        kraken(["165.01", "1", AHEAD]),
        kraken(["165.01", "1", "NaN"]),
        kraken(["0.00000", "1", SECOND]),
    ],
    "coindesk": [
        {"Data": {}, "Err": {"type": 2, "message": "not found"}},
        {**GOOD["coindesk"], "Err": {"type": 99}},
        {"Data": {"BTC-USD": GOOD["coindesk"]["Data"]["SOL-USD"]}, "Err": {}},
        tick(INSTRUMENT="USD-SOL"),
        tick(INSTRUMENT="BTC-USD"),
        tick(VALUE=0),
        tick(VALUE=None),
        tick(VALUE="165,01"),
        tick(VALUE_LAST_UPDATE_TS=AHEAD),
        tick(VALUE_LAST_UPDATE_TS=-1),
        tick(VALUE_LAST_UPDATE_TS=None),
        tick(VALUE_LAST_UPDATE_TS_NS=10**18),
    ],
    "cryptocompare": [
        {"Response": "Error", "Message": "You are over your rate limit", "Type": 99},
        {"Response": "Error", **GOOD["cryptocompare"]},
        {"RAW": {"BTC": {"USD": {"PRICE": 165, "LASTUPDATE": SECOND}}}},
        {"RAW": {"SOL": {"EUR": {"PRICE": 165, "LASTUPDATE": SECOND}}}},
        full(FROMSYMBOL="USD", TOSYMBOL="SOL"),
        full(PRICE=0),
        full(PRICE=False),
        full(LASTUPDATE=AHEAD),
        full(LASTUPDATE="never"),
    ],
    "pyth": [
        {"error": "internal"},
        {"parsed": []},
        {"parsed": [{"id": "00" * 32, "price": GOOD["pyth"]["parsed"][0]["price"]}]},
        {"parsed": [{"id": SOL_ID}]},
        update(price="0"),
        update(price="-16501000000"),
        update(price="165.01"),
        update(conf="999999999"),
        update(conf="-1"),
        update(conf=None),
        update(expo=99),
        update(expo="minus eight"),
        update(publish_time=AHEAD),
        update(publish_time=None),
    ],
    "coingecko": [
        {},
        {"status": {"error_code": 429, "error_message": "slow down"}},
        {"bitcoin": GOOD["coingecko"]["solana"]},
        {"solana": {}},
        simple(usd=None),
        simple(usd=0),
        simple(usd="Infinity"),
        simple(last_updated_at=AHEAD),
        simple(last_updated_at=None),
    ],
    "dexscreener": [
        {"schemaVersion": "1.0.0", "pairs": None},
        [],
        [pair(baseToken={"address": WRAPPED_SOL}, quoteToken={"address": MINT})],
        [pair(baseToken={"address": "Other"})],
        [pair(quoteToken={"address": "USDC"})],
        [pair(chainId="ethereum")],
        [pair(liquidity=None)],
        [pair(liquidity={"usd": 5})],
        [pair(priceUsd=None)],
        [pair(priceUsd="0")],
        [pair(priceUsd="1e99")],
        [pair(pairAddress=7)],
        [None],
    ],
    "coingecko_onchain": [
        {"errors": [{"status": "429"}]},
        {"data": []},
        {"data": None},
        onchain(address="Other"),
        onchain(price_usd=None),
        onchain(price_usd="0.0"),
        onchain(price_usd="-1"),
        onchain(normalized_total_supply="0"),
        onchain(normalized_total_supply=True),
        onchain(last_trade_timestamp=AHEAD),
        onchain(last_trade_timestamp=None),
    ],
}
EVERYWHERE: list[bytes] = [
    b"<!doctype html><h1>Just a moment...</h1>",
    b"",
    b"null",
    b"165.01",
    b'"165.01"',
    b"[]",
    b"{}",
    b'{"price": NaN, "time": "2025-11-20T14:46:40Z"}',
    b'{"error"',
]
ENCODER = msgspec.json.Encoder(decimal_format="number")
CASES = [(source, ENCODER.encode(body)) for source, bodies in HOSTILE.items() for body in bodies]
CASES += [(source, body) for source in DIALECTS for body in EVERYWHERE]


class Liar:
    """A server that answers every question with one body."""

    body = b""
    url = ""

    async def answer(self, _: web.Request) -> web.Response:
        return web.Response(body=self.body, content_type="application/json")


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    liar, app = Liar(), web.Application()
    app.router.add_get("/{path:.*}", liar.answer)
    server = TestServer(app)
    await server.start_server()
    liar.url = str(server.make_url("/"))
    yield liar
    await server.close()


@pytest.mark.parametrize("source", sorted(DIALECTS))
async def test_the_good_answer_is_a_price(
    source: str, liar: Liar, http: HttpClient, clock: HandClock
) -> None:
    liar.body = ENCODER.encode(GOOD[source])
    feed = make_feed(source, Source(url=liar.url), http=http, clock=clock)
    assert isinstance((await feed.read([asset_for(source)]))[asset_for(source)], Ok)


@pytest.mark.parametrize(("source", "body"), CASES)
async def test_a_hostile_answer_is_a_failure_in_one_word(
    source: str, body: bytes, liar: Liar, http: HttpClient, clock: HandClock
) -> None:
    liar.body = body
    feed = make_feed(source, Source(url=liar.url), http=http, clock=clock)
    answer = (await feed.read([asset_for(source)]))[asset_for(source)]

    assert isinstance(answer, Err), answer
    assert answer.error.isidentifier()
