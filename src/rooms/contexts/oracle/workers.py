"""The monitor: every few seconds, the one process that leads looks at what rooms watch."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog

from rooms.contexts.oracle.service.deciding import Deciding
from rooms.platform.database import NotDone, Unavailable
from rooms.platform.lease import LeadershipLost, Lease
from rooms.platform.metrics import LEADS, TICK_SECONDS
from rooms.platform.tracing import span

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Monitor:
    """Ticks on a steady grid while this process leads; others stand by."""

    deciding: Deciding
    lease: Lease
    interval: timedelta

    async def run(self) -> None:
        """Tick for ever; a missing database or a lost leadership is waited out."""
        time, step = asyncio.get_running_loop().time, self.interval.total_seconds()
        due = time()
        try:
            while True:
                await self._tick()
                due = next_on_grid(due, step, time())
                await asyncio.sleep(due - time())
        finally:
            with suppress(*Unavailable, *NotDone):
                await self.lease.release()

    async def _tick(self) -> None:
        try:
            leads = await self.lease.acquire()
            LEADS.set(leads)
            if leads:
                with span("oracle tick"), TICK_SECONDS.time():
                    await self.deciding.tick(self.lease)
        except LeadershipLost:
            LEADS.set(0)
            log.warning("another process leads the oracle now; its ticks count")
        except (*Unavailable, *NotDone) as problem:
            log.warning("database away or held up; nothing is decided", why=str(problem))


def next_on_grid(due: float, step: float, now: float) -> float:
    """Give the next point of the grid after ``now``: what came too late is left out.

    All in seconds.
    """
    return due + step * (1 + max(0.0, (now - due) // step))
