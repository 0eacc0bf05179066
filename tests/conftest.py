"""What every test may stand on: a real PostgreSQL, and a fresh migrated database for each test."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

import asyncpg
import hypothesis
import pytest
import structlog

from rooms.platform import migrate
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn, EmbeddedPostgres
from tests.addresses import of_superuser
from tests.browser import browser, chromium, tab
from tests.databases import Databases, Server

__all__ = ["Server", "browser", "chromium", "tab"]

hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")


# What is compiled is kept, also where a shell is told otherwise: three processes of pytest and some
# hundred commands would each compile everything anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# Where no command has said how to log, structlog draws each traceback with all its locals.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["event", "level"]),
    ]
)


# These wait for the clock of a house more than they compute: begun first, by one process, they wait
# while the others keep both cores busy, and not at the end, when nobody has anything left to do.
WAITING: Final = ("tests/stories/", "tests/faults/test_clock.py", "tests/faults/test_live.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what is there for all tests: modules and their items."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("house")
    with EmbeddedPostgres(data) as dsn:
        migrate.migrate(dsn.owner)
        superuser = of_superuser(data, dsn)
        asyncio.run(leave_alone(superuser))
        yield Server(dsn, superuser)


async def leave_alone(superuser: str) -> None:
    """Let nothing happen in a server's databases but what its tests do."""
    connection = await asyncpg.connect(superuser)
    await connection.execute("ALTER SYSTEM SET autovacuum = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
def databases(server: Server) -> Databases:
    return Databases(server)


@pytest.fixture
def dsn(server: Server, databases: Databases) -> Iterator[Dsn]:
    """A database of the test's own, as rooms up would have made it."""
    name = asyncio.run(databases.lend())
    yield server.dsn_of(name)
    asyncio.run(databases.take_back(name))


@pytest.fixture
async def database(dsn: Dsn) -> AsyncIterator[Database]:
    """The application's connections to the test's own database."""
    opened = Database(dsn.app, Doorbell(), size=10)
    await opened.open()
    yield opened
    await opened.close()
