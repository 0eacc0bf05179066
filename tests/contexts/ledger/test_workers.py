"""The check that never stops: planted wrong rows are found, and nothing is stepped over."""

import asyncio
from typing import Any, Final

import asyncpg
import pytest

from rooms.contexts.ledger.api import PLAYER, WORLD, Movement
from rooms.contexts.ledger.storage import LedgerStorage
from rooms.contexts.ledger.workers import LedgerCheck
from rooms.kernel.ids import AccountId
from rooms.kernel.money import SOL
from rooms.platform.database import Database, Tx
from rooms.platform.lease import LeadershipLost, Lease
from rooms.platform.postgres import Dsn
from tests.platform.lock_waits import until_it_waits_for_a_lock

# Sums to zero, as it must, but follows no entry of its account.
A_GIFT: Final = (
    "INSERT INTO ledger.entries (journal_id, account_id, asset, amount, balance, kind, ref) "
    "VALUES (99, $1, 'SOL', 5, 5, 'gift', 'me'), (99, $1, 'SOL', -5, 5, 'gift', 'me')"
)


def a_check(database: Database, *, holder: str = "one", at_a_look: int = 1000) -> LedgerCheck:
    return LedgerCheck(
        database, LedgerStorage(), Lease(database, "ledger.check", holder), at_a_look
    )


async def read_all(check: LedgerCheck) -> None:
    """Look until nothing is left: an entry may be read when the look after next begins."""
    assert await check.lease.acquire()
    for _ in range(3):
        while await check.look():
            pass


async def fund(tx: Tx, owner: int, *amounts: int) -> AccountId:
    storage = LedgerStorage()
    account = await storage.open_account(tx, SOL, PLAYER, str(owner))
    world = await storage.open_account(tx, SOL, WORLD, "play")
    await storage.open_movements(tx)
    for number, amount in enumerate(amounts):
        movements = [
            Movement(world, -amount, "fund", "test"),
            Movement(account, amount, "fund", "test"),
        ]
        await storage.add_movements(tx, movements)
        await storage.post(tx, f"fund:{owner}:{number}")
    return account


async def alarms(database: Database) -> list[str]:
    async with database.snapshot() as tx:
        return [row["what"] for row in await tx.fetch("SELECT what FROM ledger.alarms ORDER BY id")]


async def planted(dsn: Dsn, *statements: str) -> None:
    """Do what only the owner of the tables can."""
    owner: Any = await asyncpg.connect(dsn.owner)
    async with owner.transaction():
        await owner.execute("ALTER TABLE ledger.entries DISABLE TRIGGER zero_sum")
        for statement in statements:
            await owner.execute(statement)
        await owner.execute("ALTER TABLE ledger.entries ENABLE TRIGGER zero_sum")
    await owner.close()


async def test_right_books_raise_no_alarm_and_are_read_once(database: Database) -> None:
    async with database.transaction() as tx:
        await fund(tx, 1, 100, 200, 300)
    check = a_check(database, at_a_look=2)

    await read_all(check)
    await read_all(check)

    assert (check.checked, check.alarms) == (6, 0)
    assert await alarms(database) == []


ENTRY = (
    "INSERT INTO ledger.entries (journal_id, account_id, asset, amount, balance, previous, "
    "kind, ref) SELECT {journal}, id, {asset}, {amount}, {balance}, {previous}, 'gift', 'me' "
    "FROM ledger.accounts WHERE owner = '1'"
)
PLANTED = {
    "an entry out of nothing": (
        ENTRY.format(
            journal=7, asset="'SOL'", amount=5, balance="balance + 5", previous="last_entry"
        ),
        {
            "entry 3000 on account 1 is newer than the newest that its account knows",
            "account 1 has forgotten its entry 3000",
            "journal 7 sums to 5 in SOL",
        },
    ),
    "a balance without an entry": (
        "UPDATE ledger.accounts SET balance = 105 WHERE owner = '1'",
        {"account 1 has 105, its newest entry says 100"},
    ),
    "an entry of another asset": (
        ENTRY.format(journal=1, asset="'GOLD'", amount=0, balance=0, previous="NULL").replace(
            "SELECT 1, id, 'GOLD', 0, 0", "SELECT 1, id, 'GOLD', 1, 1"
        ),
        {
            "entry 3000 on account 1 follows entry none, not 2000",
            "entry 3000 on account 1 is of no known account in GOLD",
            "account 1 has forgotten its entry 3000",
            "journal 1 sums to 1 in GOLD",
        },
    ),
    "a changed amount": (
        "UPDATE ledger.entries SET amount = 90 WHERE account_id = 1",
        {
            "entry 2000 on account 1 says 100 after 90, entry none says nothing",
            "journal 1 sums to -10 in SOL",
        },
    ),
    "more held than there is": (
        (
            "ALTER TABLE ledger.accounts DROP CONSTRAINT never_below_zero; "
            "UPDATE ledger.accounts SET held = 101 WHERE owner = '1'"
        ),
        {"account 1 has 100 and holds 101", "account 1 holds 101, its holds sum to 0"},
    ),
    "more held than the holds say": (
        "UPDATE ledger.accounts SET held = 60 WHERE owner = '1'",
        {"account 1 holds 60, its holds sum to 0"},
    ),
    "an account without its guard": (
        "UPDATE ledger.accounts SET guarded = false WHERE owner = '1'",
        {"account 1 is not guarded as its kind player"},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
async def test_a_wrong_row_planted_by_the_owner_is_found_and_stays_told(
    database: Database, dsn: Dsn, name: str
) -> None:
    statement, told = PLANTED[name]
    async with database.transaction() as tx:
        await fund(tx, 1, 100)
    await planted(dsn, statement)
    check = a_check(database)

    await read_all(check)
    await read_all(check)

    assert set(await alarms(database)) == told
    assert check.alarms == len(told)


async def test_a_balance_changed_long_after_its_entries_were_read_is_found(
    database: Database, dsn: Dsn
) -> None:
    async with database.transaction() as tx:
        await fund(tx, 1, 100)
        await fund(tx, 2, 100)
    check = a_check(database, at_a_look=2)
    await read_all(check)

    await planted(dsn, "UPDATE ledger.accounts SET balance = 1 WHERE owner = '2'")
    await read_all(check)

    assert await alarms(database) == ["account 3 has 1, its newest entry says 100"]


async def test_who_leads_next_goes_on_where_the_last_one_stood(database: Database) -> None:
    async with database.transaction() as tx:
        await fund(tx, 1, 100, 200)
    first = a_check(database)
    await read_all(first)
    await first.lease.release()
    async with database.transaction() as tx:
        await fund(tx, 2, 300)

    second = a_check(database, holder="two")
    await read_all(second)

    assert (first.checked, second.checked) == (4, 2)
    with pytest.raises(LeadershipLost):
        await first.look()


async def test_a_slow_transaction_whose_entries_have_low_numbers_is_not_stepped_over(
    database: Database, dsn: Dsn
) -> None:
    check = a_check(database)
    async with database.transaction() as tx:
        account = await fund(tx, 1, 100)
    slow: Any = await asyncpg.connect(dsn.owner)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(A_GIFT, account)
    async with database.transaction() as tx:
        await fund(tx, 2, 100)
    await read_all(check)
    assert await alarms(database) == []

    await transaction.commit()
    await slow.close()
    await read_all(check)

    assert "entry 3000 on account 1 follows entry none, not 2000" in await alarms(database)
    assert check.checked == 6


async def test_a_writer_that_begins_during_a_look_is_not_stepped_over(
    database: Database, dsn: Dsn
) -> None:
    check = a_check(database)
    async with database.transaction() as tx:
        account = await fund(tx, 1, 100)
    assert await check.lease.acquire()
    holding: Any = await asyncpg.connect(dsn.owner)
    held = holding.transaction()
    await held.start()
    await holding.execute("SELECT FROM ledger.check_place FOR UPDATE")
    look = asyncio.create_task(check.look())
    await until_it_waits_for_a_lock(database)
    slow: Any = await asyncpg.connect(dsn.owner)
    writing = slow.transaction()
    await writing.start()
    await slow.execute(A_GIFT, account)
    await held.rollback()
    await look
    await read_all(check)
    async with database.transaction() as tx:
        await fund(tx, 2, 100)
    await read_all(check)

    await writing.commit()
    await read_all(check)

    assert check.checked == 6
    assert "entry 3000 on account 1 follows entry none, not 2000" in await alarms(database)
    await holding.close()
    await slow.close()


async def test_a_look_that_is_not_the_first_of_its_transaction_is_refused(
    database: Database,
) -> None:
    check = a_check(database)
    assert await check.lease.acquire()
    async with database.transaction() as tx:
        await check.lease.guard(tx)
        with pytest.raises(asyncpg.RaiseError, match="the first that its transaction does"):
            await check.storage.check_entries(tx, 1000)


async def test_an_account_that_forgot_an_entry_is_found_at_once_and_when_another_takes_its_place(
    database: Database, dsn: Dsn
) -> None:
    check = a_check(database)
    async with database.transaction() as tx:
        await fund(tx, 1, 100, 50)
    await read_all(check)

    await planted(dsn, "UPDATE ledger.accounts SET balance = 100, last_entry = 2000 WHERE id = 1")
    await read_all(check)
    assert await alarms(database) == ["account 1 has forgotten its entry 4000"]

    async with database.transaction() as tx:
        await fund(tx, 2, 10)
        await LedgerStorage().open_movements(tx)
        await LedgerStorage().add_movements(
            tx,
            [
                Movement(AccountId(2), -7, "fund", "test"),
                Movement(AccountId(1), 7, "fund", "test"),
            ],
        )
        await LedgerStorage().post(tx, "again")
    await read_all(check)
    assert "entry 8000 on account 1 follows entry 2000, not 4000" in await alarms(database)
