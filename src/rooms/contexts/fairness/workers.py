"""Loops of fairness: the sequencer of the log, and who watches for beacons."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from rooms.contexts.fairness.service.beacons import BeaconWatch
from rooms.contexts.fairness.service.sequencing import Sequencing
from rooms.contexts.fairness.service.solvency import SolvencyService
from rooms.kernel.time import Clock, Instant, to_millis
from rooms.platform.database import NotDone, Unavailable
from rooms.platform.lease import LeadershipLost, Lease
from rooms.platform.metrics import BEACON_BEHIND, HEAD_SECONDS, LOG_LEADS
from rooms.platform.tracing import span

log = structlog.get_logger()

IDLE: Final = 2.0
BEHIND: Final = 0.3
AFTER: Final = 0.05
LOOK_EVERY: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class BeaconWatcher:
    """Looks for a beacon as soon as the next one is due; several may, and one is enough."""

    watch: BeaconWatch
    clock: Clock

    async def run(self) -> None:
        """Look for ever; a missing database is waited out."""
        await self.watch.begin()
        while True:
            wait = await self._look()
            await asyncio.sleep(wait)

    async def _look(self) -> float:
        """Look once; give the seconds until the next look."""
        try:
            due = await self.watch.look()
        except (*Unavailable, *NotDone) as problem:
            log.warning("database away or held up; no beacon is kept", why=str(problem))
            return IDLE
        if due is None:
            return IDLE
        wait = due - to_millis(self.clock.now()) / 1000
        BEACON_BEHIND.set(max(0.0, -wait))
        # A clock that is hours slow now may be right in a minute: then nobody must still sleep.
        longest = self.watch.service.drand.chain.period
        return min(wait, longest) + AFTER if wait > 0 else BEHIND


@dataclass(slots=True)
class SolvencyClock:
    """States what is owed when it is due, while this process leads; others stand by.

    ``lease`` is as long as a statement over very many accounts may take.
    """

    solvency: SolvencyService
    lease: Lease
    interval: timedelta
    _done: Instant | None = None

    async def run(self) -> None:
        """Look for ever; what could not be stated is tried again at the next look."""
        while True:
            try:
                await self.look()
            except LeadershipLost:
                log.warning("another process states what is owed now")
            except Unavailable as problem:
                log.warning("database away; what is owed is stated later", why=str(problem))
            await asyncio.sleep(min(LOOK_EVERY, self.interval).total_seconds())

    async def look(self) -> None:
        """State what is due and has not been stated."""
        due, assets = await self.solvency.missing(self.interval, self._done)
        if not assets:
            self._done = due if assets is not None else None
            return
        if await self.lease.acquire():
            for asset in assets:
                await self.solvency.state(self.lease, asset, due)
            self._done = due


@dataclass(frozen=True, slots=True)
class Sequencer:
    """Appends to the log while this process leads; others stand by."""

    sequencing: Sequencing
    lease: Lease
    interval: timedelta

    async def run(self) -> None:
        """Look for ever, at least twice a second; at once where more waits."""
        time, step = asyncio.get_running_loop().time, self.interval.total_seconds()
        try:
            while True:
                begun = time()
                if not await self._look():
                    await asyncio.sleep(max(0.0, begun + step - time()))
        finally:
            self.sequencing.completing.close()
            with suppress(*Unavailable, *NotDone):
                await self.lease.release()

    async def _look(self) -> bool:
        """Append once; True where more waits already."""
        try:
            leads = await self.lease.acquire()
            LOG_LEADS.set(leads)
            if leads:
                with span("head"), HEAD_SECONDS.time():
                    return await self.sequencing.append(self.lease)
        except LeadershipLost:
            LOG_LEADS.set(0)
            log.warning("another process leads the log now; its heads count")
        except NotDone as why:
            log.warning("the log had to wait; it goes on at the next look", why=str(why))
        except Unavailable as problem:
            log.warning("database away; the log waits", why=str(problem))
        return False
