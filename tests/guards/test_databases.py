"""A database that another test has used is as new, or it is not given again."""

import asyncpg
import pytest

from tests.databases import MOST_ROWS, Databases, Server


async def on(server: Server, name: str, *statements: str) -> list[object]:
    """Run statements as the tables' owner; give the first column of the last one's rows."""
    connection = await asyncpg.connect(server.dsn_of(name).owner)
    try:
        rows = [await connection.fetch(statement) for statement in statements]
        return [row[0] for row in rows[-1]]
    finally:
        await connection.close()


KINDS = "SELECT kind FROM ledger.kinds ORDER BY kind"
NUMBER = "INSERT INTO identity.players (name) VALUES ('Ada') RETURNING id"


async def test_what_one_left_the_next_does_not_find(server: Server, databases: Databases) -> None:
    name = await databases.lend()
    kinds, numbers = await on(server, name, KINDS), await on(server, name, NUMBER)
    await on(server, name, "DELETE FROM ledger.kinds WHERE kind = 'world'")

    await databases.take_back(name)

    assert await databases.lend() == name
    assert await on(server, name, "SELECT count(*) FROM identity.players") == [0]
    assert await on(server, name, KINDS) == kinds
    assert await on(server, name, NUMBER) == numbers, "numbers begin where they did"
    await databases.take_back(name)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE ledger.entries DISABLE TRIGGER USER",
        "GRANT DELETE ON parimutuel.bets TO rooms_app",
        "CREATE TABLE ledger.another ()",
        "ALTER SEQUENCE identity.players_id_seq INCREMENT BY 7",
        f"INSERT INTO identity.players (name) SELECT 'Ada' FROM generate_series(0, {MOST_ROWS})",
    ],
)
async def test_who_changed_more_than_a_few_rows_gives_it_to_nobody(
    server: Server, databases: Databases, change: str
) -> None:
    name = await databases.lend()
    await on(server, name, change)

    await databases.take_back(name)

    another = await databases.lend()
    assert another != name
    await databases.take_back(another)


async def test_who_is_still_connected_is_sent_away(server: Server, databases: Databases) -> None:
    name = await databases.lend()
    left = await asyncpg.connect(server.dsn_of(name).app)
    await left.execute("BEGIN; SELECT pg_advisory_xact_lock(1)")

    await databases.take_back(name)

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await left.fetchval("SELECT 1")
    left.terminate()
