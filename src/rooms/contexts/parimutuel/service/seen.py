"""What bets have shown of rooms and prices: enough to guess what will be accepted, never more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rooms.contexts.oracle.api import Basis, Newest
from rooms.contexts.parimutuel.api import RoomStatus
from rooms.contexts.parimutuel.domain import Room, require_unmet
from rooms.kernel.ids import RoomId
from rooms.kernel.refusal import Refusal
from rooms.platform.doubts import Doubts

MOST_ROOMS: Final = 10_000
BETTING: Final = frozenset({RoomStatus.QUEUING, RoomStatus.OPEN})


@dataclass(slots=True)
class Seen:
    """Rooms as they were last seen, and the newest prices; whoever goes by them has to make sure.

    What of a room may change is its status, and that only says how to lock it: one that was
    opened never queues again, and a closed one never takes bets.
    """

    rooms: dict[RoomId, Room] = field(default_factory=dict)
    newest: dict[Basis, Newest] = field(default_factory=dict)
    _open: dict[RoomId, bool] = field(default_factory=dict)
    doubts: Doubts = field(default_factory=Doubts)

    def note_room(self, room: Room) -> None:
        """Remember a room as it is now."""
        self.rooms[room.id] = room
        self._open.pop(room.id, None)

    def note_prices(self, newest: Mapping[Basis, Newest]) -> None:
        """Remember the newest prices."""
        if any(self.newest.get(basis) != each for basis, each in newest.items()):
            self.newest.update(newest)
            self._open.clear()

    def forget_oldest(self) -> None:
        """Keep the memory bounded."""
        while len(self.rooms) > MOST_ROOMS:
            oldest = next(iter(self.rooms))
            del self.rooms[oldest]
            self._open.pop(oldest, None)

    def looks_open(self, number: RoomId) -> bool:
        """Say whether any bet of a fair stake would be taken by the room, as far as was seen.

        Rooms about tokens are not among them: each of their bets has to be looked at.
        """
        known = self._open.get(number)
        if known is None:
            room = self.rooms.get(number)
            if room is None:
                return False
            known = self._open[number] = self._would_take_bets(room)
        return known

    def _would_take_bets(self, room: Room) -> bool:
        if room.status is not RoomStatus.OPEN or room.has_tokens:
            return False
        if not room.bases or not all(basis in self.newest for basis in room.bases):
            return False
        try:
            require_unmet(room, self.newest)
        except Refusal:
            return False
        return True
