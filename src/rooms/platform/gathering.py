"""Facts that are handled together: as many as are due, in one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from rooms.kernel.event import Fact
from rooms.platform.database import Database, NotDone, Row, Tx, Unavailable
from rooms.platform.metrics import HANDLED, UNHANDLED
from rooms.platform.module import Together
from rooms.platform.outbox import advance, due_facts, oldest_running
from rooms.platform.tracing import span

log = structlog.get_logger()

BATCH: Final = 200
REST: Final = 2.0


@dataclass(slots=True)
class Gathering:
    """Brings facts to one who takes them together, for ever; of several processes one at a time.

    Where a batch fails its facts are tried one by one, and those that fail alone rest.
    """

    database: Database
    consumer: Together
    rest: float = REST
    _resting: dict[int, float] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Deliver what is there, then wait for the doorbell."""
        HANDLED.labels(self.consumer.name), UNHANDLED.labels(self.consumer.name)  # shown from 0
        ear = self.database.doorbell.listen([kind.__name__ for kind in self.consumer.kinds])
        try:
            while True:
                try:
                    if not await self.deliver():
                        await ear.wait()
                    if self.consumer.pause:
                        await asyncio.sleep(self.consumer.pause)
                except NotDone as why:
                    log.warning("facts had to wait", consumer=self.consumer.name, why=str(why))
                    await asyncio.sleep(self.rest)
                except Unavailable as problem:
                    log.warning("database away", consumer=self.consumer.name, why=str(problem))
                    await asyncio.sleep(self.rest)
        finally:
            ear.close()

    async def deliver(self) -> int:
        """Handle the facts that are due, in one transaction; give how many there were."""
        try:
            return await self._deliver(BATCH)
        except (*Unavailable, *NotDone):
            raise
        except Exception:
            log.exception("facts were not handled together", consumer=self.consumer.name)
            return await self._one_by_one()

    async def _one_by_one(self) -> int:
        """Handle one fact in a transaction of its own; it rests where it fails."""
        async with self.database.transaction() as tx:
            first = await self._due(tx, 1)
        try:
            return await self._deliver(1)
        except (*Unavailable, *NotDone):
            raise
        except Exception:
            UNHANDLED.labels(self.consumer.name).inc()
            clock = asyncio.get_running_loop().time
            self._resting |= {row["id"]: clock() + self.rest for row in first}
            log.exception("a fact was not handled; it stays due", facts=[*self._resting])
            return len(first)

    async def _deliver(self, most: int) -> int:
        name = self.consumer.name
        with span("facts", consumer=name):
            async with self.database.transaction() as tx:
                rows = await self._due(tx, most)
                if rows:
                    await tx.execute(
                        "INSERT INTO platform.inbox (consumer, fact_id) "
                        "SELECT $1, unnest($2::bigint[])",
                        name,
                        [row["id"] for row in rows],
                    )
                    await self.consumer.react(tx, self._facts(rows))
        HANDLED.labels(name).inc(len(rows))
        return len(rows)

    async def _due(self, tx: Tx, most: int) -> list[Row]:
        """Stand at the consumer's place alone, and give the facts that are due."""
        name = self.consumer.name
        at_place = "SELECT FROM platform.cursors WHERE consumer = $1 FOR NO KEY UPDATE"
        if not await tx.fetch(at_place, name):
            await tx.execute(
                "INSERT INTO platform.cursors (consumer, txid) "
                "SELECT $1, pg_snapshot_xmin(pg_current_snapshot()) ON CONFLICT DO NOTHING",
                name,
            )
            await tx.fetch(at_place, name)
        now = asyncio.get_running_loop().time()
        self._resting = {fact: until for fact, until in self._resting.items() if until > now}
        final = await oldest_running(tx)
        kinds = [kind.__name__ for kind in self.consumer.kinds]
        rows = await due_facts(tx, name, kinds, self._resting, most)
        if not rows and not self._resting:
            await advance(tx, name, final)
        return rows

    def _facts(self, rows: Sequence[Row]) -> list[Fact]:
        kinds = {kind.__name__: kind for kind in self.consumer.kinds}
        return [kinds[row["kind"]](**row["body"]) for row in rows]
