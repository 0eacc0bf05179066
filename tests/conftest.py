"""What every test may stand on: a real PostgreSQL, and a fresh migrated database for each test."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import hypothesis
import pytest
import structlog

from rooms.platform import migrate
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn, EmbeddedPostgres
from tests.addresses import of_database, of_superuser
from tests.browser import browser, chromium, tab

__all__ = ["browser", "chromium", "tab"]

hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")


# Where no command has said how to log, structlog draws each traceback with all its locals.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["event", "level"]),
    ]
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server whose database ``rooms`` is migrated and empty: the template of all."""

    dsn: Dsn
    superuser: str

    def dsn_of(self, database: str) -> Dsn:
        return Dsn(
            owner=of_database(self.dsn.owner, database),
            app=of_database(self.dsn.app, database),
            reader=of_database(self.dsn.reader, database),
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("house")
    with EmbeddedPostgres(data) as dsn:
        migrate.migrate(dsn.owner)
        yield Server(dsn, of_superuser(data, dsn))


_numbers = itertools.count(1)


@pytest.fixture
def dsn(server: Server) -> Iterator[Dsn]:
    """A database of the test's own, as rooms up would have made it."""
    name = f"test_{next(_numbers)}"
    asyncio.run(
        _as_superuser(
            server,
            f"CREATE DATABASE {name} TEMPLATE rooms OWNER rooms_owner",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO rooms_app, rooms_reader",
            f"GRANT TEMPORARY ON DATABASE {name} TO rooms_app",
        )
    )
    yield server.dsn_of(name)
    asyncio.run(_as_superuser(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _as_superuser(server: Server, *statements: str) -> None:
    connection = await asyncpg.connect(server.superuser)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def database(dsn: Dsn) -> AsyncIterator[Database]:
    """The application's connections to the test's own database."""
    opened = Database(dsn.app, Doorbell(), size=10)
    await opened.open()
    yield opened
    await opened.close()
