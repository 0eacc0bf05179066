"""The page and its live side: static files, and snapshots as server-sent events.

All who listen to the same thing share one snapshot, made while anybody listens, so that more
browsers cost connections but no queries. How many streams one address may hold is bounded.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from rooms.contexts.parimutuel.api import Rooms
from rooms.entrypoints.gateway.broadcast import Broadcast, Snapshot
from rooms.entrypoints.gateway.calls import Call, address_of, room_id
from rooms.entrypoints.gateway.pagefiles import file_routes
from rooms.entrypoints.gateway.snapshots import Snapshots
from rooms.kernel.ids import RoomId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Clock
from rooms.platform.doorbell import Doorbell


@dataclass(slots=True)
class Live:
    """The page's routes. ``close`` ends the open streams, without which no server could stop."""

    rooms: Rooms
    doorbell: Doorbell
    clock: Clock
    sandbox: bool
    streams_per_ip: int
    _snapshots: Snapshots = field(init=False)
    _broadcasts: dict[RoomId | None, Broadcast] = field(default_factory=dict)
    _tasks: dict[RoomId | None, asyncio.Task[None]] = field(default_factory=dict)
    _streams: Counter[str] = field(default_factory=Counter)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._snapshots = Snapshots(self.rooms, self.clock, self.sandbox)

    def close(self) -> None:
        """End every open stream, and each new one at once; call it before waiting for them."""
        self._closed = True
        for broadcast in self._broadcasts.values():
            broadcast.end()

    def admit(self, address: str) -> None:
        """Refuse E-STREAMS to an address that holds as many streams as one may."""
        if self._streams[address] >= self.streams_per_ip:
            raise Refusal("E-STREAMS", most=self.streams_per_ip)

    async def listen(self, room: RoomId | None, address: str) -> AsyncIterator[bytes]:
        """Stream the snapshots of a room, or of the house, until the listener leaves."""
        if self._closed:
            return
        self._streams[address] += 1
        broadcast = self._join(room)
        try:
            async for event in broadcast.events():
                yield event
        finally:
            self._leave(room, broadcast)
            self._streams[address] -= 1
            if not self._streams[address]:
                del self._streams[address]

    def _join(self, room: RoomId | None) -> Broadcast:
        broadcast = self._broadcasts.get(room)
        if broadcast is None:
            broadcast = Broadcast(self._maker(room), self.doorbell)
            self._broadcasts[room] = broadcast
            self._tasks[room] = asyncio.create_task(broadcast.run(), name=f"page {room}")
        broadcast.listeners += 1
        return broadcast

    def _leave(self, room: RoomId | None, broadcast: Broadcast) -> None:
        broadcast.listeners -= 1
        if not broadcast.listeners:
            del self._broadcasts[room]
            self._tasks.pop(room).cancel()

    def _maker(self, room: RoomId | None) -> Callable[[], Awaitable[Snapshot]]:
        if room is None:
            return self._snapshots.house
        return lambda: self._snapshots.room(room)

    def routes(self) -> list[HTTPRouteHandler]:
        """Give the handlers of ``/``, ``/r/{id}``, ``/page/{file}`` and ``/live/...``."""

        @get("/live/rooms", include_in_schema=False)
        async def live_house(request: Call) -> Stream:
            address = address_of(request)
            self.admit(address)
            return _events(self.listen(None, address))

        @get("/live/rooms/{room:str}", include_in_schema=False)
        async def live_room(request: Call, room: FromPath[str]) -> Stream:
            address = address_of(request)
            self.admit(address)
            known = await self.rooms.room(room_id(room))  # refuses an unknown one
            return _events(self.listen(known.id, address))

        return [*file_routes(), live_house, live_room]


def _events(stream: AsyncIterator[bytes]) -> Stream:
    # X-Accel-Buffering keeps nginx from holding events back until a buffer is full.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(stream, media_type="text/event-stream", headers=headers)
