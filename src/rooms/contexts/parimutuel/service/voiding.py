"""An administrators' void: two of them, in public, with a delay, and never after the outcome."""

from dataclasses import dataclass
from typing import Final

from rooms.contexts.identity.api import Administrator, Identity
from rooms.contexts.parimutuel.api import RoomStatus, VoidReason, VoidRequest
from rooms.contexts.parimutuel.domain import Room
from rooms.contexts.parimutuel.service.settling import Settling
from rooms.contexts.parimutuel.storage import BetStorage, RoomStorage, VoidStorage
from rooms.kernel.ids import RoomId, StaffId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Tx

REASON_LENGTH: Final = range(5, 501)
NEEDED: Final = 2


@dataclass(frozen=True, slots=True)
class Voiding:
    """Takes requests, and voids rooms whose delay has passed."""

    database: Database
    rooms: RoomStorage
    bets: BetStorage
    voids: VoidStorage
    identity: Identity
    settling: Settling

    async def request(self, room_id: RoomId, staff: Administrator, reason: str) -> VoidRequest:
        """Ask for a void; the second administrator's asking starts the public delay."""
        reason = reason.strip()
        if len(reason) not in REASON_LENGTH:
            raise Refusal("E-VOID-REASON")
        async with self.database.transaction() as tx:
            room = await self.rooms.room_alone(tx, room_id)
            if room is None:
                raise Refusal("E-ROOM-UNKNOWN", room=room_id)
            await self._require_right(tx, room, staff)
            others = await self.voids.requesters(tx, room_id)
            if staff.id in others:
                raise Refusal("E-VOID-TWICE", room=room_id)
            agreed = sum(others.values()) + 1
            delay = room.void_delay if agreed == NEEDED else None
            effective_at = await self.voids.add_request(tx, room_id, staff, reason, delay)
            await self.note(tx, "room.void", room, reason, staff.id)
        return VoidRequest(room_id, agreed, effective_at)

    async def _require_right(self, tx: Tx, room: Room, staff: Administrator) -> None:
        ended = room.status in (RoomStatus.SETTLED, RoomStatus.VOIDED, RoomStatus.SETTLING)
        if ended or await self.rooms.now(tx) >= room.settles_at:
            raise Refusal("E-VOID-LATE", room=room.id, status=room.status)
        if staff.player_id is not None and await self.bets.has_bet(tx, staff.player_id, room.id):
            raise Refusal("E-VOID-BET", room=room.id)

    async def carry_out(self, room_id: RoomId) -> None:
        """Void a room whose delay has passed, unless its outcome came first."""
        async with self.database.transaction() as tx:
            room = await self.rooms.room_alone(tx, room_id)
            assert room is not None
            if room.status in (RoomStatus.SETTLED, RoomStatus.VOIDED):
                return
            # Who has bet since asking has no say any more.
            if sum((await self.voids.requesters(tx, room_id)).values()) < NEEDED:
                return
            if not await self.settling.oracle.end_watch(tx, room.subject):
                return
            await self.settling.void(tx, room, VoidReason.ADMIN, "admin")
            reason = await self.voids.reason(tx, room_id)
            await self.note(tx, "room.voided", room, reason, None)

    async def note(self, tx: Tx, action: str, room: Room, reason: str, by: StaffId | None) -> None:
        """Write what was done to a room, in its transaction."""
        await self.identity.note(tx, action=action, subject=room.subject, reason=reason, by=by)
