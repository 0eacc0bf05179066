"""How many questions a feed has under way at once."""

import asyncio
from datetime import timedelta

from aiohttp import web

from rooms.contexts.oracle.adapters.feed import AT_ONCE
from rooms.contexts.oracle.adapters.registry import make_feed
from rooms.kernel.result import Err, Ok
from rooms.platform.http import HttpClient
from tests.contracts.outside import HandClock, Source

COINS = [f"COIN{number}" for number in range(5 * AT_ONCE)]


class Slow:
    """A source that answers nobody until as many ask as ever will, or nobody else does."""

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self.all_there = asyncio.Event()

    async def answer(self, _: web.Request) -> web.Response:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way == AT_ONCE:
            self.all_there.set()
        await self.all_there.wait()
        self.under_way -= 1
        price = {"trade_id": 1, "price": "165.01", "time": "2025-11-20T14:46:40.1Z"}
        return web.json_response(price)


async def test_a_source_is_asked_for_many_assets_by_a_bounded_number_of_questions(
    http: HttpClient, clock: HandClock
) -> None:
    slow, app = Slow(), web.Application()
    app.router.add_get("/{path:.*}", slow.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    feed = make_feed(
        "coinbase",
        Source(url=f"http://127.0.0.1:{port}", max_age=timedelta(minutes=1)),
        http=http,
        clock=clock,
        time_out=30,
    )
    readings = await feed.read(COINS)
    await runner.cleanup()

    assert [type(readings[coin]) for coin in COINS] == [Ok] * len(COINS)
    assert slow.most == AT_ONCE


async def test_what_there_was_no_time_to_ask_has_timed_out(
    http: HttpClient, clock: HandClock
) -> None:
    feed = make_feed(
        "coinbase", Source(url="http://127.0.0.1:9"), http=http, clock=clock, time_out=0
    )
    assert set((await feed.read(COINS)).values()) == {Err("timeout")}
