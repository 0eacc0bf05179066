"""Lock the rounds whose time has come, and skip those that nobody missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rooms.contexts.fairness.api import Log, RecordKind, Seeds
from rooms.contexts.keno.domain import Passed, Schedule
from rooms.contexts.keno.events import RoundsLocked
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.storage.games import Standing
from rooms.contexts.keno.storage.rounds import RoundStorage, Skip
from rooms.kernel.ids import GameId
from rooms.kernel.time import Instant, to_millis
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.platform.metrics import KENO_LOCK_LATE, KENO_ROUNDS

# Each game in whose line one stands alone takes a place in the database's table of locks.
MOST_GAMES: Final = 1_000
# No round locks after the last that a chain covers, until another chain follows.
NEVER: Final = 253_370_764_800_000

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
        passed = await self.lock(tx, standings, schedules)
        late = [
            Skip(each.id, each.locked_to + 1, passed[each.id].missed)
            for each in standings
            if passed[each.id].missed > each.locked_to
        ]
        if late:
            await self.skip(tx, late, DOWNTIME, standings[0].at)

    async def lock(
        self, tx: Tx, standings: Sequence[Standing], schedules: dict[GameId, Schedule]
    ) -> dict[GameId, Passed]:
        """Lock every round whose time has come, of games in whose lines one stands alone."""
        games = await self.schedules.numbered(tx, [each.id for each in standings])
        now = to_millis(standings[0].at)  # of all of them
        found = {each.id: schedules[each.id].passed(now, each.locked_to) for each in standings}
        await self.rounds.lock(
            tx,
            [
                (game, each.upto, NEVER if each.following is None else each.following)
                for game, each in found.items()
            ],
        )
        told = [
            (games[each.id].name, each.locked_to + 1, upto)
            for each in standings
            if (upto := found[each.id].upto) > each.locked_to
        ]
        for game, passed in found.items():
            for chain, last in passed.ended:
                await self.seeds.end_chain(tx, games[game].name, chain, last)
        if told:
            late = max(each.late for each in found.values()) / 1000
            await tx.publish(RoundsLocked(rounds=told))
            tx.once_committed.append(lambda _: KENO_LOCK_LATE.observe(late))
        return found

    async def skip(self, tx: Tx, ranges: Sequence[Skip], reason: str, at: Instant) -> None:
        """Skip the locked rounds of these ranges that have no ticket, and put it on record."""
        skipped = await self.rounds.skip(tx, ranges, reason, at)
        games = await self.schedules.numbered(tx, {each.game for each in skipped})
        records: list[dict[str, Any]] = [
            {
                "game": games[each.game].name,
                "from": each.first,
                "to": each.last,
                "reason": reason,
            }
            for each in skipped
        ]
        if skipped:
            await self.log.record_all(tx, RecordKind.KENO_SKIPPED, at, records)
            await self.rounds.advance(tx, games)
            count = sum(each.last - each.first + 1 for each in skipped)
            tx.once_committed.append(lambda _: KENO_ROUNDS.labels("SKIPPED").inc(count))
