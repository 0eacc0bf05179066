import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from rooms.platform.database import Database, Tx, Unavailable
from rooms.platform.lease import LeadershipLost, Lease
from tests.platform.lock_waits import until_it_waits_for_a_lock


def a_lease(database: Database, holder: str, name: str = "clock") -> Lease:
    return Lease(database, name, holder, timedelta(hours=1))


async def expire(database: Database, name: str = "clock") -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE platform.leases SET until = clock_timestamp() - interval '1 ms' "
            "WHERE name = $1",
            name,
        )


async def test_one_leads_while_the_other_waits(database: Database) -> None:
    first, second = a_lease(database, "first"), a_lease(database, "second")

    assert await first.acquire()
    assert not await second.acquire()
    assert await first.acquire()

    assert (first.epoch, second.epoch) == (1, None)


async def test_of_many_at_once_one_leads(database: Database) -> None:
    leases = [a_lease(database, f"holder {number}") for number in range(10)]

    led = await asyncio.gather(*(lease.acquire() for lease in leases))

    assert sum(led) == 1


async def test_who_leads_one_thing_does_not_lead_another(database: Database) -> None:
    assert await a_lease(database, "first", "clock").acquire()
    assert await a_lease(database, "second", "oracle").acquire()


async def test_an_expired_lease_is_taken_over_under_a_higher_epoch(database: Database) -> None:
    first, second = a_lease(database, "first"), a_lease(database, "second")
    await first.acquire()
    await expire(database)

    assert await second.acquire()

    assert second.epoch == 2
    assert not await first.acquire()


async def test_a_stale_leaders_write_is_refused_and_rolled_back(database: Database) -> None:
    first, second = a_lease(database, "first"), a_lease(database, "second")
    await first.acquire()
    await expire(database)
    await second.acquire()

    async def write() -> None:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO parimutuel.hosts (player_id) VALUES (1)")
            await first.guard(tx)

    with pytest.raises(LeadershipLost):
        await write()

    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM parimutuel.hosts") == 0
        assert await second.guard(tx) == 2


async def test_nobody_takes_over_in_the_middle_of_a_guarded_write(database: Database) -> None:
    first, second = a_lease(database, "first"), a_lease(database, "second")
    await first.acquire()
    await expire(database)
    async with database.transaction() as tx:
        await first.guard(tx)
        taking_over = asyncio.create_task(second.acquire())
        await until_it_waits_for_a_lock(database)
        assert not taking_over.done()

    assert await taking_over


async def test_a_leader_renews_its_lease_however_long_its_own_write_takes(
    database: Database,
) -> None:
    lease = a_lease(database, "first")
    await lease.acquire()
    await expire(database)
    async with database.transaction() as tx:
        await lease.guard(tx)

        assert await lease.acquire()

        assert await lease.guard(tx) == 1


async def test_a_leader_that_falls_silent_in_its_write_is_followed_and_the_write_undone(
    database: Database,
) -> None:
    first = Lease(database, "clock", "first", timedelta(milliseconds=200))
    second = a_lease(database, "second")
    await first.acquire()

    async def write() -> None:
        async with database.transaction() as tx:
            await first.guard(tx)
            await tx.execute("INSERT INTO parimutuel.hosts (player_id) VALUES (1)")
            while not await second.acquire():
                pass

    with pytest.raises(Unavailable):
        await write()

    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM parimutuel.hosts") == 0
        assert await second.guard(tx) == 2


async def test_a_leader_that_falls_silent_before_a_prepared_statement_runs_is_followed_too(
    database: Database,
) -> None:
    first = Lease(database, "clock", "first", timedelta(milliseconds=200))
    second = a_lease(database, "second")
    await first.acquire()
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await first.guard(Tx(connection))
        statement = await connection.prepare("SELECT 1")
        while not await second.acquire():
            pass

        with pytest.raises(Unavailable):
            await statement.fetch()


async def test_what_needs_more_time_than_the_lease_gets_it_when_it_is_tried_again(
    database: Database,
) -> None:
    lease = Lease(database, "clock", "first", timedelta(milliseconds=200))
    await lease.acquire()
    limits = []

    async def write(*, fails: bool = False) -> None:
        async with database.transaction() as tx:
            await lease.guard(tx, longest=timedelta(minutes=1))
            limits.append(await tx.value("SELECT current_setting('transaction_timeout')"))
            if fails:
                raise ZeroDivisionError

    with suppress(ZeroDivisionError):
        await write(fails=True)
    await write()
    await write()

    assert limits == ["1200ms", "1min", "1200ms"]


async def test_who_takes_over_has_no_more_time_than_any_other(database: Database) -> None:
    lease = Lease(database, "clock", "first", timedelta(milliseconds=200))
    await lease.acquire()
    with suppress(ZeroDivisionError):
        async with database.transaction() as tx:
            await lease.guard(tx, longest=timedelta(minutes=1))
            raise ZeroDivisionError
    await lease.release()
    second = a_lease(database, "second")
    await second.acquire()
    await second.release()
    await lease.acquire()

    async with database.transaction() as tx:
        await lease.guard(tx, longest=timedelta(minutes=1))
        assert await tx.value("SELECT current_setting('transaction_timeout')") == "1200ms"


async def test_a_leader_that_dies_in_a_long_statement_is_followed_before_that_ends(
    database: Database,
) -> None:
    first, second = a_lease(database, "first"), a_lease(database, "second")
    await first.acquire()
    await expire(database)
    with suppress(*Unavailable):
        async with database.connection() as connection, connection.transaction():
            await first.guard(Tx(connection))
            working = asyncio.create_task(connection.execute("SELECT pg_sleep(1000)"))
            taking_over = asyncio.create_task(second.acquire())
            await until_it_waits_for_a_lock(database)
            connection.terminate()
            await asyncio.wait({working})

    assert await taking_over


async def test_a_lease_that_is_released_can_be_taken_at_once(database: Database) -> None:
    first, second = a_lease(database, "first"), a_lease(database, "second")
    await first.acquire()
    await first.release()

    assert await second.acquire()
    assert second.epoch == 2


async def test_releasing_what_another_leads_by_now_changes_nothing(database: Database) -> None:
    first, second, third = (a_lease(database, name) for name in ("first", "second", "third"))
    await first.acquire()
    await expire(database)
    await second.acquire()

    await first.release()

    assert not await third.acquire()
