"""How long after the commit does a consumer have the fact, in the same process and in another?"""

import asyncio
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from benchmarks.measuring import percentiles_ms
from rooms.kernel.event import Fact
from rooms.platform.database import Database, Tx
from rooms.platform.doorbell import Doorbell
from rooms.platform.module import Consumer
from rooms.platform.notify import carry_rings
from rooms.platform.outbox import Delivery

ASKS: Final = "from the commit until a consumer handles the fact"
EACH: Final = Target(unit="ms", floor=50, aim=5, least=True)
TARGETS: Final = {"commit_to_consumer/here": EACH, "commit_to_consumer/elsewhere": EACH}
DATABASE: Final = "commit_to_consumer"
PAUSE: Final = 0.02
WITHIN: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rang(Fact):
    """Something happened in a run; who hears of it looks at the clock."""

    run: str
    number: int


async def measure(lab: Lab) -> list[Figure]:
    """Publish a fact now and then; one consumer hears the doorbell, the other the database's."""
    await lab.server.make_database(DATABASE)
    url = lab.server.url(DATABASE)
    figures = []
    async with _opened(url) as here, _opened(url) as elsewhere:
        # The second set of connections has a doorbell of its own, as another process has.
        for name, hearing in (("here", here), ("elsewhere", elsewhere)):
            runs = [
                await _listen(lab, here, hearing, f"{name}-{run}") for run in range(lab.extent.runs)
            ]
            times = [percentiles_ms(delays, 0.5, 0.99) for delays in runs]
            slowest = [each["p99_ms"] for each in times]
            figures.append(lab.figure(f"commit_to_consumer/{name}", slowest, details=times))
    return figures


async def _listen(lab: Lab, telling: Database, hearing: Database, name: str) -> "array[float]":
    """Give the seconds from each commit to its consumer."""
    lab.say(f"listening as {name}")
    committed: dict[int, float] = {}
    heard: dict[int, float] = {}
    count = max(10, round(lab.extent.seconds / PAUSE))
    all_heard = asyncio.Event()

    async def hear(_: Tx, fact: Rang) -> None:
        if fact.run == name:
            heard[fact.number] = time.perf_counter()
        if len(heard) == count:
            all_heard.set()

    delivery = Delivery(hearing, Consumer(f"benchmark.{name}", {Rang: hear}))
    while await delivery.deliver_batch():
        pass  # what earlier runs have told is out of the way
    async with _running(delivery):
        for number in range(count):
            async with telling.transaction() as tx:
                await tx.publish(Rang(run=name, number=number))
            committed[number] = time.perf_counter()
            await asyncio.sleep(PAUSE)
        async with asyncio.timeout(WITHIN):
            await all_heard.wait()
    return array("d", (max(0.0, heard[number] - committed[number]) for number in committed))


@asynccontextmanager
async def _running(delivery: Delivery) -> AsyncIterator[None]:
    delivering = asyncio.create_task(delivery.run())
    try:
        yield
    finally:
        delivering.cancel()
        with suppress(asyncio.CancelledError):
            await delivering


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    """Connect as a process does, with its doorbell."""
    async with AsyncExitStack() as stack:
        database = Database(url, Doorbell())
        await database.open()
        stack.push_async_callback(database.close)
        carrying = asyncio.create_task(carry_rings(database))
        stack.callback(carrying.cancel)
        yield database
