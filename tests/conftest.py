"""What every test may stand on: a real PostgreSQL, and a fresh migrated database for each test."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest
import structlog

from rooms.platform import migrate
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn, EmbeddedPostgres

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

    def url(self, base: str, database: str) -> str:
        return urlunsplit(urlsplit(base)._replace(path=f"/{database}"))

    def dsn_of(self, database: str) -> Dsn:
        return Dsn(
            owner=self.url(self.dsn.owner, database),
            app=self.url(self.dsn.app, database),
            reader=self.url(self.dsn.reader, database),
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("house")
    with EmbeddedPostgres(data) as dsn:
        migrate.migrate(dsn.owner)
        yield Server(dsn, _superuser(data, dsn))


def _superuser(data: Path, dsn: Dsn) -> str:
    lines = (data / "secrets" / "postgres" / "pgpass").read_text().split()
    password = next(line.split(":")[4] for line in lines if ":postgres:" in line)
    port = urlsplit(dsn.owner).port
    return f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"


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
