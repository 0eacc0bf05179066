"""Takes a port and serves the gateway on it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final, cast

import uvicorn

from rooms import __version__
from rooms.entrypoints.gateway.app import Gateway, build_app
from rooms.entrypoints.gateway.feed.feed import live_feed
from rooms.entrypoints.gateway.feed.socket import Sockets
from rooms.entrypoints.gateway.front import Front
from rooms.platform.database import Unavailable
from rooms.platform.gathering import Gathering
from rooms.platform.migrate import is_current
from rooms.platform.problem import ExitCode, Problem
from rooms.processes.compose import House
from rooms.processes.run import task
from rooms.processes.wire import Wire

GRACE_FOR_STREAMS: Final = 2


class Server(uvicorn.Server):
    """The process owns the signals, not the web server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int, option: str) -> socket.socket:
    """Take a port before anything else is started. Problem where it is in use."""
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(2048)
    except OSError as error:
        taken.close()
        raise Problem(
            f"Port {port} on {host} cannot be used: {error.strerror}",
            exit_code=ExitCode.DEPENDENCY_DOWN,
            next_step=f"end what uses it, or choose another with {option}",
        ) from error
    return taken


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
        log=house.fairness.log,
        solvency=house.fairness.solvency,
        keno=house.keno,
        rate_per_token=house.settings.gateway.rate_per_token,
        rate_per_ip=house.settings.gateway.rate_per_ip,
        streams_per_ip=house.settings.gateway.streams_per_ip,
        sandbox=sandbox,
        token_key=house.sandbox_token_key if sandbox else None,
        ready=lambda: waiting_for(house),
        metrics=house.metrics.text,
        doorbell=house.database.doorbell,
        clock=house.clock,
        version=__version__,
    )
    feed = live_feed(
        house.database,
        house.clock,
        identity=house.identity,
        ledger=house.ledger,
        rooms=house.rooms,
        keno=house.keno,
        per_address=house.settings.gateway.live_per_ip,
    )
    app = build_app(gateway)
    server = web_server(app, feed.sockets)
    async with AsyncExitStack() as stack:
        for consumer in feed.consumers:
            gathering = Gathering(house.database, consumer)
            await stack.enter_async_context(task(consumer.name, gathering.run))
        for worker in feed.workers:
            await stack.enter_async_context(task(worker.name, worker.run))
        serving = asyncio.create_task(server.serve(sockets=[taken]))
        try:
            yield
        finally:
            app.close()
            feed.sockets.close()
            server.should_exit = True
            await asyncio.wait({serving})


def web_server(app: Front, sockets: Sockets | None = None) -> uvicorn.Server:
    """Give the web server that players meet; who serves it gives it its socket.

    ``sockets`` take over the connections that ask to become WebSockets.
    """
    return Server(
        uvicorn.Config(
            app,
            http=Wire,
            ws="none" if sockets is None else cast("Any", sockets),
            log_config=None,
            # What strangers send is no event: a line for each would let them fill the log.
            log_level="error",
            access_log=False,
            lifespan="on",
            server_header=False,
            date_header=True,
            timeout_graceful_shutdown=GRACE_FOR_STREAMS,
            backlog=2048,
        )
    )


async def waiting_for(house: House) -> list[str]:
    """Say what the house still waits for; nothing when it can serve."""
    try:
        async with house.database.transaction() as tx:
            current = await is_current(tx)
    except Unavailable:
        return ["database"]
    return [] if current else ["migrations"]
