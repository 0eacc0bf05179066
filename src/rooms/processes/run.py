"""Runs what the modules of a process have to run, until it is told to stop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog

from rooms.platform.metrics import TASK_FAILURES
from rooms.platform.notify import carry_rings
from rooms.platform.outbox import Delivery
from rooms.platform.pruning import Pruning
from rooms.processes.compose import House

log = structlog.get_logger()

REST_AFTER_BUG: Final = 1.0


@asynccontextmanager
async def running(house: House, modules: Sequence[str]) -> AsyncIterator[None]:
    """Run the consumers and workers of these modules, the doorbell and pruning, while inside."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(task("doorbell", lambda: carry_rings(house.database)))
        pruning = Pruning(house.database, house.settings.database.keep_facts)
        await stack.enter_async_context(task("pruning", pruning.run))
        for name in modules:
            module = house.modules[name]
            for consumer in module.consumers:
                delivery = Delivery(house.database, consumer)
                await stack.enter_async_context(task(consumer.name, delivery.run))
            for worker in module.workers:
                await stack.enter_async_context(task(worker.name, worker.run))
        yield


@asynccontextmanager
async def task(name: str, run: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run a part of the process while inside; it begins again where a bug ends it."""
    TASK_FAILURES.labels(name)  # shown as 0 until it fails
    running = asyncio.create_task(_for_ever(name, run), name=name)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})


async def _for_ever(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """A bug ends a task, not the process: it is logged and the task begins again."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("a task ended by a bug and is started again", task=name)
            TASK_FAILURES.labels(name).inc()
        await asyncio.sleep(REST_AFTER_BUG)
