"""The loop that brings each room to its next step when its time has come."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from rooms.contexts.parimutuel.events import RoomMoved
from rooms.contexts.parimutuel.service.settling import Settling
from rooms.contexts.parimutuel.service.voiding import Voiding
from rooms.contexts.parimutuel.storage import RoomStorage
from rooms.kernel.ids import RoomId
from rooms.platform.database import Database, NotDone, Tx, Unavailable
from rooms.platform.tracing import span

log = structlog.get_logger()

LOOK_EVERY = 0.25
REST_WITHOUT_DATABASE = 1.0


# A room that takes minutes to pay, or to fail, leaves the other lanes to the other rooms.
PAYING_LANES = 3

Find = Callable[[Tx], Awaitable[list[RoomId]]]
Act = Callable[[RoomId], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class RoomClock:
    """Locks, settles, pays and voids what is due; any number of processes may run it."""

    database: Database
    rooms: RoomStorage
    settling: Settling
    voiding: Voiding
    _paying: set[RoomId] = field(default_factory=set, init=False)

    async def run(self) -> None:
        """Look when a room has moved and four times a second, for ever."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._for_ever(self.move))
            for _ in range(PAYING_LANES):
                loops.create_task(self._for_ever(self.pay))

    async def _for_ever(self, look: Callable[[], Awaitable[None]]) -> None:
        ear = self.database.doorbell.listen({RoomMoved.__name__})
        try:
            while True:
                try:
                    await look()
                    await ear.wait(LOOK_EVERY)
                except (*Unavailable, *NotDone) as problem:
                    log.warning("database away or held up; rooms wait", why=str(problem))
                    await asyncio.sleep(REST_WITHOUT_DATABASE)
        finally:
            ear.close()

    async def tick(self) -> None:
        """Do everything that is due now."""
        await self.move()
        await self.pay()

    async def move(self) -> None:
        """Bring every room whose time has come to its next status, but pay none."""
        steps: list[tuple[Find, Act]] = [
            (self.rooms.rooms_to_void, self.voiding.carry_out),
            (self.rooms.rooms_to_lock, self.settling.close_betting),
            (self.rooms.rooms_to_settle, self.settling.await_outcome),
            (self.rooms.rooms_without_consensus, self.settling.give_up),
        ]
        for find, act in steps:
            for room in await self._due(find):
                await self._do(act, room)

    async def pay(self) -> None:
        """Pay every decided room that is not being paid here already."""
        for room in await self._due(self.rooms.rooms_to_pay):
            if room in self._paying:
                continue
            self._paying.add(room)
            try:
                await self._do(self.settling.pay, room)
            finally:
                self._paying.discard(room)

    async def _due(self, find: Find) -> list[RoomId]:
        async with self.database.statement() as tx:
            return await find(tx)

    async def _do(self, act: Act, room: RoomId) -> None:
        """Take a room's step; one that fails does not hold up the others."""
        try:
            with span(f"room {act.__name__}", room=room):
                await act(room)
        except TimeoutError:
            log.exception("a room's step took too long; it is tried again", room=room)
        except Unavailable:
            raise
        except NotDone as why:
            log.warning("a room's step had to wait; it is tried again", room=room, why=str(why))
        except Exception:
            log.exception("a room's step failed; it is tried again", room=room)
