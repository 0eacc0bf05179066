"""What is read from the database when somebody asks for metrics."""

import asyncio
from dataclasses import dataclass

from rooms.kernel.event import Fact
from rooms.platform.database import Database, Tx
from rooms.platform.exposition import Exposition
from rooms.platform.metrics import REGISTRY, watch_loop
from rooms.platform.module import Consumer
from rooms.platform.outbox import Delivery, read_lag
from tests.houses import owner

__all__ = ["owner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SomethingHappened(Fact):
    number: int


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def nothing(_tx: Tx, _fact: SomethingHappened) -> None: ...


async def test_a_consumers_lag_is_the_age_of_what_it_has_not_handled(
    database: Database, owner: Database
) -> None:
    consumer = Consumer("late", {SomethingHappened: nothing})

    async def lag() -> tuple[float | None, float | None]:
        async with database.snapshot() as tx:
            await read_lag(tx, consumer)
        return (
            value("rooms_outbox_due_facts", consumer="late"),
            value("rooms_outbox_lag_seconds", consumer="late"),
        )

    assert await lag() == (0, 0)
    async with database.transaction() as tx:
        await tx.publish(*(SomethingHappened(number=number) for number in range(3)))
    async with owner.transaction() as tx:
        await tx.execute("UPDATE platform.outbox SET at = at - interval '1 hour' WHERE id = 1")
    due, age = await lag()
    assert (due, 3600 <= (age or 0) < 3700) == (3, True)
    await Delivery(database, consumer).deliver_batch()
    assert await lag() == (0, 0)


async def test_facts_are_counted_as_handled_or_as_failed(database: Database) -> None:
    async def fail_at_two(_tx: Tx, fact: SomethingHappened) -> None:
        assert fact.number != 2

    consumer = Consumer("picky", {SomethingHappened: fail_at_two})
    async with database.transaction() as tx:
        await tx.publish(*(SomethingHappened(number=number) for number in range(4)))
    await Delivery(database, consumer).deliver_batch()
    assert value("rooms_outbox_handled_total", consumer="picky") == 3
    assert value("rooms_outbox_failed_total", consumer="picky") == 1


async def test_the_database_is_read_by_one_task_and_not_each_time_somebody_asks(
    database: Database,
) -> None:
    looks = 0
    go_on = asyncio.Event()

    async def slow(_tx: Tx) -> None:
        nonlocal looks
        looks += 1
        await go_on.wait()

    exposition = Exposition(database, (slow,))
    # Nobody waits for a slow database for long, and nobody starts a second look meanwhile.
    texts = await asyncio.gather(*(exposition.text() for _ in range(5)))
    assert (looks, len(texts)) == (1, 5)
    go_on.set()
    await exposition.text()
    assert looks == 1


async def test_a_reading_that_fails_by_a_bug_does_not_fail_the_rest(database: Database) -> None:
    async def broken(_tx: Tx) -> None:
        raise KeyError("a bug")

    text = await Exposition(database, (broken,)).text()
    assert b"rooms_database_up 0.0" in text
    assert b"rooms_build_info" in text


async def test_the_time_of_a_transaction_is_told_after_its_commit_only(
    database: Database,
) -> None:
    told: list[float] = []
    async with database.transaction() as tx:
        tx.once_committed.append(told.append)
        assert told == []
    assert len(told) == 1
    try:
        async with database.transaction() as tx:
            tx.once_committed.append(told.append)
            raise KeyError("rolled back")
    except KeyError:
        pass
    assert len(told) == 1


async def test_waiting_for_a_connection_is_counted(database: Database) -> None:
    before = value("rooms_database_wait_seconds_count") or 0
    async with database.transaction(), database.snapshot():
        await Exposition(database, ()).text()
    assert value("rooms_database_connections", state="used") == 2
    assert value("rooms_database_connections", state="limit") == 10
    assert (value("rooms_database_wait_seconds_count") or 0) >= before + 2


async def test_a_blocked_event_loop_is_seen() -> None:
    def blocked() -> float:
        soon = value("rooms_event_loop_lag_seconds_bucket", le="0.1") or 0
        return (value("rooms_event_loop_lag_seconds_count") or 0) - soon

    before = blocked()
    watching = asyncio.create_task(watch_loop())
    await asyncio.sleep(0)
    time = asyncio.get_running_loop().time
    until = time() + 0.3
    while time() < until:
        pass
    for _ in range(10):
        await asyncio.sleep(0)
    watching.cancel()
    assert blocked() == before + 1
