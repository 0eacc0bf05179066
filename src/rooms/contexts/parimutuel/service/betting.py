"""Take stakes into a room's pools: one bet per player per room."""

from dataclasses import dataclass

from rooms.contexts.ledger.api import ROOM_POOLS, Ledger, Movement
from rooms.contexts.oracle.api import Oracle
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet, RoomStatus
from rooms.contexts.parimutuel.domain import (
    Limits,
    Room,
    require_depth,
    require_fresh,
    require_stake,
    require_unmet,
)
from rooms.contexts.parimutuel.events import BetPlaced, RoomMoved
from rooms.contexts.parimutuel.settlement_storage import pool_shard
from rooms.contexts.parimutuel.storage import BetStorage, RoomStorage
from rooms.contexts.referral.api import Member, Referral
from rooms.kernel.ids import BetId
from rooms.kernel.money import SOL
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.commands import Answered
from rooms.platform.database import Database, Duplicate, Tx


@dataclass(frozen=True, slots=True)
class Betting:
    """Takes stakes. The room's row is locked first, so no bet slips in behind its lock."""

    database: Database
    rooms: RoomStorage
    bets: BetStorage
    ledger: Ledger
    oracle: Oracle
    referral: Referral
    limits: Limits

    async def place_bet(self, command: PlaceBet) -> Answered[BetReceipt]:
        """Take a stake into a room's pool, once per key."""
        try:
            return await self._attempt(command)
        except Duplicate:
            # A twin was first by a moment and has committed now: the second look finds it.
            return await self._attempt(command)

    async def _attempt(self, command: PlaceBet) -> Answered[BetReceipt]:
        async with self.database.transaction() as tx:
            earlier = await self.bets.by_key(tx, command.player, command.key)
            if earlier is not None:
                return Answered(_same_command(earlier, command), replayed=True)
            require_stake(command.stake, self.limits)
            room = await self._lock(tx, command)
            twin = await self._placed_meanwhile(tx, command)
            if twin is not None:
                return Answered(twin, replayed=True)
            accepted_at = await self.rooms.now(tx)
            await self._admit(tx, room, command, accepted_at)
            return Answered(await self._accept(tx, room, command, accepted_at), replayed=False)

    async def _lock(self, tx: Tx, command: PlaceBet) -> Room:
        room = await self.rooms.room(tx, command.room)
        if room is not None and (room.status is RoomStatus.QUEUING or room.has_tokens):
            # The bettors who open a room are counted one after the other, and those whose stakes
            # a token's depth limits must see each other.
            room = await self.rooms.room_alone(tx, command.room)
        elif room is not None:
            room = await self.rooms.room_for_bet(tx, command.room)
        if room is None:
            raise Refusal("E-ROOM-UNKNOWN", room=command.room)
        return room

    async def _placed_meanwhile(self, tx: Tx, command: PlaceBet) -> BetReceipt | None:
        """Tell a twin, accepted while this one waited for the room, from a second bet."""
        placed = await self.bets.by_room(tx, command.player, command.room)
        if placed is None:
            return None
        twin = await self.bets.by_key(tx, command.player, command.key)
        if twin is None:
            raise Refusal("E-BET-DUP", room=command.room, side=placed.side, stake=placed.stake)
        return _same_command(twin, command)

    async def _admit(self, tx: Tx, room: Room, command: PlaceBet, at: Instant) -> None:
        room.admit(at)
        newest = await self.oracle.newest(tx, room.assets)
        require_fresh(room, newest, at, self.limits)
        require_unmet(room, newest)
        if room.has_tokens:
            handle = await self.bets.handle(tx, room.id)
            require_depth(room, newest, handle + command.stake, self.limits)

    async def _accept(
        self, tx: Tx, room: Room, command: PlaceBet, accepted_at: Instant
    ) -> BetReceipt:
        member = await self.referral.member(tx, command.player)
        bet = await self.bets.add(
            tx, command, member, accepted_at=accepted_at, by_host=command.player == room.host_id
        )
        await self._stake(tx, room, command, member, bet)
        await tx.publish(
            BetPlaced(
                bet_id=bet,
                room_id=room.id,
                player_id=command.player,
                side=command.side,
                stake=command.stake,
            )
        )
        await self._open_if_full(tx, room, accepted_at)
        return BetReceipt(
            id=bet,
            room_id=room.id,
            side=command.side,
            stake=command.stake,
            placed_at=accepted_at,
        )

    async def _stake(
        self, tx: Tx, room: Room, command: PlaceBet, member: Member, bet: BetId
    ) -> None:
        shard = str(pool_shard(member.account_id))
        pool = await self.ledger.open_account(tx, SOL, ROOM_POOLS, shard)
        await self.ledger.post(
            tx,
            f"bet:{bet}",
            [
                Movement(member.account_id, -command.stake, "stake", room.subject),
                Movement(pool, command.stake, "stake", room.subject),
            ],
        )

    async def _open_if_full(self, tx: Tx, room: Room, at: Instant) -> None:
        if room.status is not RoomStatus.QUEUING:
            return
        if await self.bets.count(tx, room.id) >= room.min_players:
            await self.rooms.move(tx, room, RoomStatus.OPEN, cause="enough players", at=at)
            await tx.publish(RoomMoved(room_id=room.id, status=RoomStatus.OPEN))


def _same_command(earlier: BetReceipt, command: PlaceBet) -> BetReceipt:
    asked = (command.room, command.side, command.stake)
    if (earlier.room_id, earlier.side, earlier.stake) != asked:
        raise Refusal("E-KEY-REUSED")
    return earlier
