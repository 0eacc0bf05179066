"""Keys that every process of a house shares: made with the database, read by the application."""

from rooms.platform.database import Tx


async def shared_key(tx: Tx, name: str) -> bytes:
    """Give a key of migration 0001 by its name."""
    key = await tx.value("SELECT key FROM platform.keys WHERE name = $1", name)
    assert isinstance(key, bytes), f"the migrations make the key {name}"
    return key
