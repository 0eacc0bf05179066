"""A look at a database from outside: does it answer, which version, does it share our time."""

import asyncio
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import asyncpg

from rooms.kernel.time import cut
from rooms.platform.clock import SystemClock
from rooms.platform.migrate import Status, read_status
from rooms.platform.postgres import PostgresProblem

# What says that there is no database for us there, whatever we wanted of it.
NO_DATABASE: Final = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    asyncpg.ClientConfigurationError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a database showed: its version, and how far its clock is from ours at least."""

    version: Status
    clocks_apart: timedelta


def look_at(url: str) -> Looked:
    """Ask a database once. Problem (exit code 5) where it does not answer or is too new."""
    try:
        return asyncio.run(_look(url))
    except NO_DATABASE as error:
        raise no_database(error) from error


def no_database(error: BaseException) -> PostgresProblem:
    """Put one of ``NO_DATABASE`` in words."""
    return PostgresProblem(
        f"The database cannot be used: {error or 'it did not answer in time'}",
        next_step="see whether it runs, and check ROOMS__DATABASE__URL",
    )


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
