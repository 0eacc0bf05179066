"""Journals of thousands of movements: plans that fit, locks in one order, the house's last."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from rooms.contexts.ledger.api import PLAYER, ROOM_POOLS, WORLD, Movement
from rooms.contexts.ledger.checks import check_books
from rooms.contexts.ledger.service import LedgerService
from rooms.contexts.ledger.storage import LedgerStorage
from rooms.kernel.ids import AccountId
from rooms.kernel.money import SOL
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Tx
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from tests.platform.lock_waits import until_it_waits_for_a_lock

PLAYERS = 2000
# How many rows of the ledger's tables this transaction has read.
READ = """
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_all_tables
    WHERE relname IN ('accounts', 'movements', 'entries')
"""
LOOKED_AT = 100
READ_BY_CHECK = """
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_all_tables
    WHERE schemaname = 'ledger'
"""


@pytest.fixture
async def one_connection(dsn: Dsn) -> AsyncIterator[Database]:
    """Transactions that all come after each other on one connection, which keeps its plans."""
    opened = Database(dsn.app, Doorbell(), size=1)
    await opened.open()
    yield opened
    await opened.close()


async def open_players(tx: Tx) -> None:
    await tx.execute(
        "SELECT ledger.open_account($1, $2, number::text) FROM generate_series(1, $3) AS number",
        SOL,
        PLAYER,
        PLAYERS,
    )


async def pay_everyone(ledger: LedgerService, tx: Tx, key: str, *, twice: int = 0) -> None:
    """Give 7 to each player out of the world, and 1 more to some of them."""
    world = await ledger.open_account(tx, SOL, WORLD, "play")
    await ledger.open_movements(tx)
    for amount, most in ((7, PLAYERS), (1, twice)):
        await tx.execute(
            "INSERT INTO pg_temp.movements SELECT id, $1, 'payout', 'test' "
            "FROM ledger.accounts WHERE kind = 'player' ORDER BY id LIMIT $2",
            amount,
            most,
        )
    await ledger.post(tx, key, [Movement(world, -7 * PLAYERS - twice, "payout", "test")])


async def the_books(database: Database) -> dict[str, list[str]]:
    async with database.snapshot() as tx:
        return {check.name: check.wrong for check in await check_books(tx) if check.wrong}


async def test_a_plan_kept_from_small_journals_does_not_slow_down_a_large_one(
    one_connection: Database,
) -> None:
    ledger = LedgerService(one_connection, LedgerStorage(), None)  # type: ignore[arg-type]
    for number in range(8):
        async with one_connection.transaction() as tx:
            world = await ledger.open_account(tx, SOL, WORLD, "play")
            player = await ledger.open_account(tx, SOL, PLAYER, "1")
            await ledger.post(
                tx,
                f"small:{number}",
                [Movement(world, -5, "fund", "test"), Movement(player, 5, "fund", "test")],
            )
    async with one_connection.transaction() as tx:
        await open_players(tx)
    async with one_connection.transaction() as tx:
        await pay_everyone(ledger, tx, "large", twice=300)
        read = await tx.value(READ)

    assert read < 40 * PLAYERS
    assert await the_books(one_connection) == {}


async def test_a_large_journal_chains_the_entries_of_an_account_where_several_meet(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        await open_players(tx)
        await pay_everyone(ledger, tx, "first", twice=300)
        await pay_everyone(ledger, tx, "second", twice=PLAYERS)

    async with database.snapshot() as tx:
        balances = await tx.fetch("SELECT balance FROM ledger.accounts WHERE kind = 'player'")
    assert sorted({row["balance"] for row in balances}) == [15, 16]
    assert sum(row["balance"] for row in balances) == 15 * PLAYERS + 300
    assert await the_books(database) == {}


async def test_an_account_with_more_movements_than_a_draw_has_numbers_is_paid_them_all(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        await open_players(tx)
        await pay_everyone(ledger, tx, "before", twice=1)
        world = await ledger.open_account(tx, SOL, WORLD, "play")
        first = await ledger.open_account(tx, SOL, PLAYER, "1")
        await ledger.open_movements(tx)
        await tx.execute(
            "INSERT INTO pg_temp.movements SELECT $1, 2, 'payout', 'test' "
            "FROM generate_series(1, $2)",
            first,
            PLAYERS,
        )
        await ledger.post(tx, "all to one", [Movement(world, -2 * PLAYERS, "payout", "test")])

    async with database.snapshot() as tx:
        row = await tx.row("SELECT balance FROM ledger.accounts WHERE id = $1", first)
        entries = await tx.value("SELECT count(*) FROM ledger.entries WHERE account_id = $1", first)
    assert row is not None
    assert row["balance"] == 8 + 2 * PLAYERS
    assert entries == 2 + PLAYERS
    assert await the_books(database) == {}


async def test_several_movements_of_a_houses_account_in_a_large_journal_are_chained_too(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        await open_players(tx)
        world = await ledger.open_account(tx, SOL, WORLD, "play")
        await ledger.open_movements(tx)
        await tx.execute(
            "INSERT INTO pg_temp.movements SELECT id, 5, 'payout', 'test' "
            "FROM ledger.accounts WHERE kind = 'player'"
        )
        halves = [Movement(world, -5 * PLAYERS // 2, "payout", "test")] * 2
        await ledger.post(tx, "large", halves)

    async with database.snapshot() as tx:
        chain = await tx.fetch(
            "SELECT balance, previous FROM ledger.entries WHERE account_id = $1 ORDER BY id", world
        )
    assert [row["balance"] for row in chain] == [-5 * PLAYERS // 2, -5 * PLAYERS]
    assert [row["previous"] is None for row in chain] == [True, False]
    assert await the_books(database) == {}


async def test_the_same_large_journal_again_is_the_same_and_another_under_its_key_is_refused(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        await open_players(tx)
        await pay_everyone(ledger, tx, "other")
        await pay_everyone(ledger, tx, "large", twice=300)

    async with database.transaction() as tx:
        await pay_everyone(ledger, tx, "large", twice=300)
    with pytest.raises(Refusal, match="E-KEY-REUSED"):
        async with database.transaction() as tx:
            await pay_everyone(ledger, tx, "large", twice=299)

    async with database.snapshot() as tx:
        entries = await tx.value("SELECT count(*) FROM ledger.entries")
    assert entries == 2 * (PLAYERS + 1) + 300
    assert await the_books(database) == {}


async def test_a_large_journal_numbers_an_entry_after_those_of_who_had_its_account_before(
    database: Database, ledger: LedgerService, dsn: Dsn
) -> None:
    async with database.transaction() as tx:
        world = await ledger.open_account(tx, SOL, WORLD, "play")
        await open_players(tx)
        player = await ledger.open_account(tx, SOL, PLAYER, "1000")

    async def pay() -> None:
        async with database.transaction() as tx:
            await pay_everyone(ledger, tx, "large", twice=PLAYERS)

    async with database.transaction() as tx:
        gift = [Movement(world, -3, "fund", "test"), Movement(player, 3, "fund", "test")]
        await tx.execute("SELECT ledger.lock_all($1)", [player])
        paying = asyncio.create_task(pay())
        await until_it_waits_for_a_lock(database)
        await ledger.post(tx, "between", gift)
    await paying

    assert await the_books(database) == {}


async def test_a_large_journal_waits_for_the_houses_accounts_when_it_has_all_others(
    database: Database, ledger: LedgerService, dsn: Dsn
) -> None:
    async with database.transaction() as tx:
        world = await ledger.open_account(tx, SOL, WORLD, "play")
        await open_players(tx)
    owner = await asyncpg.connect(dsn.owner)

    async def pay() -> None:
        async with database.transaction() as tx:
            await pay_everyone(ledger, tx, "large")

    async with owner.transaction():
        await owner.execute("SELECT FROM ledger.accounts WHERE id = $1 FOR UPDATE", world)
        paying = asyncio.create_task(pay())
        await until_it_waits_for_a_lock(database)
        free = await owner.fetch("SELECT id FROM ledger.accounts FOR UPDATE SKIP LOCKED")
    await paying
    await owner.close()

    assert [row["id"] for row in free] == [world]
    assert await the_books(database) == {}


async def test_a_large_journal_that_takes_too_much_or_names_nobody_moves_nothing(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        await open_players(tx)
        pool = await ledger.open_account(tx, SOL, ROOM_POOLS, "0")

    async def take_from(account: AccountId) -> None:
        async with database.transaction() as tx:
            await ledger.open_movements(tx)
            await tx.execute(
                "INSERT INTO pg_temp.movements "
                "SELECT id, 1, 'payout', 'test' FROM ledger.accounts WHERE kind = 'player'"
            )
            await ledger.post(tx, "large", [Movement(account, -PLAYERS, "payout", "test")])

    with pytest.raises(Refusal, match="E-BAL-LOW"):
        await take_from(pool)
    with pytest.raises(asyncpg.PostgresError):
        await take_from(AccountId(10**9))

    async with database.snapshot() as tx:
        assert await tx.value("SELECT count(*) FROM ledger.entries") == 0
    assert await the_books(database) == {}


async def test_a_look_at_the_books_reads_no_more_of_large_ones_than_of_small_ones(
    one_connection: Database, dsn: Dsn
) -> None:
    ledger = LedgerService(one_connection, LedgerStorage(), None)  # type: ignore[arg-type]

    async def look() -> tuple[int, int]:
        async with one_connection.transaction() as tx:
            before = await tx.value(READ_BY_CHECK)
            checked, _, wrong = await ledger.storage.check_entries(tx, LOOKED_AT)
            read = await tx.value(READ_BY_CHECK) - before
        assert wrong == []
        return checked, read

    async with one_connection.transaction() as tx:
        world = await ledger.open_account(tx, SOL, WORLD, "play")
        player = await ledger.open_account(tx, SOL, PLAYER, "1")
        await ledger.post(
            tx, "small", [Movement(world, -5, "fund", "me"), Movement(player, 5, "fund", "me")]
        )
    owner = await asyncpg.connect(dsn.owner)
    await owner.execute("ANALYZE ledger.entries, ledger.accounts")
    await owner.close()
    for _ in range(3):  # plans are kept from these
        await look()
    async with one_connection.transaction() as tx:
        await open_players(tx)
        await pay_everyone(ledger, tx, "first", twice=300)
        await pay_everyone(ledger, tx, "second")

    looks = [await look() for _ in range(2 * PLAYERS // LOOKED_AT)]

    assert sum(checked for checked, _ in looks[1:]) >= PLAYERS
    assert max(read for _, read in looks) < 20 * LOOKED_AT
