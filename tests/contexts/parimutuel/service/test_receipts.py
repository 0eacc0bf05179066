import asyncio

from rooms.contexts.parimutuel.service.receipts import LOOKED_UP_AT_ONCE
from rooms.platform.database import Database
from rooms.proof.pool import Side
from tests.houses import ONE, House

LANES = 4  # of bets and of bets that are looked at, two each


async def most_used(database: Database) -> int:
    """The most connections that were in use until this is cancelled."""
    most = 0
    try:
        while True:
            most = max(most, database.connections()["used"])
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        return most


async def test_a_storm_of_replays_leaves_connections_to_others(house: House) -> None:
    room, alice = await house.open_room(await house.player()), await house.player()
    first = await house.bet(room.id, alice, Side.YES, ONE, key="key")
    looking = asyncio.create_task(most_used(house.database))

    again = await asyncio.gather(
        *(house.bet(room.id, alice, Side.YES, ONE, key="key") for _ in range(60))
    )

    looking.cancel()
    assert await looking <= LANES + LOOKED_UP_AT_ONCE < house.database.connections()["limit"]
    assert again == [first] * 60
