"""What a topic looks like now: the data of its snapshot, made of what the routes of REST show."""

from dataclasses import dataclass
from typing import Any, Final

from rooms.contexts.keno.api import Keno
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.parimutuel.api import Rooms, RoomStatus
from rooms.entrypoints.gateway.answers import balance_json, room_json
from rooms.entrypoints.gateway.feed.names import Topic
from rooms.entrypoints.gateway.kenoanswers import game_json, round_json
from rooms.kernel.ids import PlayerId

ROUNDS: Final = 20
MOST_ROOMS: Final = 200
RESULTS: Final = 12
# In the order of a room's life: one that moves on between two reads is seen twice, never missed.
IN_PLAY: Final = (RoomStatus.QUEUING, RoomStatus.OPEN, RoomStatus.LOCKED, RoomStatus.SETTLING)
ENDED: Final = (RoomStatus.SETTLED, RoomStatus.VOIDED)


@dataclass(frozen=True, slots=True)
class Shown:
    """Makes the data of snapshots."""

    rooms: Rooms
    keno: Keno
    ledger: Ledger

    async def require(self, topic: Topic) -> None:
        """Refuse E-GAME-UNKNOWN, E-ROOM-UNKNOWN where there is nothing to be told of."""
        if topic.game is not None:
            await self.keno.game(topic.game)
        elif topic.room is not None:
            await self.rooms.room(topic.room)

    async def now(self, topic: Topic) -> dict[str, Any]:
        """Show a topic. Refuses E-GAME-UNKNOWN, E-ROOM-UNKNOWN."""
        if topic.game is not None:
            return await self._game(topic.game)
        if topic.room is not None:
            return {"room": room_json(await self.rooms.room(topic.room))}
        if topic.player is not None:
            return await self._player(topic.player)
        return await self._house()

    async def _game(self, game: str) -> dict[str, Any]:
        """Show a game and its latest rounds, newest first; the first is the one that is open."""
        view = await self.keno.game(game)
        rounds = await self.keno.rounds(game, None, ROUNDS)
        return {"game": game_json(view), "rounds": [round_json(each) for each in rounds]}

    async def _house(self) -> dict[str, Any]:
        """Show the rooms in play and those that ended last, newest first."""
        found = {}
        for status in (*IN_PLAY, *ENDED):
            most = RESULTS if status in ENDED else MOST_ROOMS
            for view in await self.rooms.rooms(status=status, limit=most):
                found[view.id] = room_json(view)
        return {"rooms": [found[room] for room in sorted(found, reverse=True)]}

    async def _player(self, player: PlayerId) -> dict[str, Any]:
        balances = [balance_json(each) for each in await self.ledger.balances(player)]
        return {"player_id": str(player), "wallet": {"balances": balances}}
