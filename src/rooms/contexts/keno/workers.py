"""The clock of keno: one process leads each shard of games and brings their rounds along."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from rooms.contexts.fairness.api import Seeds
from rooms.contexts.keno.events import GameChanged, RoundsDrawn, RoundsLocked, RoundsVoided
from rooms.contexts.keno.service.drawing import Drawing
from rooms.contexts.keno.service.games import Games
from rooms.contexts.keno.service.locking import MOST_GAMES, Locking
from rooms.contexts.keno.service.settling import Settling
from rooms.contexts.keno.storage.rounds import RoundStorage
from rooms.kernel.event import Fact
from rooms.kernel.ids import GameId
from rooms.platform.database import Database, NotDone, Unavailable
from rooms.platform.lease import LeadershipLost, Lease
from rooms.platform.metrics import KENO_LEADS, KENO_WITHOUT_KEY
from rooms.platform.tracing import span

log = structlog.get_logger()

# A lease is renewed so many times while it lasts.
RENEWALS: Final = 4
# Seconds: how often one looks for rounds to lock, for a beacon that may have come, and how often
# games are looked through that want a chain or are drained.
LOCK_EVERY: Final = 1.0
LOOK_EVERY: Final = 0.25
TIDY_EVERY: Final = 1.0
REST_WITHOUT_DATABASE: Final = 0.5
SHORTEST_REST: Final = 0.002


@dataclass(frozen=True, slots=True)
class RoundClock:
    """Locks, draws and pays the rounds of the games of one shard while this process leads it.

    Each step has a loop of its own, so that a round of a million tickets holds up no lock. A game
    in whose line a buyer stands is waited for apart from the others.
    """

    database: Database
    rounds: RoundStorage
    locking: Locking
    drawing: Drawing
    settling: Settling
    games: Games
    seeds: Seeds
    lease: Lease
    shard: int
    shards: int
    _waiting: "dict[GameId, asyncio.Task[None]]" = field(default_factory=dict, init=False)

    @property
    def waiting(self) -> "list[asyncio.Task[None]]":
        """The tasks that wait for a game in whose line others stand."""
        return list(self._waiting.values())

    async def run(self) -> None:
        """Lead, or stand by, for ever."""
        renew_every = self.lease.length.total_seconds() / RENEWALS
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._for_ever(self.lead, renew_every, ()))
                loops.create_task(self._for_ever(self.lock, LOCK_EVERY, (GameChanged,)))
                loops.create_task(self._for_ever(self.draw, LOOK_EVERY, (RoundsLocked,)))
                drawn = (RoundsDrawn, RoundsVoided)
                loops.create_task(self._for_ever(self.pay, LOOK_EVERY, drawn))
                loops.create_task(self._for_ever(self.tidy, TIDY_EVERY, ()))
        finally:
            for task in self.waiting:
                task.cancel()
            with suppress(*Unavailable):
                await self.lease.release()

    async def _for_ever(
        self,
        step: Callable[[], Awaitable[float | None]],
        most: float,
        kinds: tuple[type[Fact], ...],
    ) -> None:
        """Take a step, then rest until a fact of these kinds, or as long as the step says."""
        ear = self.database.doorbell.listen([kind.__name__ for kind in kinds])
        try:
            while True:
                rest = await self._once(step)
                await ear.wait(most if rest is None else min(most, max(rest, SHORTEST_REST)))
        finally:
            ear.close()

    async def _once(self, step: Callable[[], Awaitable[float | None]]) -> float | None:
        name = step.__name__
        try:
            with span(f"keno {name}", shard=self.shard):
                return await step()
        except LeadershipLost:
            self.lease.epoch = None
            KENO_LEADS.labels(self.shard).set(0)
            log.warning("another process leads the clock of keno now", shard=self.shard)
        except NotDone as why:
            log.warning(
                "a step of the clock had to wait; it is tried again", step=name, why=str(why)
            )
        except Unavailable as problem:
            log.warning("database away; rounds wait", step=name, why=str(problem))
            return REST_WITHOUT_DATABASE
        except Exception:
            log.exception("a step of the clock failed; it is tried again", step=name)
        return None

    async def lead(self) -> None:
        """Take or renew the lease; without the master key leave it to others, or give it back."""
        able = await self.seeds.can_reveal()
        KENO_WITHOUT_KEY.labels(self.shard).set(not able)
        if able:
            KENO_LEADS.labels(self.shard).set(await self.lease.acquire())
        elif self.lease.epoch is not None:
            log.error("without the master key no round is drawn; others may lead", shard=self.shard)
            await self.lease.release()
            self.lease.epoch = None
            KENO_LEADS.labels(self.shard).set(0)

    async def tick(self) -> None:
        """Do everything that is due now, as the leader."""
        await self.lead()
        await self.lock()
        await asyncio.gather(*self.waiting)
        await self.draw()
        await self.pay()
        await self.tidy()

    async def lock(self) -> float | None:
        """Lock the rounds whose time has come; give the seconds until the next one's."""
        if self.lease.epoch is None:
            return None
        while due := await self._due():
            locked = await self.locking.lock_due(self.lease, due, wait=False)
            for game in set(due) - locked:
                self._waiting[game] = asyncio.create_task(self._lock_waiting(game))
        async with self.database.snapshot() as tx:
            return await self.rounds.next_lock(tx, self.shard, self.shards)

    async def _due(self) -> list[GameId]:
        async with self.database.snapshot() as tx:
            due = await self.rounds.due(tx, self.shard, self.shards, MOST_GAMES)
        return [game for game in due if game not in self._waiting]

    async def _lock_waiting(self, game: GameId) -> None:
        """Lock a game in whose line others stand: behind those, before whoever comes later."""
        try:
            await self._once(lambda: self._lock_one(game))
        finally:
            del self._waiting[game]

    async def _lock_one(self, game: GameId) -> None:
        await self.locking.lock_due(self.lease, [game], wait=True)

    async def draw(self) -> float | None:
        """Draw the locked rounds whose beacon is there, void those whose will not come."""
        if self.lease.epoch is None:
            return None
        async with self.database.snapshot() as tx:
            undrawn, _ = await self.rounds.behind(tx, self.shard, self.shards)
        if undrawn and await self.drawing.draw(self.lease, undrawn):
            return 0.0
        return None

    async def pay(self) -> float | None:
        """Pay the tickets of rounds that have a result."""
        if self.lease.epoch is None:
            return None
        async with self.database.snapshot() as tx:
            _, unpaid = await self.rounds.behind(tx, self.shard, self.shards)
        if unpaid and await self.settling.settle(self.lease, unpaid):
            return 0.0
        return None

    async def tidy(self) -> None:
        """Announce the chains that games will need, and pause the games that are drained."""
        if self.lease.epoch is not None:
            await self.games.continue_chains(self.lease)
            await self.games.finish_drains(self.lease)
