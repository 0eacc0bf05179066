"""Sees in the database itself that one transaction waits for another."""

from rooms.platform.database import Database


async def until_it_waits_for_a_lock(database: Database) -> None:
    """Look until some statement in this database waits for another's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    while True:
        async with database.transaction() as tx:
            if await tx.value(waiting + "AND wait_event_type = 'Lock'"):
                return
