"""Lock the rounds whose time has come, and skip those that nobody missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rooms.contexts.fairness.api import Log, RecordKind, Seeds
from rooms.contexts.keno.domain import Schedule
from rooms.contexts.keno.events import RoundsLocked
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.storage.games import Standing
from rooms.contexts.keno.storage.rounds import RoundStorage, Skip
from rooms.kernel.ids import GameId
from rooms.kernel.time import Instant, from_millis, to_millis
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.platform.metrics import KENO_LOCK_LATE, KENO_ROUNDS

# Each game in whose line one stands alone takes a place in the database's table of locks.
MOST_GAMES: Final = 1_000
# No round locks after the last that a chain covers, until another chain follows.
NEVER: Final = from_millis(253_370_764_800_000)

DOWNTIME: Final = "downtime"
PAUSE: Final = "pause"


@dataclass(frozen=True, slots=True)
class Locking:
    """Closes rounds for tickets. Who locks stands alone in the game's line, so nobody buys."""

    database: Database
    schedules: Schedules
    rounds: RoundStorage
    seeds: Seeds
    log: Log

    async def lock_due(self, lease: Lease, games: Sequence[GameId], *, wait: bool) -> set[GameId]:
        """Lock what is due in these games, as their leader; give the games that were locked.

        Without ``wait`` a game in whose line somebody stands is left out. LeadershipLost if
        another process leads by now.
        """
        async with self.database.transaction() as tx:
            await lease.guard(tx)
            standings = await self.schedules.games.join_lines(tx, games, alone=True, wait=wait)
            if standings:
                await self._lock(tx, standings)
        return {each.id for each in standings}

    async def _lock(self, tx: Tx, standings: Sequence[Standing]) -> None:
        schedules = await self.schedules.of(tx, standings)
        late = [
            Skip(each.id, each.locked_to + 1, last)
            for each in standings
            if (last := _missed(schedules[each.id], each)) > each.locked_to
        ]
        await self.lock(tx, standings, schedules)
        if late:
            await self.skip(tx, late, DOWNTIME, standings[0].at)

    async def lock(
        self, tx: Tx, standings: Sequence[Standing], schedules: dict[GameId, Schedule]
    ) -> None:
        """Lock every round whose time has come, of games in whose lines one stands alone."""
        locked, told, late = [], [], 0.0
        games = await self.schedules.numbered(tx, [each.id for each in standings])
        by_name = {games[each.id].name: schedules[each.id] for each in standings}
        for each in standings:
            upto = schedules[each.id].locked_at(to_millis(each.at), each.locked_to)
            locked.append((each.id, upto, following(schedules[each.id], upto)))
            if upto > each.locked_to:
                told.append((games[each.id].name, each.locked_to + 1, upto))
                late = max(late, _late(schedules[each.id], upto, each.at))
        await self.rounds.lock(tx, locked)
        for name, first, upto in told:
            ended = by_name[name].ended(first - 1, upto)
            for chain, last in ended:
                await self.seeds.end_chain(tx, name, chain, last)
        if told:
            await tx.publish(RoundsLocked(rounds=told))
            tx.once_committed.append(lambda _: KENO_LOCK_LATE.observe(late))

    async def skip(self, tx: Tx, ranges: Sequence[Skip], reason: str, at: Instant) -> None:
        """Skip the locked rounds of these ranges that have no ticket, and put it on record."""
        skipped = await self.rounds.skip(tx, ranges, reason, at)
        games = await self.schedules.numbered(tx, {each.game for each in skipped})
        for each in skipped:
            fields: dict[str, Any] = {
                "game": games[each.game].name,
                "from": each.first,
                "to": each.last,
                "reason": reason,
            }
            await self.log.record(tx, RecordKind.KENO_SKIPPED, at, fields)
        if skipped:
            await self.rounds.advance(tx, games)
            count = sum(each.last - each.first + 1 for each in skipped)
            tx.once_committed.append(lambda _: KENO_ROUNDS.labels("SKIPPED").inc(count))


def following(schedule: Schedule, locked_to: int) -> Instant:
    """Say when the round after those that are locked is scheduled to lock."""
    terms = schedule.of(locked_to + 1)
    return NEVER if terms is None else from_millis(terms.chain.locks_at(locked_to + 1))


def _late(schedule: Schedule, number: int, at: Instant) -> float:
    """Say by how many seconds the newest of the rounds that lock now came after its time."""
    terms = schedule.of(number)
    assert terms is not None, "a locked round has terms"
    return (to_millis(at) - terms.chain.locks_at(number)) / 1000


def _missed(schedule: Schedule, standing: Standing) -> int:
    """Give the last round whose lock is overdue by a whole interval: its time was missed."""
    now = to_millis(standing.at)
    last = schedule.locked_at(now, standing.locked_to)
    while last > standing.locked_to:
        terms = schedule.of(last)
        assert terms is not None, "a locked round has terms"
        chain = terms.chain
        if chain.locks_at(last) + chain.interval_ms <= now:
            break
        last -= 1
    return last
