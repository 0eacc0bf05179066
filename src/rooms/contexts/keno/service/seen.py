"""How games stood when somebody last looked: enough to guess what is sold, never more."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rooms.contexts.keno.service.judging import Table
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.storage.games import Game, Standing
from rooms.kernel.ids import GameId
from rooms.kernel.time import Instant, to_millis
from rooms.platform.doubts import Doubts


@dataclass(slots=True)
class Seen:
    """Games as they were last seen, and the database's time; who goes by them has to make sure.

    The time is the database's as it was last told, and as much more as has passed here since.
    """

    schedules: Schedules
    doubts: Doubts = field(default_factory=Doubts)
    _standings: dict[GameId, Standing] = field(default_factory=dict)
    _tables: dict[GameId, Table] = field(default_factory=dict)
    _ahead: int = 0

    def note(self, standings: Iterable[Standing]) -> None:
        """Remember how games stand, and the time at which they did."""
        for each in standings:
            self._standings[each.id] = each
            self._tables.pop(each.id, None)
            self.note_time(each.at)

    def note_time(self, at: Instant) -> None:
        """Remember the database's time."""
        self._ahead = to_millis(at) - _passed()

    def tables(self, games: Mapping[GameId, Game]) -> dict[GameId, Table]:
        """Give those of these games that were seen, as they should stand by now."""
        now = _passed() + self._ahead
        found = {}
        for number, game in games.items():
            table = self._table(game, now)
            if table is not None:
                found[number] = table
        return found

    def _table(self, game: Game, now: int) -> Table | None:
        standing = self._standings.get(game.id)
        if standing is None:
            return None
        schedule = self.schedules.remembered(standing)
        if schedule is None:
            return None
        known = self._tables.get(game.id)
        if known is None or known.schedule is not schedule or not known.is_still(now):
            known = self._tables[game.id] = Table(game, standing, schedule, now)
        return known


def _passed() -> int:
    """Give milliseconds that no change of the wall clock touches."""
    return int(asyncio.get_running_loop().time() * 1000)
