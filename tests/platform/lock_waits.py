"""Sees in the database itself that one transaction waits for another."""

from rooms.platform.database import Database

WAITING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def until_it_waits_for_a_lock(database: Database, waiters: int = 1) -> None:
    """Look until so many statements in this database wait for another's lock."""
    while True:
        async with database.transaction() as tx:
            if await tx.value(WAITING) >= waiters:
                return
