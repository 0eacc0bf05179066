"""Methods that no route writes itself: HEAD is GET without a body, OPTIONS names the others."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import copy

from litestar import Response, route
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPDisconnectEvent, Message, Receive, Scope, Send

READING = "GET"


def with_methods(handlers: Iterable[HTTPRouteHandler]) -> Sequence[HTTPRouteHandler]:
    """Give the handlers with one for HEAD beside each that reads, and one for OPTIONS per path."""
    written = list(handlers)
    heads = [_head(handler) for handler in written if READING in handler.http_methods]
    methods: dict[str, set[str]] = defaultdict(set)
    for handler in (*written, *heads):
        for path in handler.paths:
            methods[path] |= handler.http_methods
    # The framework answers OPTIONS by itself where nobody else does, but forgets methods.
    return [*(_options(path, names) for path, names in methods.items()), *written, *heads]


def _head(handler: HTTPRouteHandler) -> HTTPRouteHandler:
    head = copy(handler)
    head.http_methods = {"HEAD"}
    head.opt = {}  # the public description speaks of GET
    head.middleware = (_only_head,)
    return head


def _only_head(app: ASGIApp) -> ASGIApp:
    """End an answer after its head; what would stream a body sees its client leave."""

    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        ended = asyncio.Event()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                ended.set()

        async def receiving() -> HTTPDisconnectEvent:
            await ended.wait()
            return {"type": "http.disconnect"}

        await app(scope, receiving, sending)

    return answer


def _options(path: str, methods: Iterable[str]) -> HTTPRouteHandler:
    allowed = ", ".join(sorted({*methods, "OPTIONS"}))

    @route(path, http_method=["OPTIONS"], include_in_schema=False)
    async def options() -> Response[bytes]:
        return Response(b"", status_code=204, headers={"Allow": allowed})

    return options
