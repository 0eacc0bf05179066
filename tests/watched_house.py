"""A whole house in this process, as ``rooms up`` runs one, and somebody who looks at it over HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aiohttp

from rooms.kernel.ids import RoomId
from rooms.platform.clock import SystemClock
from rooms.platform.settings import load, sandbox_overrides
from rooms.processes.catalogue import CONTEXTS
from rooms.processes.compose import House, open_house
from rooms.processes.games import open_games
from rooms.processes.run import running
from rooms.processes.telemetry import watched
from rooms.processes.web import serve_gateway
from rooms.sandbox.server import start_sandbox

ONE: Final = 1_000_000_000
QUICK: Final = {
    "parimutuel": {"past_post_window": "0s"},
    "oracle": {"interval": "200ms", "confirmations": 1},
    "fairness": {"master_key": "07" * 32, "chain_length": 500},
}


@dataclass(frozen=True, slots=True)
class WatchedHouse:
    """``house`` is what runs; the rest is how people and Prometheus reach it.

    ``problems`` are the answers that told of one, with their headers.
    """

    house: House
    base: str
    feeds: str
    http: aiohttp.ClientSession
    problems: list[str] = field(default_factory=list)

    async def text(self, path: str = "/metrics") -> str:
        async with self.http.get(self.base + path) as answer:
            assert answer.status == 200
            return await answer.text()

    async def post(
        self, path: str, body: Any, token: str = "", key: str | None = None
    ) -> tuple[int, Any]:
        headers = {"Idempotency-Key": key or uuid4().hex, "Authorization": f"Bearer {token}"}
        async with self.http.post(self.base + path, json=body, headers=headers) as answer:
            text = await answer.text()
            if answer.status >= 400:
                self.problems.append(f"{answer.headers} {text}")
            return answer.status, json.loads(text)

    async def player(self) -> str:
        body = {"name": "Ada", "fund": {"amount": str(10 * ONE), "asset": "SOL"}}
        status, player = await self.post("/v1/sandbox/players", body)
        assert status == 201, player
        return str(player["access_token"])

    async def room(self, token: str, target: str = "165.00") -> str:
        market = {"type": "coin_price", "asset": "SOL", "direction": "at_or_above"}
        body = {
            "title": "Will SOL get there?",
            "market": {**market, "target": target},
            "resolve": "touch",
            "settles_in": "1h",
        }
        status, room = await self.post("/v1/rooms", body, token)
        assert status == 201, room
        return str(room["id"])

    async def bet(
        self, room: str, token: str, side: str = "YES", *, key: str | None = None
    ) -> tuple[int, Any]:
        body = {"side": side, "stake": {"amount": str(ONE), "asset": "SOL"}}
        return await self.post(f"/v1/rooms/{room}/bets", body, token, key)

    async def set_price(self, price: str) -> None:
        async with self.http.put(f"{self.feeds}/SOL", json={"price": price}) as answer:
            assert answer.status < 300, await answer.text()

    async def price_since_opening(self, room: str) -> None:
        """Wait for a price from after the opening: a touch before it would void the room."""
        ear = self.house.database.doorbell.listen()
        async with asyncio.timeout(60):
            while True:
                view = await self.house.rooms.room(RoomId(int(room)))
                if view.prices[0].at > view.transitions[-1].at:
                    break
                await ear.wait(0.1)
        ear.close()

    async def until_settled(self, room: str) -> None:
        ear = self.house.database.doorbell.listen()
        async with asyncio.timeout(60):
            while (await self.house.rooms.room(RoomId(int(room)))).status != "SETTLED":
                await ear.wait()
        ear.close()

    async def live_a_little(self) -> None:
        """Let there be a settlement, its bets, and a refusal."""
        host, ada, bob = await self.player(), await self.player(), await self.player()
        await self.set_price("150")
        room = await self.room(host)
        assert (await self.bet(room, ada, "YES", key="the first"))[0] == 201
        assert (await self.bet(room, ada, "YES", key="the second"))[0] == 409
        assert (await self.bet(room, bob, "NO"))[0] == 201
        await self.price_since_opening(room)
        await self.set_price("166")
        await self.until_settled(room)


@asynccontextmanager
async def open_watched(
    url: str, folder: Path, settings: Mapping[str, Any] | None = None
) -> AsyncIterator[WatchedHouse]:
    """Run everything over this database, with prices from a sandbox of its own."""
    async with AsyncExitStack() as stack:
        sandbox = await start_sandbox("127.0.0.1", 0, folder, seed=7, clock=SystemClock())
        stack.push_async_callback(sandbox.close)
        loaded = load(folder, {**QUICK, **(settings or {})}, profile=sandbox_overrides(sandbox.url))
        house = await stack.enter_async_context(open_house(loaded, url))
        await open_games(house)
        await stack.enter_async_context(watched(house))
        await stack.enter_async_context(running(house, CONTEXTS))
        web = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        await stack.enter_async_context(serve_gateway(house, web, sandbox=True))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        base = f"http://127.0.0.1:{web.getsockname()[1]}"
        yield WatchedHouse(house, base, f"{sandbox.url}/feeds", http)
