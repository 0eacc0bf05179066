"""Loops of fairness: who watches for beacons."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from rooms.contexts.fairness.service.beacons import BeaconWatch
from rooms.kernel.time import Clock, to_millis
from rooms.platform.database import Unavailable
from rooms.platform.metrics import BEACON_BEHIND

log = structlog.get_logger()

IDLE: Final = 2.0
BEHIND: Final = 0.3
AFTER: Final = 0.05


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
        except Unavailable as problem:
            log.warning("database away; no beacon is kept", why=str(problem))
            return IDLE
        if due is None:
            return IDLE
        wait = due - to_millis(self.clock.now()) / 1000
        BEACON_BEHIND.set(max(0.0, -wait))
        return wait + AFTER if wait > 0 else BEHIND
