"""Facts leave by the outbox: delivered at least once, handled once.

A consumer's place is a transaction number, not a row number: row numbers are given out before
they are committed, so a reader who only remembered the last one would step over a slower
neighbour. Everything below the oldest transaction still running is final; above that, the inbox
says which facts were already handled. What lies below a consumer's place was handled, whatever
the inbox says: old facts leave both (``pruning``), and who still holds one in his hand is late.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

import structlog

from rooms.kernel.event import Fact
from rooms.platform.database import Database, NotDone, Row, Tx, Unavailable
from rooms.platform.metrics import HANDLED, OUTBOX_DUE, OUTBOX_LAG, UNHANDLED
from rooms.platform.module import Consumer, Together
from rooms.platform.tracing import span

log = structlog.get_logger()

BATCH: Final = 200
REST_AFTER_BUG: Final = timedelta(seconds=2)


@dataclass(slots=True)
class Delivery:
    """Brings facts to one consumer, for ever. Several processes may do it for the same one.

    A fact whose reaction failed rests before it is tried again, and the others go on meanwhile.
    """

    database: Database
    consumer: Consumer
    rest_after_bug: timedelta = REST_AFTER_BUG
    _resting: dict[int, float] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Deliver what is there, then wait for the doorbell."""
        HANDLED.labels(self.consumer.name), UNHANDLED.labels(self.consumer.name)  # shown from 0
        kinds = [kind.__name__ for kind in self.consumer.reactions]
        ear = self.database.doorbell.listen(kinds)
        try:
            while True:
                try:
                    if not await self.deliver_batch():
                        await ear.wait()
                except (*Unavailable, *NotDone) as problem:
                    log.warning("facts had to wait", consumer=self.consumer.name, why=str(problem))
                    await asyncio.sleep(REST_AFTER_BUG.total_seconds())
        finally:
            ear.close()

    async def deliver_batch(self) -> int:
        """Handle the facts that are due, one transaction each; give how many were handled."""
        async with self.database.transaction() as tx:
            facts = await self._due(tx)
        handled = 0
        for fact in facts:
            handled += await self._deliver(fact)
        return handled

    async def _due(self, tx: Tx) -> list[Row]:
        kinds, resting = [kind.__name__ for kind in self.consumer.reactions], self._still_resting()
        name = self.consumer.name
        await tx.execute(
            "INSERT INTO platform.cursors (consumer, txid) "
            "SELECT $1, '0'::xid8 ON CONFLICT DO NOTHING",
            name,
        )
        final = await oldest_running(tx)
        due = await due_facts(tx, name, kinds, resting, BATCH)
        if not due and not resting:
            await advance(tx, name, final)
        return due

    def _still_resting(self) -> list[int]:
        now = asyncio.get_running_loop().time()
        self._resting = {fact: until for fact, until in self._resting.items() if until > now}
        return list(self._resting)

    async def _deliver(self, row: Row) -> bool:
        kinds = {kind.__name__: kind for kind in self.consumer.reactions}
        kind = kinds[row["kind"]]
        try:
            fact: Fact = kind(**row["body"])
            with span("fact", consumer=self.consumer.name, kind=row["kind"], fact=row["id"]):
                async with self.database.transaction() as tx:
                    if await self._note(tx, row):
                        await self.consumer.reactions[kind](tx, fact)
        except Unavailable:
            raise
        except NotDone as why:
            log.warning("a fact had to wait; it stays due", fact=row["id"], why=str(why))
            self._rest(row["id"])
            return False
        except Exception:
            log.exception("a fact was not handled; it stays due", fact=row["id"], kind=row["kind"])
            UNHANDLED.labels(self.consumer.name).inc()
            self._rest(row["id"])
            return False
        HANDLED.labels(self.consumer.name).inc()
        return True

    def _rest(self, fact: int) -> None:
        rest = self.rest_after_bug.total_seconds()
        self._resting[fact] = asyncio.get_running_loop().time() + rest

    async def _note(self, tx: Tx, fact: Row) -> bool:
        """Note a fact as handled; False where it was. The place does not move until the commit."""
        return bool(
            await tx.value(
                """
                WITH place AS (
                    SELECT txid FROM platform.cursors WHERE consumer = $1 FOR SHARE
                )
                INSERT INTO platform.inbox (consumer, fact_id)
                SELECT $1, $2 FROM place WHERE place.txid <= $3::text::xid8
                ON CONFLICT DO NOTHING RETURNING true
                """,
                self.consumer.name,
                fact["id"],
                fact["txid"],
            )
        )


async def oldest_running(tx: Tx) -> str:
    """Give the oldest transaction that still runs; what lies below it is final."""
    oldest: str = await tx.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
    return oldest


async def due_facts(
    tx: Tx, consumer: str, kinds: Collection[str], without: Collection[int], most: int
) -> list[Row]:
    """Give the first facts of these kinds that a consumer has not handled, in order.

    It is a walk along the index for each kind, however many other facts there are.
    """
    return await tx.fetch(
        """
        SELECT fact.id, fact.txid::text, fact.kind, fact.body
        FROM unnest($2::text[]) AS wanted (kind)
        CROSS JOIN LATERAL (
            SELECT told.id, told.txid, told.kind, told.body
            FROM platform.outbox AS told
            WHERE told.kind = wanted.kind
              AND told.txid >= (SELECT txid FROM platform.cursors WHERE consumer = $1)
              AND told.id <> ALL ($4)
              AND NOT EXISTS (
                SELECT FROM platform.inbox AS seen
                WHERE seen.consumer = $1 AND seen.fact_id = told.id
              )
            ORDER BY told.txid, told.id
            LIMIT $3
        ) AS fact
        ORDER BY fact.txid, fact.id
        LIMIT $3
        """,
        consumer,
        list(kinds),
        most,
        list(without),
    )


async def advance(tx: Tx, consumer: str, final: str) -> None:
    """Nothing is due: step up to the oldest transaction that was running before the look.

    Not while another process handles a fact: it stands on the place as it is.
    """
    await tx.execute(
        "UPDATE platform.cursors SET txid = $2::text::xid8 WHERE consumer = ("
        "SELECT consumer FROM platform.cursors "
        "WHERE consumer = $1 AND txid < $2::text::xid8 FOR NO KEY UPDATE SKIP LOCKED)",
        consumer,
        final,
    )


class Lag(NamedTuple):
    """How many facts a consumer has not handled, counted to a thousand; the oldest one's age."""

    facts: int
    seconds: float


async def lag(tx: Tx, consumer: Consumer | Together) -> Lag:
    """Say how far behind a consumer is. One that takes facts together begins where it is made."""
    due = await tx.row(
        """
        SELECT count(*) AS facts,
               coalesce(extract(epoch FROM clock_timestamp() - min(fact.at)), 0) AS lag
        FROM unnest($2::text[]) AS wanted (kind)
        CROSS JOIN LATERAL (
            SELECT told.at
            FROM platform.outbox AS told
            WHERE told.kind = wanted.kind
              AND told.txid >= coalesce(
                (SELECT txid FROM platform.cursors WHERE consumer = $1), $3::text::xid8)
              AND NOT EXISTS (
                SELECT FROM platform.inbox AS seen
                WHERE seen.consumer = $1 AND seen.fact_id = told.id
              )
            ORDER BY told.txid, told.id
            LIMIT 1000
        ) AS fact
        """,
        consumer.name,
        [kind.__name__ for kind in consumer.kinds],
        None if isinstance(consumer, Together) else "0",
    )
    assert due is not None
    return Lag(due["facts"], max(0.0, float(due["lag"])))


async def read_lag(tx: Tx, consumer: Consumer | Together) -> None:
    """Set the gauges of a consumer's lag."""
    found = await lag(tx, consumer)
    OUTBOX_DUE.labels(consumer.name).set(found.facts)
    OUTBOX_LAG.labels(consumer.name).set(found.seconds)
