"""The gateway of a small house behind a real server, because a stream ends only on a real wire."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest
import uvicorn

from rooms.entrypoints.gateway.app import build_app
from tests.entrypoints.conftest import gateway_over
from tests.houses import House


@dataclass(frozen=True, slots=True)
class Stream:
    """An open stream of events; comments are not news."""

    answer: aiohttp.ClientResponse

    async def line(self) -> str | None:
        """The next ``data`` line; None where the stream has ended."""
        async for raw in self.answer.content:
            if raw.startswith(b"data: "):
                return raw.decode().removeprefix("data: ").rstrip("\n")
        return None

    async def snapshot(self) -> dict[str, Any]:
        line = await self.line()
        assert line is not None, "the stream has ended"
        snapshot: dict[str, Any] = msgspec.json.decode(line)
        return snapshot


@dataclass(frozen=True, slots=True)
class Served:
    """A house on a port of its own, and a browser that looks at it."""

    house: House
    address: str
    browser: aiohttp.ClientSession
    server: uvicorn.Server
    serving: asyncio.Task[None]
    app: Any

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        answer = await self.browser.get(f"{self.address}{path}", headers=headers)
        if not path.startswith("/live"):
            await answer.read()
        return answer

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[Stream]:
        async with asyncio.timeout(20), self.browser.get(f"{self.address}{path}") as answer:
            assert answer.status == 200, await answer.text()
            yield Stream(answer)

    async def stop(self) -> None:
        """Stop serving as a process does: end the streams, then wait for what is open."""
        self.app.close()
        self.server.should_exit = True
        async with asyncio.timeout(20):
            await self.serving


@pytest.fixture
async def served(house: House) -> AsyncIterator[Served]:
    app: Any = build_app(gateway_over(house, []))
    config = uvicorn.Config(app, lifespan="off", log_level="warning", ws="none")
    server, listening = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve([listening]))
    async with aiohttp.ClientSession() as browser:
        running = Served(house, f"http://127.0.0.1:{port}", browser, server, serving, app)
        yield running
        await running.stop()
