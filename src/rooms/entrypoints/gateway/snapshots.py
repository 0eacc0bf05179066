"""What the page shows, as JSON: the house with its rooms in play and latest results, or a room."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import msgspec

from rooms.contexts.parimutuel.api import PoolPoint, Rooms, RoomStatus, RoomView
from rooms.entrypoints.gateway.answers import room_json
from rooms.entrypoints.gateway.broadcast import Snapshot
from rooms.kernel.ids import RoomId
from rooms.kernel.time import EPOCH, Clock, Instant, rfc3339, to_millis

# In the order of a room's life: one that moves on between two reads is seen twice, never missed.
IN_PLAY: Final = (RoomStatus.QUEUING, RoomStatus.OPEN, RoomStatus.LOCKED, RoomStatus.SETTLING)
ENDED: Final = (RoomStatus.SETTLED, RoomStatus.VOIDED)
MOST_ROOMS: Final = 48
MOST_RESULTS: Final = 12
MOST_POINTS: Final = 60
LOOK_BACK_EVERY: Final = timedelta(seconds=10)
NOT_ON_A_CARD: Final = frozenset({"terms", "transitions"})


@dataclass(slots=True)
class Snapshots:
    """Makes what is shown; remembers results, which do not change, between two."""

    rooms: Rooms
    clock: Clock
    sandbox: bool
    _playing: set[RoomId] = field(default_factory=set)
    _results: dict[RoomId, dict[str, Any]] = field(default_factory=dict)
    _looked_back: Instant = EPOCH

    async def house(self) -> Snapshot:
        """Show the rooms in play, the most urgent first, and the latest results."""
        found: dict[RoomId, RoomView] = {}
        for status in IN_PLAY:
            found |= {view.id: view for view in await self.rooms.rooms(status=status, limit=50)}
        now = self.clock.now()
        await self._look_back(found.keys(), now)
        playing = sorted(found.values(), key=_next_event)
        shown = playing[:MOST_ROOMS]
        courses = await self.rooms.pool_courses([view.id for view in shown], MOST_POINTS)
        return Snapshot(
            {
                "now": rfc3339(now),
                "sandbox": self.sandbox,
                "playing": len(playing),
                "rooms": [
                    _brief(view) | {"course": course_json(courses[view.id])} for view in shown
                ],
                "results": list(self._results.values()),
            }
        )

    async def room(self, room: RoomId) -> Snapshot:
        """Show one room with its life, and how it was settled once it has ended."""
        view, now = await self.rooms.room(room), self.clock.now()
        ended = view.status in ENDED
        course = (await self.rooms.pool_courses([room], MOST_POINTS))[room]
        return Snapshot(
            {
                "now": rfc3339(now),
                "sandbox": self.sandbox,
                "room": _json(view) | {"course": course_json(course)},
                "settlement": await self.rooms.settlement(room) if ended else None,
            },
            final=ended,
        )

    async def _look_back(self, playing: Iterable[RoomId], now: Instant) -> None:
        """Take in rooms that ended: at once those seen playing, the others after a while."""
        ended = [await self.rooms.room(room) for room in self._playing.difference(playing)]
        self._playing = set(playing)
        if now - self._looked_back >= LOOK_BACK_EVERY:
            self._looked_back = now
            for status in ENDED:
                ended += await self.rooms.rooms(status=status, limit=MOST_RESULTS)
        for view in ended:
            if view.status in ENDED and view.id not in self._results:
                self._results[view.id] = await self._result(view)
        latest = sorted(self._results.items(), key=lambda each: each[1]["settled_at"], reverse=True)
        self._results = dict(latest[:MOST_RESULTS])

    async def _result(self, view: RoomView) -> dict[str, Any]:
        """Show how a room came out, without its evidence, which is on its own page."""
        settlement = await self.rooms.settlement(view.id)
        summary = {
            name: settlement[name]
            for name in ("outcome", "reason", "trigger", "t_hit", "handle", "winning", "takeout")
        }
        return _brief(view) | {"settlement": summary}


def course_json(course: list[PoolPoint]) -> list[tuple[int, int]]:
    """Show the YES share in basis points over time (Unix milliseconds)."""
    return [(to_millis(point.at), point.yes * 10_000 // (point.yes + point.no)) for point in course]


def _json(view: RoomView) -> dict[str, Any]:
    room: dict[str, Any] = msgspec.to_builtins(room_json(view))
    return room


def _brief(view: RoomView) -> dict[str, Any]:
    return {name: value for name, value in _json(view).items() if name not in NOT_ON_A_CARD}


def _next_event(view: RoomView) -> tuple[Instant, RoomId]:
    betting = view.status in (RoomStatus.QUEUING, RoomStatus.OPEN)
    return (view.locks_at if betting else view.settles_at), view.id
