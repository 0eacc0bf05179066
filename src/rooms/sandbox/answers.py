"""How an answer leaves the sandbox: numbers as the real ones write them, and answers gone wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from rooms.sandbox.world import Struck, World

Endpoint = Callable[[web.Request, World], web.Response]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WORLD: Final = web.AppKey("world", World)
STOPPING: Final = web.AppKey("stopping", asyncio.Event)
HELD: Final = 30.0
"""Seconds for which the fault ``timeout`` keeps a caller waiting."""

ERRORS_IN_200: Final[Mapping[str, object]] = {
    "binance": {"code": -1003, "msg": "Too many requests."},
    "coinbase": {"message": "Internal server error"},
    "kraken": {"error": ["EService:Unavailable"]},
    "coindesk": {"Data": {}, "Err": {"type": 99, "message": "Rate limit exceeded"}},
    "cryptocompare": {"Response": "Error", "Message": "You are over your rate limit", "Type": 99},
    "pyth": {"error": "internal error"},
    "coingecko": {"status": {"error_code": 429, "error_message": "Rate limit exceeded"}},
    "dexscreener": {"schemaVersion": "1.0.0", "pairs": None},
    "coingecko_onchain": {"errors": [{"status": "429", "title": "Rate limit exceeded"}]},
}
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def json_answer(body: Any, status: int = 200) -> web.Response:
    """Answer with JSON, in which a Decimal is a number."""
    return web.Response(body=_ENCODER.encode(body), status=status, content_type="application/json")


def answering(endpoint: Endpoint) -> Handler:
    """Make an endpoint a handler, which goes wrong where a fault was set."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return endpoint(request, request.app[WORLD])
        except Struck as struck:
            return await _gone_wrong(request, struck)

    return handle


async def _gone_wrong(request: web.Request, struck: Struck) -> web.Response:
    match struck.fault:
        case "timeout":
            await _hold(request.app[STOPPING])
            return web.Response(status=504, text="Gateway Timeout")
        case "http500":
            return web.Response(status=500, text="Internal Server Error")
        case "html":
            page = "<!doctype html><title>Just a moment...</title><h1>Checking your browser</h1>"
            return web.Response(text=page, content_type="text/html")
    return json_answer(ERRORS_IN_200[struck.source])


async def _hold(stopping: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(HELD):
            await stopping.wait()
    except TimeoutError:
        return
