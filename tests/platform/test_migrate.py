import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest

from rooms.platform import migrate
from rooms.platform.migrate import MigrationProblem
from rooms.platform.postgres import Dsn
from tests.conftest import Server

QUIET = (
    "import sys; from rooms.platform import migrate; "
    "assert migrate.migrate(sys.argv[1]) == [], 'something was pending'; "
    "assert migrate.status(sys.argv[1]).pending == []; "
    "loaded = [name for name in sys.modules if name.partition('.')[0] in ('alembic', 'sqlalchemy')]; "
    "sys.exit(f'loaded {loaded}' if loaded else 0)"
)


@pytest.fixture
async def empty(server: Server) -> AsyncIterator[str]:
    """The owner's address of a database to which nothing has been done yet."""
    connection = await asyncpg.connect(server.superuser)
    try:
        await connection.execute("CREATE DATABASE empty OWNER rooms_owner TEMPLATE template1")
        yield server.dsn_of("empty").owner
        await connection.execute("DROP DATABASE empty WITH (FORCE)")
    finally:
        await connection.close()


async def test_an_empty_database_is_brought_to_the_head_once(empty: str) -> None:
    before = await asyncio.to_thread(migrate.status, empty)
    applied = await asyncio.to_thread(migrate.migrate, empty)
    again = await asyncio.to_thread(migrate.migrate, empty)
    after = await asyncio.to_thread(migrate.status, empty)

    assert before == migrate.Status(None, migrate.names()[-1][:4], migrate.names())
    assert applied == migrate.names()
    assert again == []
    assert after == migrate.Status(before.head, before.head, [])


async def test_two_processes_that_start_at_once_migrate_once(empty: str) -> None:
    applied = await asyncio.gather(*(asyncio.to_thread(migrate.migrate, empty) for _ in range(2)))

    assert sorted(applied) == [[], migrate.names()]


async def test_what_is_there_belongs_to_the_owner(empty: str) -> None:
    await asyncio.to_thread(migrate.migrate, empty)

    connection = await asyncpg.connect(empty)
    strangers = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace::regnamespace::text IN "
        "('platform', 'ledger', 'identity', 'referral', 'oracle', 'parimutuel') "
        "AND relowner <> 'rooms_owner'::regrole"
    )
    await connection.close()
    assert strangers == []


def test_the_migrations_are_one_line_of_history() -> None:
    numbers = [int(name[:4]) for name in migrate.names()]

    assert numbers == list(range(1, len(numbers) + 1))


def test_data_of_a_newer_release_is_refused_in_one_sentence(dsn: Dsn) -> None:
    asyncio.run(_set_version(dsn.owner, "9999"))

    for look in (migrate.status, migrate.migrate):
        with pytest.raises(MigrationProblem) as refused:
            look(dsn.owner)
        assert "9999" in refused.value.message
        assert "newer release" in refused.value.message
        assert "\n" not in refused.value.message


async def _set_version(url: str, version: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE platform.migrations SET version_num = $1", version)
    await connection.close()


def test_alembic_is_not_even_loaded_when_nothing_is_pending(dsn: Dsn) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", QUIET, dsn.owner], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_reader_may_ask_for_the_status(dsn: Dsn) -> None:
    assert migrate.status(dsn.reader).pending == []
