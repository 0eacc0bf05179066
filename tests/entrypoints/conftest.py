import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest

from rooms.entrypoints.gateway.app import Gateway, build_app
from rooms.platform.clock import SystemClock
from rooms.platform.exposition import Exposition
from rooms.processes.web import web_server
from tests.houses import ONE, TOUCH_SOL, House, house, owner, solvency_of
from tests.keno_houses import keno_over

__all__ = ["house", "owner"]

_numbers = count(1)

NEW_ROOM = {
    "title": "Will SOL touch 165 this hour?",
    "market": TOUCH_SOL,
    "resolve": "touch",
    "settles_in": "1h",
}


def sol(lamports: int) -> dict[str, str]:
    return {"amount": str(lamports), "asset": "SOL"}


@dataclass(frozen=True, slots=True)
class Web:
    """A client of the gateway, as anyone could write one."""

    house: House
    client: httpx.AsyncClient
    waiting: list[str] = field(default_factory=list)

    async def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=bearing(token) | headers)

    async def post(
        self, path: str, body: Any, token: str | None = None, key: str | None = None
    ) -> httpx.Response:
        headers = bearing(token) | {"Idempotency-Key": key or f"key-{next(_numbers)}"}
        return await self.client.post(path, json=body, headers=headers)

    async def player(self, fund: int = 100 * ONE, referrer: str | None = None) -> dict[str, str]:
        body = {"name": "Ada", "fund": sol(fund), "referrer": referrer}
        answer = await self.post("/v1/sandbox/players", body)
        assert answer.status_code == 201, answer.text
        player: dict[str, str] = answer.json()
        return player

    async def token(self, fund: int = 100 * ONE) -> str:
        return (await self.player(fund))["access_token"]

    async def room(self, token: str | None = None, **changes: Any) -> dict[str, Any]:
        answer = await self.post("/v1/rooms", NEW_ROOM | changes, token or await self.token())
        assert answer.status_code == 201, answer.text
        room: dict[str, Any] = answer.json()
        return room

    async def bet(
        self, room: str, token: str, side: str = "YES", stake: int = ONE, key: str | None = None
    ) -> httpx.Response:
        body = {"side": side, "stake": sol(stake)}
        return await self.post(f"/v1/rooms/{room}/bets", body, token, key)


def bearing(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def gateway_over(house: House, waiting: list[str], **changes: Any) -> Gateway:
    async def ready() -> list[str]:
        return waiting

    fields = {
        "identity": house.identity,
        "ledger": house.ledger,
        "referral": house.referral,
        "rooms": house.rooms,
        "log": house.log,
        "solvency": solvency_of(house),
        "keno": keno_over(house).keno,
        "rate_per_token": 10_000,
        "rate_per_ip": 10_000,
        "streams_per_ip": 100,
        "sandbox": True,
        "token_key": b"a key of tests",
        "ready": ready,
        "metrics": Exposition(house.database, ()).text,
        "doorbell": house.database.doorbell,
        "clock": SystemClock(),
        "version": "1.2.3",
    }
    return Gateway(**{**fields, **changes})


def client_of(gateway: Gateway) -> httpx.AsyncClient:
    app: Any = build_app(gateway)  # httpx and litestar write ASGI's types differently
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://house")


@pytest.fixture
async def web(house: House) -> AsyncIterator[Web]:
    waiting: list[str] = []
    async with client_of(gateway_over(house, waiting)) as client:
        yield Web(house, client, waiting)


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[str]:
    """Serve a gateway as the house does, on a port of its own; give its address."""
    app = build_app(gateway)
    server, taken = web_server(app), socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        app.close()
        server.should_exit = True
        await task
        taken.close()


@pytest.fixture
async def served(house: House) -> AsyncIterator[Web]:
    async with (
        serving(gateway_over(house, [])) as base,
        httpx.AsyncClient(base_url=base) as client,
    ):
        yield Web(house, client)


def is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The form of every problem, and which one it is."""
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code", "money", "next"} <= problem.keys()
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["type"] == f"/errors/{code}"
    assert all(problem[name] for name in ("title", "detail", "money", "next"))
    return problem
