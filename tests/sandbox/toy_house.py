"""A toy house for the robots: a real server that speaks the few routes and records commands."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from rooms.kernel.time import rfc3339
from rooms.sandbox.names import MINT

NOW = datetime.fromisoformat("2026-11-20T14:17:23Z")
PRICES = {"SOL": "151.17", "BTC": "94873", "ETH": "3391.42", MINT: "5012345"}


class StoppedClock:
    """The house's and the robots' time, at which nothing ever gets old."""

    def now(self) -> datetime:
        return NOW


@dataclass(frozen=True)
class Command:
    """A POST that came; what was answered is beside it."""

    path: str
    body: Any
    key: str
    token: str
    status: int

    @property
    def opens(self) -> bool:
        return self.path == "/v1/rooms"

    @property
    def bets(self) -> bool:
        return self.path.endswith("/bets")


@dataclass
class ToyHouse:
    """Takes rooms and bets without rules; ``faults`` are answered first, one each, to POSTs.

    ``done`` is set once ``enough`` commands came; after each ``settle_every`` of them all rooms
    are settled.
    """

    enough: int = 60
    settle_every: int = 10_000
    url: str = ""
    commands: list[Command] = field(default_factory=list)
    faults: deque[web.Response] = field(default_factory=deque)
    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    players: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    purse: str = "1000000000000"
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def command(self, request: web.Request) -> web.Response:
        body = await request.json()
        answer = self.faults.popleft() if self.faults else self.accept(request, body)
        headers = request.headers
        self.commands.append(
            Command(
                request.path,
                body,
                headers["Idempotency-Key"],
                headers.get("Authorization", ""),
                answer.status,
            )
        )
        if len(self.commands) % self.settle_every == 0:
            self.settle_all()
        if len(self.commands) >= self.enough:
            self.done.set()
        return answer

    def accept(self, request: web.Request, body: Any) -> web.Response:
        if request.path == "/v1/sandbox/players":
            number = self.players.setdefault(
                request.headers["Idempotency-Key"], str(len(self.players) + 1)
            )
            told = {
                "player_id": number,
                "access_token": f"secret-{number}",
                "referral_code": f"REF{number}",
            }
            return web.json_response(told, status=201)
        if request.path == "/v1/rooms":
            return web.json_response(self.add(body), status=201)
        room = self.rooms[request.match_info["room"]]
        pool = room["pools"][body["side"]]
        pool["amount"] = str(int(pool["amount"]) + int(body["stake"]["amount"]))
        room["players"] += 1
        room["status"] = "OPEN" if room["players"] > 1 else "QUEUING"
        return web.json_response({"id": "1"}, status=201)

    def add(self, body: Any) -> dict[str, Any]:
        asset = body["market"].get("asset")
        room = {
            "id": str(len(self.rooms) + 1),
            "status": "QUEUING",
            "market": body["market"],
            "resolve": body["resolve"],
            "players": 0,
            "pools": {side: {"amount": "0", "asset": "SOL"} for side in ("YES", "NO")},
            "locks_at": "2026-11-20T14:25:00.000Z",
            "settles_at": body["settles_at"],
            "price": {"value": PRICES[asset], "at": rfc3339(NOW)} if asset else None,
            "something_new": True,
        }
        self.rooms[str(room["id"])] = room
        return room

    async def list_rooms(self, request: web.Request) -> web.Response:
        status = request.query["status"]
        items = [room for room in self.rooms.values() if room["status"] == status]
        return web.json_response({"items": items, "next": None})

    async def one_room(self, request: web.Request) -> web.Response:
        return web.json_response(self.rooms[request.match_info["room"]])

    async def own_bets(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"].startswith("Bearer secret-")
        return web.json_response({"items": [], "next": None})

    async def wallet(self, _: web.Request) -> web.Response:
        available = {"amount": self.purse, "asset": "SOL"}
        return web.json_response({"balances": [{"asset": "SOL", "available": available}]})

    @web.middleware
    async def counted(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests += 1
        answer: web.StreamResponse = await handler(request)
        return answer

    def settle_all(self) -> None:
        for room in self.rooms.values():
            room["status"] = "SETTLED"

    def opened(self) -> list[Command]:
        return [each for each in self.commands if each.opens and each.status == 201]

    def bets(self) -> list[Command]:
        return [each for each in self.commands if each.bets and each.status == 201]

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["ToyHouse"]:
        app = web.Application(middlewares=[self.counted])
        app.add_routes(
            [
                web.post("/v1/sandbox/players", self.command),
                web.post("/v1/rooms", self.command),
                web.post("/v1/rooms/{room}/bets", self.command),
                web.get("/v1/rooms", self.list_rooms),
                web.get("/v1/rooms/{room}", self.one_room),
                web.get("/v1/bets", self.own_bets),
                web.get("/v1/wallet", self.wallet),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()


def problem(status: int, code: str, **headers: str) -> web.Response:
    """A refusal or a failure as the house answers it."""
    text = json.dumps({"code": code})
    return web.Response(
        status=status, text=text, content_type="application/problem+json", headers=headers
    )
