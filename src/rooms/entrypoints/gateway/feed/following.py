"""What changes without a fact of its own: balances, by whatever moved them, and prices.

Both are looked at and compared with what was told last, by a fingerprint; so whatever moves money
is told, whether anybody thought of telling it or not.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from rooms.contexts.ledger.api import Ledger
from rooms.contexts.parimutuel.api import Rooms, RoomStatus
from rooms.entrypoints.gateway.answers import balance_json, price_json
from rooms.entrypoints.gateway.feed.messages import RoomPrices
from rooms.entrypoints.gateway.feed.names import ME, OWN, ROOM, own_topic, room_topic
from rooms.entrypoints.gateway.messages import Wallet
from rooms.kernel.ids import PlayerId, RoomId
from rooms.kernel.time import Clock
from rooms.platform import topics
from rooms.platform.database import Database, NotDone, Tx, Unavailable
from rooms.platform.topics import News

log = structlog.get_logger()

# Seconds between two looks: while there are facts, and at most.
AT_LEAST: Final = 0.25
AT_MOST: Final = 1.0
ENDED: Final = (RoomStatus.SETTLED, RoomStatus.VOIDED)
# The mark of a room that has ended: it has no price any more, and is not looked at again.
OVER: Final = -1


@dataclass(frozen=True, slots=True)
class Following:
    """Looks at the balances and prices that somebody watches; several processes may do it."""

    database: Database
    rooms: Rooms
    ledger: Ledger
    clock: Clock

    async def run(self) -> None:
        """Look when something has happened, for ever."""
        ear = self.database.doorbell.listen()
        try:
            while True:
                try:
                    await self.look()
                except (*Unavailable, *NotDone) as problem:
                    log.warning("nobody is told of balances and prices", why=str(problem))
                await asyncio.sleep(AT_LEAST)
                await ear.wait(AT_MOST - AT_LEAST)
        finally:
            ear.close()

    async def look(self) -> None:
        """Tell of every balance and price that is not as it was told last."""
        async with self.database.snapshot() as tx:
            if not await topics.told_to(tx, OWN) and not await topics.told_to(tx, ROOM):
                return
        async with self.database.transaction() as tx:
            await topics.stand_alone(tx)
            told = [*await self._of_wallets(tx), *await self._of_prices(tx)]
            await topics.tell(tx, told, self.clock.now())

    async def _of_wallets(self, tx: Tx) -> Sequence[News]:
        marks = await topics.told_to(tx, OWN)
        players = [PlayerId(int(topic.removeprefix(OWN))) for topic in marks]
        wallets = await self.ledger.wallets(players) if players else {}
        found = [
            News(
                own_topic(player),
                "wallet.changed",
                Wallet([balance_json(each) for each in balances]),
                ME,
            )
            for player, balances in wallets.items()
        ]
        return await _changed(tx, found, marks)

    async def _of_prices(self, tx: Tx) -> Sequence[News]:
        told = await topics.told_to(tx, ROOM)
        marks = {topic: mark for topic, mark in told.items() if mark != OVER}
        rooms = [RoomId(int(topic.removeprefix(ROOM))) for topic in marks]
        views = await self.rooms.views(rooms) if rooms else []
        over = {room_topic(view.id): OVER for view in views if view.status in ENDED}
        if over:
            await topics.mark(tx, over)
        found = [
            News(
                room_topic(view.id),
                "price",
                RoomPrices(str(view.id), [price_json(each) for each in view.prices]),
            )
            for view in views
            if view.status not in ENDED and view.prices
        ]
        return await _changed(tx, found, marks)


async def _changed(tx: Tx, found: Sequence[News], marks: Mapping[str, int]) -> Sequence[News]:
    """Keep what differs from what was told last, and remember it."""
    prints = {news.topic: _fingerprint(news.data) for news in found}
    changed = [news for news in found if prints[news.topic] != marks[news.topic]]
    if changed:
        await topics.mark(tx, {news.topic: prints[news.topic] for news in changed})
    return changed


def _fingerprint(data: object) -> int:
    digest = hashlib.blake2b(msgspec.json.encode(data), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
