"""The loop around the monitor's ticks: one leader, a steady grid, a database that goes away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import structlog

from rooms.contexts.oracle.workers import Monitor, next_on_grid
from rooms.platform.lease import Lease
from tests.contexts.oracle.conftest import Rig, coin

QUICK = timedelta(milliseconds=20)


@asynccontextmanager
async def running(monitor: Monitor) -> AsyncIterator[None]:
    task = asyncio.create_task(monitor.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_monitor_decides_by_itself_and_steps_down_when_it_ends(rig: Rig) -> None:
    await rig.watch(coin("SOL", "165"))
    await rig.put("SOL", price="166")
    rig.clock.advance(2)

    async with running(Monitor(rig.deciding, rig.lease, QUICK)):
        await rig.until(rig.told)

    (fact,) = await rig.facts()
    assert fact[0] == "ConditionMet"
    assert await Lease(rig.database, "oracle", "second").acquire(), "it waits for no expiry"


async def test_only_the_leader_ticks(rig: Rig) -> None:
    await rig.watch(coin("SOL", "165"))
    assert await rig.lease.acquire()
    other = rig.restarted("second")

    async def tries() -> bool:
        return other.lease.epoch is None

    other.lease.epoch = 0
    async with running(Monitor(other.deciding, other.lease, QUICK)):
        await rig.until(tries)

    assert await rig.count("ticks") == 1, "only the first price"


async def test_the_monitor_waits_for_a_database_that_is_away_and_goes_on(rig: Rig) -> None:
    await rig.watch(coin("SOL", "165"))
    await rig.put("SOL", price="166")
    rig.clock.advance(2)
    await rig.database.close()

    async def complained() -> bool:
        return bool(logs)

    with structlog.testing.capture_logs() as logs:
        async with running(Monitor(rig.deciding, rig.lease, QUICK)):
            await rig.until(complained)
            await rig.database.open()
            await rig.until(rig.told)

    assert logs[0]["event"].startswith("database away")


@pytest.mark.parametrize(
    ("now", "due"), [(100.0, 103.0), (102.9, 103.0), (103.0, 106.0), (107.5, 109.0)]
)
def test_a_late_tick_leaves_the_grid_as_it_is_and_does_not_pile_up(now: float, due: float) -> None:
    assert next_on_grid(100.0, 3.0, now) == due
