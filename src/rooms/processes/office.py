"""The house as staff use it from the command line: opened for one question, then closed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from rooms.platform.database import READER, Database, Tx
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import use_database
from rooms.platform.settings import load, make_master_key
from rooms.platform.telemetry import log_to
from rooms.processes.compose import House, open_house

Answer = TypeVar("Answer")


def ask_house(data: Path, question: Callable[[House], Awaitable[Answer]]) -> Answer:
    """Open the house of this data folder without running anything, and ask it."""

    async def ask(url: str) -> Answer:
        async with open_house(settings, url) as house:
            return await question(house)

    settings = load(data)
    log_to(None, settings.telemetry.log_level)
    with use_database(data, settings.database) as dsn:
        if settings.database.url is None:  # all of this house is on this machine, its key too
            make_master_key(data)
            settings = load(data, profile={"keno": {"without_entropy": True}})
        return asyncio.run(ask(dsn.app))


def ask_books(data: Path, question: Callable[[Tx], Awaitable[Answer]]) -> Answer:
    """Ask the books in one consistent snapshot, as the role that only reads."""

    async def ask(url: str) -> Answer:
        books = Database(url, Doorbell(), role=READER, size=2)
        await books.open()
        try:
            async with books.snapshot() as tx:
                return await question(tx)
        finally:
            await books.close()

    settings = load(data)
    log_to(None, settings.telemetry.log_level)
    with use_database(data, settings.database) as dsn:
        return asyncio.run(ask(dsn.reader))
