"""The house as staff use it from the command line: opened for one question, then closed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from rooms.platform import migrate
from rooms.platform.database import READER, Database, Tx
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn, EmbeddedPostgres, own_database, use_database
from rooms.platform.problem import ExitCode, Problem
from rooms.platform.settings import DatabaseSettings, load, make_master_key
from rooms.platform.telemetry import log_to
from rooms.processes.compose import House, open_house

Answer = TypeVar("Answer")

# Books of a hundred million entries are re-summed in minutes; a request's minute is too short.
LONGEST_STATEMENT: Final = timedelta(days=1)


def ask_house(data: Path, question: Callable[[House], Awaitable[Answer]]) -> Answer:
    """Open the house of this data folder without running anything, and ask it.

    Problem (exit code 5) where no house was made there, or migrations are pending.
    """

    async def ask(url: str) -> Answer:
        async with open_house(settings, url) as house:
            return await question(house)

    settings = load(data)
    log_to(None, settings.telemetry.log_level)
    with _ready_database(data, settings.database) as dsn:
        if settings.database.url is None:  # all of this house is on this machine, its key too
            make_master_key(data)
            settings = load(data, profile={"keno": {"without_entropy": True}})
        return asyncio.run(ask(dsn.app))


def ask_books(data: Path, question: Callable[[Tx], Awaitable[Answer]]) -> Answer:
    """Ask the books in one consistent snapshot, as the role that only reads.

    Problem as for ``ask_house``.
    """

    async def ask(url: str) -> Answer:
        books = reader_of(url)
        await books.open()
        try:
            async with books.snapshot() as tx:
                return await question(tx)
        finally:
            await books.close()

    settings = load(data)
    log_to(None, settings.telemetry.log_level)
    with _ready_database(data, settings.database) as dsn:
        return asyncio.run(ask(dsn.reader))


def reader_of(url: str) -> Database:
    """Give the books as one reads them who has no player waiting: statements take their time."""
    return Database(url, Doorbell(), role=READER, size=2, statement_time_out=LONGEST_STATEMENT)


@contextmanager
def _ready_database(data: Path, settings: DatabaseSettings) -> Iterator[Dsn]:
    """Use a database that has a house in it: a question must not make one, nor meet half a one."""
    if own_database(settings) is None and not EmbeddedPostgres(data).status().made:
        raise Problem(
            f"There is no house in {data}",
            exit_code=ExitCode.DEPENDENCY_DOWN,
            next_step="name its folder with --data DIR, or make a house there: rooms up",
        )
    with use_database(data, settings) as dsn:
        migrate.require_current(dsn.reader)
        yield dsn
