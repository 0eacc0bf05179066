"""The price sources in a process of their own: ``python -m benchmarks.feeds FOLDER``."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec

from benchmarks.processes import process
from rooms.platform.clock import SystemClock
from rooms.processes.loop import run_loop
from rooms.sandbox.server import start_sandbox

SEED = 7


@dataclass(frozen=True, slots=True)
class Feeds:
    """Where the sources answer."""

    url: str

    async def set_price(self, *assets: str, price: str) -> None:
        """Let every source show this price of these coins from now on."""
        async with aiohttp.ClientSession() as client:
            for asset in assets:
                where = f"{self.url}/feeds/{asset}"
                async with client.put(where, json={"price": price}) as answer:
                    answer.raise_for_status()


@asynccontextmanager
async def price_feeds(folder: Path) -> AsyncIterator[Feeds]:
    """Run the sources while inside."""
    started = process(*("-m", "benchmarks.feeds", str(folder / "feeds")), log=folder / "feeds.log")
    async with started as (_, said):
        yield Feeds(said["url"])


async def serve(folder: Path) -> None:
    """Answer as the sandbox does until SIGTERM; the first line says where."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandbox = await start_sandbox("127.0.0.1", 0, folder, seed=SEED, clock=SystemClock())
    sys.stdout.write(msgspec.json.encode({"url": sandbox.url}).decode() + "\n")
    sys.stdout.flush()
    await stop.wait()
    await sandbox.close()


if __name__ == "__main__":
    run_loop(serve(Path(sys.argv[1])))
