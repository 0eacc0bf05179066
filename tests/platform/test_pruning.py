"""Old facts are forgotten once every consumer has handled them, and are never told again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg
import pytest

from rooms.platform.database import Database, Tx
from rooms.platform.doorbell import Doorbell
from rooms.platform.module import Consumer
from rooms.platform.outbox import Delivery
from rooms.platform.postgres import Dsn
from rooms.platform.pruning import Pruning
from tests.houses import owner
from tests.platform.test_outbox import LampBroken, Witness, publish

__all__ = ["owner"]

DAY = timedelta(days=1)


async def tell_all(*deliveries: Delivery) -> None:
    """Deliver what is due, then let the consumers' places move up."""
    for delivery in deliveries:
        while await delivery.deliver_batch():
            pass


async def age(owner: Database, *facts: int, by: timedelta = 2 * DAY) -> None:
    async with owner.transaction() as tx:
        await tx.execute(
            "UPDATE platform.outbox SET at = at - $1::interval WHERE id = ANY ($2)", by, facts
        )


async def stored(database: Database) -> tuple[list[int], list[tuple[str, int]]]:
    """The facts that are kept, and who is known to have handled which."""
    async with database.snapshot() as tx:
        facts = await tx.fetch("SELECT id FROM platform.outbox ORDER BY id")
        handled = await tx.fetch("SELECT consumer, fact_id FROM platform.inbox ORDER BY 1, 2")
    return [row["id"] for row in facts], [(row["consumer"], row["fact_id"]) for row in handled]


async def test_what_is_old_and_handled_is_forgotten_and_nothing_else(
    database: Database, owner: Database
) -> None:
    delivery = Witness().delivery(database)
    await publish(database, 1, 2, 3)
    await tell_all(delivery)
    await publish(database, 4)
    await age(owner, 1, 2, 4)

    assert await Pruning(database, DAY).prune() == 2
    assert await stored(database) == ([3, 4], [("lamps", 3)])
    await tell_all(delivery)
    assert await Pruning(database, DAY).prune() == 1
    assert await stored(database) == ([3], [("lamps", 3)])


async def test_a_fact_is_kept_for_the_consumer_that_is_behind(
    database: Database, owner: Database
) -> None:
    quick, slow = Witness(), Witness(failing={1})
    behind = slow.delivery(database, rest=0, name="behind")
    await publish(database, 1)
    await tell_all(quick.delivery(database))
    await behind.deliver_batch()
    await age(owner, 1)

    assert await Pruning(database, DAY).prune() == 0
    slow.failing.clear()
    await tell_all(behind)
    assert slow.heard == [1]
    assert await Pruning(database, DAY).prune() == 1
    assert await stored(database) == ([], [])


async def test_nothing_is_forgotten_while_nobody_has_asked_for_facts(
    database: Database, owner: Database
) -> None:
    await publish(database, 1)
    await age(owner, 1)
    assert await Pruning(database, DAY).prune() == 0


async def test_facts_are_forgotten_a_few_at_a_time_by_several_at_once(
    database: Database, owner: Database
) -> None:
    await publish(database, *range(1, 101))
    await tell_all(Witness().delivery(database))
    await age(owner, *range(1, 101))
    few = Pruning(database, DAY, at_a_time=10)

    assert await few.prune() == 10
    assert max(await asyncio.gather(*(few.prune() for _ in range(4)))) <= 10
    while await few.prune():
        pass
    assert await stored(database) == ([], [])


@dataclass(slots=True)
class Stopped(Database):
    """A process that is stopped after it has looked for facts, and goes on much later."""

    looks: int = 0
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def transaction(self, statement_time_out: timedelta | None = None) -> AsyncIterator[Tx]:
        self.looks += 1
        if self.looks > 1:
            self.looked.set()
            await self.goes_on.wait()
        async with Database.transaction(self, statement_time_out) as tx:
            yield tx


async def test_who_comes_late_with_a_fact_that_is_forgotten_does_not_handle_it_again(
    database: Database, owner: Database, dsn: Dsn
) -> None:
    stopped = Stopped(dsn.app, Doorbell())
    await stopped.open()
    late, quick = Witness(), Witness()
    await publish(database, 1)
    delivering = asyncio.create_task(late.delivery(stopped).deliver_batch())
    await stopped.looked.wait()
    await tell_all(quick.delivery(database))
    await age(owner, 1)
    assert await Pruning(database, DAY).prune() == 1

    stopped.goes_on.set()
    await delivering
    await stopped.close()

    assert (quick.heard, late.heard) == ([1], [])
    assert await stored(database) == ([], [])


async def test_a_place_does_not_move_under_who_is_handling_a_fact(database: Database) -> None:
    places = []

    async def nothing(_tx: Tx, _fact: LampBroken) -> None:
        """Stand for a process that has nothing to tell the same consumer."""

    idle = Delivery(database, Consumer("lamps", {LampBroken: nothing}))

    async def look_meanwhile(tx: Tx, _fact: object) -> None:
        await idle.deliver_batch()
        places.append(await tx.value("SELECT txid::text FROM platform.cursors"))

    await publish(database, 1)
    await Witness(before=look_meanwhile).delivery(database).deliver_batch()
    assert places == ["0"]
    await idle.deliver_batch()
    async with database.transaction() as tx:
        assert await tx.value("SELECT txid > '0'::xid8 FROM platform.cursors")


@pytest.mark.parametrize("keep", [timedelta(), timedelta(minutes=59)])
async def test_the_application_cannot_forget_what_is_young(
    database: Database, keep: timedelta
) -> None:
    with pytest.raises(asyncpg.RaiseError, match="an hour at least"):
        await Pruning(database, keep).prune()
