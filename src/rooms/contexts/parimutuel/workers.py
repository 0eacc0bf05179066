"""The loop that brings each room to its next step when its time has come."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from rooms.contexts.parimutuel.service.settling import Settling
from rooms.contexts.parimutuel.service.voiding import Voiding
from rooms.contexts.parimutuel.storage import RoomStorage
from rooms.kernel.ids import RoomId
from rooms.platform.database import Database, Tx, Unavailable

log = structlog.get_logger()

LOOK_EVERY = 0.25
REST_WITHOUT_DATABASE = 1.0


@dataclass(frozen=True, slots=True)
class RoomClock:
    """Locks, settles, pays and voids what is due; any number of processes may run it."""

    database: Database
    rooms: RoomStorage
    settling: Settling
    voiding: Voiding

    async def run(self) -> None:
        """Look at every ring of the doorbell and four times a second, for ever."""
        ear = self.database.doorbell.listen()
        try:
            while True:
                try:
                    await self.tick()
                    await ear.wait(LOOK_EVERY)
                except Unavailable as problem:
                    log.warning("database away; rooms wait", why=str(problem))
                    await asyncio.sleep(REST_WITHOUT_DATABASE)
        finally:
            ear.close()

    async def tick(self) -> None:
        """Do everything that is due now; a room that fails does not hold up the others."""
        steps: list[
            tuple[Callable[[Tx], Awaitable[list[RoomId]]], Callable[[RoomId], Awaitable[object]]]
        ] = [
            (self.rooms.rooms_to_void, self.voiding.carry_out),
            (self.rooms.rooms_to_lock, self.settling.close_betting),
            (self.rooms.rooms_to_settle, self.settling.await_outcome),
            (self.rooms.rooms_without_consensus, self.settling.give_up),
            (self.rooms.rooms_to_pay, self.settling.pay),
        ]
        for find, act in steps:
            async with self.database.transaction() as tx:
                due = await find(tx)
            for room in due:
                await self._do(act, room)

    async def _do(self, act: Callable[[RoomId], Awaitable[object]], room: RoomId) -> None:
        try:
            await act(room)
        except Unavailable:
            raise
        except Exception:
            log.exception("a room's step failed; it is tried again", room=room)
