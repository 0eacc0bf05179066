"""Somebody locks tables for longer than anyone waits: every loop waits it out, and none has a bug."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from rooms.contexts.ledger.module import ledger_module
from rooms.platform.database import Database, NotDone, Tx
from rooms.platform.doorbell import Doorbell
from rooms.platform.outbox import Delivery
from rooms.platform.postgres import Dsn
from rooms.platform.pruning import Pruning
from tests.houses import wire

TABLES = (
    "ledger.holds, ledger.check_place, platform.cursors, platform.outbox, parimutuel.rooms, "
    "parimutuel.decisions"
)
# Twice each: the holds', the check's, the clock's four, the consumer's.
MANY = 14


@dataclass(slots=True)
class Impatient(Database):
    """Waits briefly for locks, and says when it has often done so in vain."""

    waited: int = 0
    often: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def transaction(self, statement_time_out: timedelta | None = None) -> AsyncIterator[Tx]:
        try:
            async with Database.transaction(self, statement_time_out) as tx:
                yield tx
        except NotDone:
            self.waited += 1
            if self.waited >= MANY:
                self.often.set()
            raise


@pytest.fixture
async def impatient(dsn: Dsn) -> AsyncIterator[Impatient]:
    opened = Impatient(dsn.app, Doorbell(), lock_time_out=timedelta(milliseconds=50))
    await opened.open()
    yield opened
    await opened.close()


async def test_no_loop_takes_a_lock_that_it_could_not_have_for_a_bug(
    impatient: Impatient, dsn: Dsn
) -> None:
    owner = Database(dsn.owner, Doorbell(), role="rooms_owner", size=1)
    await owner.open()
    house = wire(impatient, owner)
    runs = [
        *(worker.run for worker in ledger_module(impatient).workers),
        house.clock.run,
        Delivery(impatient, house.decide).run,
        Pruning(impatient, timedelta(hours=1)).run,
    ]
    async with owner.transaction() as tx:
        await tx.execute(f"LOCK TABLE {TABLES} IN ACCESS EXCLUSIVE MODE")
        loops = [asyncio.ensure_future(run()) for run in runs]
        often = asyncio.create_task(impatient.often.wait())
        await asyncio.wait({often, *loops}, return_when=asyncio.FIRST_COMPLETED)
        ended = [loop for loop in loops if loop.done()]
    for each in (often, *loops):
        each.cancel()
    await asyncio.wait({often, *loops})
    await owner.close()
    assert ended == []
