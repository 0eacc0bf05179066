"""Carries the doorbell between processes by PostgreSQL's LISTEN and NOTIFY."""

import asyncio
from contextlib import suppress

import structlog

from rooms.platform.database import Database, Unavailable
from rooms.platform.doorbell import CHANNEL, heard

log = structlog.get_logger()


async def carry_rings(database: Database) -> None:
    """Tell the other processes of our rings and hear theirs, for ever."""
    while True:
        with suppress(*Unavailable):
            await _carry(database)
        log.warning("the doorbell's connection was lost; connecting again")
        await asyncio.sleep(1)


async def _carry(database: Database) -> None:
    async with database.connection() as connection:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())

        def hear(_connection: object, pid: int, _channel: str, message: str) -> None:
            if pid != connection.get_server_pid():
                database.doorbell.ring_here(heard(message))

        async def notify(message: str) -> None:
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, message)

        await connection.add_listener(CHANNEL, hear)
        ringing = asyncio.create_task(database.doorbell.notify_others(notify))
        losing = asyncio.create_task(lost.wait())
        try:
            await asyncio.wait({ringing, losing}, return_when=asyncio.FIRST_COMPLETED)
            if ringing.done():
                await ringing
        finally:
            ringing.cancel()
            losing.cancel()
            with suppress(*Unavailable, TypeError):
                await connection.remove_listener(CHANNEL, hear)
