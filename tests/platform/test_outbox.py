import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from rooms.kernel.event import Fact
from rooms.platform.database import Database, Tx
from rooms.platform.doorbell import Doorbell
from rooms.platform.metrics import REGISTRY
from rooms.platform.module import Consumer
from rooms.platform.outbox import Delivery
from rooms.platform.postgres import Dsn


@dataclass(frozen=True, slots=True, kw_only=True)
class LampLit(Fact):
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LampBroken(Fact):
    number: int


@dataclass(slots=True)
class Witness:
    """Remembers what it was told, and fails or waits where a test says so."""

    heard: list[int] = field(default_factory=list)
    failing: set[int] = field(default_factory=set)
    before: Callable[[Tx, LampLit], Awaitable[None]] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def lit(self, tx: Tx, fact: LampLit) -> None:
        if self.before is not None:
            await self.before(tx, fact)
        if fact.number in self.failing:
            raise ArithmeticError(f"lamp {fact.number}")
        self.heard.append(fact.number)
        self.news.set()

    def delivery(self, database: Database, *, rest: int = 60, name: str = "lamps") -> Delivery:
        return Delivery(database, Consumer(name, {LampLit: self.lit}), timedelta(seconds=rest))


def shown() -> str:
    return generate_latest(REGISTRY).decode()


async def publish(database: Database, *numbers: int) -> None:
    async with database.transaction() as tx:
        await tx.publish(*(LampLit(number=number) for number in numbers))


async def test_a_fact_is_told_once_in_order_and_only_to_those_who_asked(
    database: Database,
) -> None:
    witness = Witness()
    async with database.transaction() as tx:
        await tx.publish(LampLit(number=1), LampBroken(number=2), LampLit(number=3))
    delivery = witness.delivery(database)

    assert await delivery.deliver_batch() == 2
    assert await delivery.deliver_batch() == 0

    assert witness.heard == [1, 3]


async def test_a_fact_is_not_told_when_its_transaction_was_rolled_back(database: Database) -> None:
    witness = Witness()
    with suppress(ArithmeticError):
        async with database.transaction() as tx:
            await tx.publish(LampLit(number=1))
            raise ArithmeticError

    assert await witness.delivery(database).deliver_batch() == 0


async def test_every_consumer_hears_every_fact(database: Database) -> None:
    first, second = Witness(), Witness()
    await publish(database, 1)

    await first.delivery(database, name="first").deliver_batch()
    await second.delivery(database, name="second").deliver_batch()

    assert first.heard == second.heard == [1]


async def test_deliveries_at_the_same_time_tell_a_fact_once(database: Database) -> None:
    witness = Witness()
    await publish(database, *range(30))

    await asyncio.gather(*(witness.delivery(database).deliver_batch() for _ in range(4)))

    assert sorted(witness.heard) == list(range(30))


async def test_a_fact_of_a_slower_transaction_is_told_after_later_ones(database: Database) -> None:
    witness = Witness()
    delivery = witness.delivery(database)
    async with database.transaction() as slow:
        await slow.publish(LampLit(number=1))
        await publish(database, 2)
        # Twice: once there is something to tell, once nothing, when the place could move on.
        await delivery.deliver_batch()
        await delivery.deliver_batch()
        assert witness.heard == [2]

    await delivery.deliver_batch()

    assert witness.heard == [2, 1]


async def test_a_slower_transaction_that_writes_its_fact_late_is_not_stepped_over(
    database: Database,
) -> None:
    witness = Witness()
    delivery = witness.delivery(database)
    async with database.transaction() as slow:
        await slow.execute("INSERT INTO parimutuel.hosts (player_id) VALUES (1)")
        await publish(database, 2)
        await delivery.deliver_batch()
        await delivery.deliver_batch()
        await slow.publish(LampLit(number=1))

    await delivery.deliver_batch()

    assert witness.heard == [2, 1]


async def test_the_place_of_a_consumer_moves_up_once_everything_is_told(
    database: Database,
) -> None:
    delivery = Witness().delivery(database)
    await publish(database, 1)
    while await delivery.deliver_batch():
        pass

    async with database.transaction() as tx:
        behind = await tx.value(
            "SELECT count(*) FROM platform.outbox AS fact JOIN platform.cursors AS place "
            "ON place.consumer = 'lamps' WHERE fact.txid >= place.txid"
        )
    assert behind == 0


async def test_a_reaction_that_fails_keeps_its_fact_due_and_holds_up_no_other(
    database: Database,
) -> None:
    witness = Witness(failing={1})
    await publish(database, 1, 2)

    assert await witness.delivery(database).deliver_batch() == 1
    assert witness.heard == [2]
    witness.failing.clear()
    assert await witness.delivery(database).deliver_batch() == 1

    assert witness.heard == [2, 1]


async def test_facts_that_keep_failing_rest_while_later_ones_are_told(database: Database) -> None:
    witness = Witness(failing=set(range(200)))
    delivery = witness.delivery(database)
    await publish(database, *range(201))

    assert await delivery.deliver_batch() == 0
    assert await delivery.deliver_batch() == 1

    assert witness.heard == [200]
    witness.failing.clear()
    assert await witness.delivery(database).deliver_batch() == 200


async def test_what_a_failed_reaction_wrote_is_rolled_back(database: Database) -> None:
    async def write(tx: Tx, fact: LampLit) -> None:
        await tx.execute("INSERT INTO parimutuel.hosts (player_id) VALUES ($1)", fact.number)

    witness = Witness(failing={1}, before=write)
    await publish(database, 1)

    await witness.delivery(database).deliver_batch()
    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM parimutuel.hosts") == 0
    witness.failing.clear()
    await witness.delivery(database, rest=0).deliver_batch()

    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM parimutuel.hosts") == 1


async def test_a_value_that_the_driver_cannot_send_is_a_bug_and_not_an_absent_database(
    database: Database,
) -> None:
    async def send(tx: Tx, fact: LampLit) -> None:
        await tx.value("SELECT $1::int", 2**40 if fact.number == 1 else 1)

    witness = Witness(before=send)
    await publish(database, 1, 2)

    assert await witness.delivery(database).deliver_batch() == 1
    assert witness.heard == [2]


async def test_a_fact_of_another_version_stays_due_and_holds_up_no_other(
    database: Database,
) -> None:
    witness = Witness()
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO platform.outbox (kind, body) VALUES ('LampLit', '{}')")
    await publish(database, 2)

    assert await witness.delivery(database).deliver_batch() == 1
    assert witness.heard == [2]


async def test_a_fact_whose_lock_somebody_else_has_is_told_later_and_is_no_bug(dsn: Dsn) -> None:
    async def lock(tx: Tx, fact: LampLit) -> None:
        await tx.execute("SELECT pg_advisory_xact_lock($1)", fact.number)

    hasty = Database(dsn.app, Doorbell(), lock_time_out=timedelta(milliseconds=20))
    await hasty.open()
    witness = Witness(before=lock)
    delivery = witness.delivery(hasty, rest=0, name="locked lamps")
    await publish(hasty, 1, 2)
    async with hasty.transaction() as other:
        await other.execute("SELECT pg_advisory_xact_lock(1)")
        with capture_logs() as logs:
            assert await delivery.deliver_batch() == 1
    assert await delivery.deliver_batch() == 1
    await hasty.close()

    assert witness.heard == [2, 1]
    assert [each["log_level"] for each in logs] == ["warning"]
    assert 'rooms_outbox_failed_total{consumer="locked lamps"}' not in shown()


async def test_a_delivery_killed_at_work_leaves_its_fact_to_the_next(database: Database) -> None:
    begun = asyncio.Event()

    async def hang(_tx: Tx, _fact: LampLit) -> None:
        begun.set()
        await asyncio.Event().wait()

    killed, next_one = Witness(before=hang), Witness()
    await publish(database, 1)
    at_work = asyncio.create_task(killed.delivery(database).deliver_batch())
    await begun.wait()
    at_work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await at_work

    assert await next_one.delivery(database).deliver_batch() == 1
    assert (killed.heard, next_one.heard) == ([], [1])


async def test_the_doorbell_wakes_a_delivery_that_waits(database: Database) -> None:
    witness = Witness()
    running = asyncio.create_task(witness.delivery(database).run())
    try:
        for number in (1, 2):
            witness.news.clear()
            await publish(database, number)
            await witness.news.wait()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    assert witness.heard == [1, 2]
