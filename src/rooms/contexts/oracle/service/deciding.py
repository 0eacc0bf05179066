"""One tick of the monitor: ask for what is watched, then decide in one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rooms.contexts.oracle.domain import (
    Folded,
    History,
    Watch,
    fact_of,
    fold,
    wanted_by,
    window_start,
)
from rooms.contexts.oracle.service.pricing import Pricing
from rooms.contexts.oracle.storage import OracleStorage
from rooms.kernel.time import Clock, Instant
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.proof.condition import Point
from rooms.proof.consensus import Observation

SOURCE_LAG: Final = timedelta(minutes=3)
"""By how much an observation's time may lie before its tick's: more than any usual max_age."""

AT_A_STRETCH: Final = 100


@dataclass(frozen=True, slots=True)
class Deciding:
    """Decides every watch in force by the observations of the monitor's ticks, in their order."""

    database: Database
    storage: OracleStorage
    pricing: Pricing
    clock: Clock

    async def tick(self, lease: Lease) -> None:
        """Do one tick as the leader. Raises LeadershipLost where another process leads by now.

        The watches are read once: nobody but a leader changes them, and the guard makes sure that
        none came between. One that was ended meanwhile is left alone.
        """
        async with self.database.snapshot() as tx:
            watches = await self.storage.watches_in_force(tx)
        if not watches:
            return
        agreed = await self.pricing.agree(wanted_by(watches))
        seen = [each for each in agreed if isinstance(each, Observation)]
        async with self.database.transaction() as tx:
            epoch = await lease.guard(tx)
            tick = await self.storage.add_tick(tx, self.clock.now(), epoch)
            await self.storage.add_observations(tx, tick, seen)
            points = {each.asset: (each.at, each.price) for each in seen}
            folded = await self._fold(tx, watches, tick, points)
            await self._tell(tx, folded, tick)

    async def _fold(
        self, tx: Tx, watches: Sequence[Watch], tick: int, points: Mapping[str, Point]
    ) -> list[Folded]:
        starts = {
            watch.id: min(points[asset][0] for asset in seen) - watch.token_window
            for watch in watches
            if (seen := watch.smoothed & points.keys())
        }
        smoothed = [watch for watch in watches if watch.id in starts]
        history = await self._history(tx, smoothed, min(starts.values(), default=None), tick)
        folded = []
        for place, watch in enumerate(watches):
            folded.append(fold(watch, tick, points, history))
            if place % AT_A_STRETCH == 0 or watch.smoothed:
                await asyncio.sleep(0)
        return [each for each in folded if each is not None]

    async def _tell(self, tx: Tx, folded: Sequence[Folded], tick: int) -> None:
        """Store how far each watch has come and publish what was decided."""
        told = await self.storage.keep_progress(tx, folded)
        decided = [each for each in folded if each.watch.id in told]
        if not decided:
            return
        smoothed = [each for each in decided if each.watch.smoothed]
        since = min((window_start(each) for each in smoothed), default=None)
        history = await self._history(tx, [each.watch for each in smoothed], since, tick)
        await tx.publish(*(fact_of(each, history) for each in decided))

    async def _history(
        self, tx: Tx, watches: Sequence[Watch], since: Instant | None, before: int
    ) -> History:
        if since is None:
            return {}
        return await self.storage.history(
            tx,
            assets={asset for watch in watches for asset in watch.smoothed},
            first_ticks={watch.first_tick for watch in watches},
            since=since - SOURCE_LAG,
            before=before,
        )
