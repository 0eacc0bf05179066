"""Tells when a round opens: by the clock, since nothing is written then."""

from dataclasses import dataclass
from typing import Final

import structlog

from rooms.entrypoints.gateway.feed.names import KENO
from rooms.entrypoints.gateway.feed.telling import Telling
from rooms.platform import topics
from rooms.platform.database import Database, NotDone, Unavailable

log = structlog.get_logger()

LOOK_EVERY: Final = 1.0
SHORTEST_REST: Final = 0.002
REST: Final = 1.0


@dataclass(frozen=True, slots=True)
class Openings:
    """Wakes when the next round of any watched game opens; several processes may do it."""

    database: Database
    telling: Telling

    async def run(self) -> None:
        """Tell of rounds that open, for ever."""
        # A ring says that frames were told, so that somebody watches by now.
        ear = self.database.doorbell.listen([topics.TOLD])
        try:
            while True:
                try:
                    rest = await self.tell()
                except (*Unavailable, *NotDone) as problem:
                    log.warning("nobody is told of rounds that open", why=str(problem))
                    rest = REST
                await ear.wait(min(LOOK_EVERY, max(rest, SHORTEST_REST)))
        finally:
            ear.close()

    async def tell(self) -> float:
        """Tell of the rounds that have opened; give the seconds until the next one does."""
        async with self.database.snapshot() as tx:
            if not await topics.told_to(tx, KENO):
                return LOOK_EVERY
        async with self.database.transaction() as tx:
            await topics.stand_alone(tx)
            return await self.telling.tell_openings(tx)
