"""Facts are no archive: what every consumer has handled is forgotten once it is old.

Any number of processes may do it. They forget a few at a time, so that nobody waits for them.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from rooms.platform.database import Database, NotDone, Unavailable

log = structlog.get_logger()

AT_A_TIME: Final = 1000
# Seconds between two looks when nothing is left to forget.
LOOK_EVERY: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pruning:
    """Forgets facts older than ``keep``, an hour or more, together with who handled them."""

    database: Database
    keep: timedelta
    at_a_time: int = AT_A_TIME

    async def run(self) -> None:
        """Forget what may be forgotten, for ever."""
        while True:
            forgotten = 0
            try:
                forgotten = await self.prune()
            except (*Unavailable, *NotDone) as problem:
                log.warning("database away or held up; old facts stay", why=str(problem))
            if forgotten < self.at_a_time:
                await asyncio.sleep(LOOK_EVERY)

    async def prune(self) -> int:
        """Forget up to ``at_a_time`` facts in a transaction; give how many."""
        async with self.database.transaction() as tx:
            return int(
                await tx.value("SELECT platform.prune_facts($1, $2)", self.keep, self.at_a_time)
            )
