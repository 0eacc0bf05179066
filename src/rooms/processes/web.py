"""Serves the gateway on a socket that is already taken."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn

from rooms import __version__
from rooms.entrypoints.gateway.app import Gateway, build_app
from rooms.platform.database import Unavailable
from rooms.platform.migrate import is_current
from rooms.processes.compose import House

GRACE_FOR_STREAMS: Final = 2


class _Server(uvicorn.Server):
    """The process owns the signals, not the web server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve_gateway(
    house: House, taken: socket.socket, *, sandbox: bool
) -> AsyncIterator[None]:
    """Answer players while inside; requests under way are finished on leaving."""
    gateway = Gateway(
        identity=house.identity,
        ledger=house.ledger,
        referral=house.referral,
        rooms=house.rooms,
        rate_per_token=house.settings.gateway.rate_per_token,
        rate_per_ip=house.settings.gateway.rate_per_ip,
        sandbox=sandbox,
        token_key=house.sandbox_token_key if sandbox else None,
        ready=lambda: waiting_for(house),
        doorbell=house.database.doorbell,
        clock=house.clock,
        version=__version__,
    )
    app = build_app(gateway)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=GRACE_FOR_STREAMS,
            backlog=2048,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        yield
    finally:
        app.close()
        server.should_exit = True
        await asyncio.wait({serving})


async def waiting_for(house: House) -> list[str]:
    """Say what the house still waits for; nothing when it can serve."""
    try:
        async with house.database.transaction() as tx:
            current = await is_current(tx)
    except Unavailable:
        return ["database"]
    return [] if current else ["migrations"]
