"""The sandbox's server: real paths of feeds and of drand, and controls, on one port."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from rooms.kernel.time import Clock
from rooms.sandbox import control, drand, exchanges, indexes, tokens
from rooms.sandbox.answers import STOPPING, WORLD, Endpoint, answering
from rooms.sandbox.board import Board
from rooms.sandbox.world import World

_ONCHAIN: Final = "/api/v3/onchain"
ENDPOINTS: Final[tuple[tuple[str, Endpoint], ...]] = (
    ("/api/v3/klines", exchanges.binance_klines),
    ("/api/v3/ticker/price", exchanges.binance_ticker_price),
    ("/api/v3/time", exchanges.binance_time),
    ("/products/{product}/ticker", exchanges.coinbase_ticker),
    ("/0/public/Trades", exchanges.kraken_trades),
    ("/index/cc/v1/latest/tick", indexes.coindesk_tick),
    ("/data/pricemultifull", indexes.cryptocompare_full),
    ("/data/price", indexes.cryptocompare_price),
    ("/hermes/v2/updates/price/latest", indexes.pyth_latest),
    ("/v2/updates/price/latest", indexes.pyth_latest),
    ("/api/v3/simple/price", indexes.coingecko_simple),
    (f"{_ONCHAIN}/networks/solana/tokens/multi/{{mints}}", tokens.onchain_multi),
    (f"{_ONCHAIN}/simple/networks/solana/token_price/{{mints}}", tokens.onchain_simple),
    ("/tokens/v1/solana/{mints}", tokens.dexscreener_tokens),
    ("/drand/{mirror}/{chain}/info", drand.info),
    ("/drand/{mirror}/{chain}/public/{round}", drand.beacon),
    ("/token-pairs/v1/solana/{mints}", tokens.dexscreener_tokens),
)


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that answers at ``url`` until it is closed."""

    url: str
    runner: web.AppRunner

    async def close(self) -> None:
        """Stop answering; who is kept waiting by a fault is let go."""
        await self.runner.cleanup()


async def start_sandbox(
    host: str, port: int, folder: Path, *, seed: int, clock: Clock
) -> RunningSandbox:
    """Answer on ``host`` and ``port`` (0 takes a free one); what is set is kept in ``folder``.

    OSError where the port is in use or the folder cannot be written.
    """
    runner = web.AppRunner(
        _application(World(seed, Board(folder), clock), drand.DrandBoard(folder)),
        access_log=None,
        handler_cancellation=True,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    taken = runner.addresses[0][1]
    return RunningSandbox(f"http://{host}:{taken}", runner)


def _application(world: World, mirrors: drand.DrandBoard) -> web.Application:
    app = web.Application()
    app[WORLD] = world
    app[drand.BOARD] = mirrors
    app[STOPPING] = asyncio.Event()
    app.on_shutdown.append(_let_go)
    app.add_routes([web.get(path, answering(endpoint)) for path, endpoint in ENDPOINTS])
    app.add_routes(
        [
            web.get("/feeds", control.get_feeds),
            web.get("/feeds/{asset}", control.get_feed),
            web.put("/feeds/{asset}", control.put_feed),
            web.delete("/feeds/{asset}", control.delete_feed),
            web.get("/drand", drand.get_drand),
            web.put("/drand", drand.put_drand),
            web.delete("/drand", drand.delete_drand),
        ]
    )
    return app


async def _let_go(app: web.Application) -> None:
    app[STOPPING].set()
