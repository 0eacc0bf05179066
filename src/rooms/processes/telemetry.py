"""Lets a process be watched: its event loop, its traces, its metrics where it has no gateway."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import uvicorn

from rooms.platform.exposition import CONTENT_TYPE, Exposition
from rooms.platform.metrics import watch_loop
from rooms.platform.tracing import tracing_to
from rooms.processes.compose import House
from rooms.processes.run import task
from rooms.processes.web import Server, listen

LOOPBACK: Final = "127.0.0.1"


@asynccontextmanager
async def watched(house: House) -> AsyncIterator[None]:
    """Watch the process while inside, as the settings' ``telemetry`` says.

    Problem where the port of the metrics is in use, or OpenTelemetry is missing.
    """
    settings = house.settings.telemetry
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(tracing_to(settings.otlp_endpoint))
        await stack.enter_async_context(task("event loop", watch_loop))
        if settings.metrics_port is not None:
            taken = listen(LOOPBACK, settings.metrics_port, "telemetry.metrics_port")
            await stack.enter_async_context(serve_metrics(house.metrics, taken))
        yield


@asynccontextmanager
async def serve_metrics(metrics: Exposition, taken: socket.socket) -> AsyncIterator[None]:
    """Answer ``GET /metrics`` and nothing else while inside."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        known = scope["path"] == "/metrics"
        body = await metrics.text() if known else b"Only /metrics is here.\n"
        headers = [(b"content-type", CONTENT_TYPE.encode())]
        status = 200 if known else 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    server = Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
    )
    serving = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait({serving})
