"""A look at a database from outside: does it answer, which version, does it share our time."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from rooms.kernel.time import cut
from rooms.platform.clock import SystemClock
from rooms.platform.migrate import Status, read_status
from rooms.platform.postgres import PostgresProblem


@dataclass(frozen=True, slots=True)
class Looked:
    """What a database showed: its version, and how far its clock is from ours at least."""

    version: Status
    clocks_apart: timedelta


def look_at(url: str) -> Looked:
    """Ask a database once. Problem (exit code 5) where it does not answer or is too new."""
    try:
        return asyncio.run(_look(url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise PostgresProblem(
            f"The database does not answer: {error}.",
            next_step="see whether it runs, and check ROOMS__DATABASE__URL",
        ) from error


async def _look(url: str) -> Looked:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        version = await read_status(connection)
        before = SystemClock().now()
        theirs = cut(await connection.fetchval("SELECT clock_timestamp()"))
        after = SystemClock().now()
    finally:
        await connection.close()
    # Their time was read somewhere between our two readings.
    return Looked(version, max(theirs - after, before - theirs, timedelta()))
