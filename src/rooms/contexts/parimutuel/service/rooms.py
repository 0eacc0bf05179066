"""The face of parimutuel, put together from its use cases and its reading side."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from typing import Any, Final

import rfc8785

from rooms.contexts.identity.api import BY_ADMINISTRATOR, Administrator
from rooms.contexts.parimutuel.api import (
    BetReceipt,
    OpenRoom,
    OwnBet,
    PlaceBet,
    PoolPoint,
    Preview,
    QuoteView,
    RoomStatus,
    RoomView,
    VoidRequest,
)
from rooms.contexts.parimutuel.domain import Room, require_stake
from rooms.contexts.parimutuel.queries import RoomQueries, SettlementQueries
from rooms.contexts.parimutuel.service.betting import Betting
from rooms.contexts.parimutuel.service.opening import Opening
from rooms.contexts.parimutuel.service.proving import Proving
from rooms.contexts.parimutuel.service.published import head_of
from rooms.contexts.parimutuel.service.settling import Settling
from rooms.contexts.parimutuel.service.voiding import Voiding
from rooms.contexts.parimutuel.settlement_storage import RoomDecision
from rooms.kernel.ids import BetId, PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered
from rooms.platform.database import Database, Row, Tx
from rooms.platform.lanes import Tell
from rooms.proof.pool import Side, fees, quote
from rooms.proof.records import ref
from rooms.proof.roomfile import BetLine, FileHash, bet_json, head_json
from rooms.proof.terms import parse_terms

MOST_HEADS: Final = 200
GIVE_WAY_EVERY: Final = 200


@dataclass(frozen=True, slots=True)
class RoomsService:
    """Rooms, bets, settlements. ``ref_key`` makes the bets' public references."""

    database: Database
    opening: Opening
    betting: Betting
    settling: Settling
    voiding: Voiding
    queries: RoomQueries
    files: SettlementQueries
    proving: Proving
    ref_key: bytes = field(repr=False)
    # Heads of settled rooms, which never change: making one hashes every bet of its room.
    _heads: dict[RoomId, dict[str, Any]] = field(default_factory=dict)

    async def open_room(self, command: OpenRoom) -> Answered[RoomView]:
        """Open a room."""
        return await self.opening.open_room(command)

    async def place_bet(self, command: PlaceBet) -> Answered[BetReceipt]:
        """Take a stake into a room's pool."""
        return await self.betting.place_bet(command)

    def begin_bet(self, command: PlaceBet, tell: Tell[Answered[BetReceipt]]) -> None:
        """Take a stake, and tell what came of it."""
        self.betting.begin_bet(command, tell)

    async def room(self, room: RoomId) -> RoomView:
        """Show a room."""
        async with self.database.snapshot() as tx:
            return await self.queries.room(tx, room)

    async def views(self, rooms: Collection[RoomId]) -> list[RoomView]:
        """Show these rooms."""
        async with self.database.snapshot() as tx:
            return await self.queries.views(tx, rooms)

    async def rooms(
        self,
        *,
        status: RoomStatus | None = None,
        asset: str | None = None,
        host: PlayerId | None = None,
        before: RoomId | None = None,
        limit: int = 50,
    ) -> list[RoomView]:
        """List rooms, newest first."""
        async with self.database.snapshot() as tx:
            return await self.queries.rooms(
                tx, status=status, asset=asset, host=host, before=before, limit=limit
            )

    async def quote(self, room: RoomId, side: Side, stake: int) -> QuoteView:
        """Quote a stake."""
        require_stake(stake, self.betting.placing.limits)
        view = await self.room(room)
        if view.status not in (RoomStatus.QUEUING, RoomStatus.OPEN):
            raise Refusal("E-BET-LOCKED", room=room, status=view.status, locks_at=view.locks_at)
        terms = parse_terms(view.terms).pool
        offered = quote(stake, side, view.pools[Side.YES], view.pools[Side.NO], terms)
        return QuoteView(side, stake, offered.dividend, offered.payout)

    async def pool_courses(
        self, rooms: Collection[RoomId], points: int
    ) -> dict[RoomId, list[PoolPoint]]:
        """Tell how the rooms' pools grew."""
        async with self.database.snapshot() as tx:
            return await self.queries.pool_courses(tx, rooms, points)

    async def bets(self, player: PlayerId, before: BetId | None, limit: int) -> list[OwnBet]:
        """List a player's own bets."""
        async with self.database.snapshot() as tx:
            return await self.queries.bets(tx, player, before, limit)

    async def settlement(self, room: RoomId) -> dict[str, Any]:
        """Give the head of the room's file."""
        if room not in self._heads:
            async with self.database.snapshot() as tx:
                head = await self._head(tx, room)
            if len(self._heads) >= MOST_HEADS:
                del self._heads[next(iter(self._heads))]
            self._heads[room] = head
        return self._heads[room]

    async def settlement_file(self, room: RoomId) -> AsyncIterator[bytes]:
        """Stream the file of ``rooms verify room``, a line at a time."""
        # A slow reader must not keep a connection: the lines are read before the first is sent.
        async with self.database.snapshot() as tx:
            lines = [await self._head(tx, room), *await self._bet_lines(tx, room)]
        for line in lines:
            yield rfc8785.dumps(line) + b"\n"

    async def settlement_record(self, room: RoomId) -> dict[str, Any]:
        """Prove the log's record of a settled room."""
        return await self.proving.record(room)

    async def bet_proof(self, bet: BetId, owner: PlayerId | None) -> dict[str, Any]:
        """Give the file of ``rooms verify bet``."""
        return await self.proving.bet(bet, owner)

    async def _head(self, tx: Tx, room: RoomId) -> dict[str, Any]:
        head = head_json(head_of(await self.files.head(tx, room)))
        running = FileHash(head)
        for number, line in enumerate(await self._bet_lines(tx, room)):
            running.add(line)
            await _give_way(number)
        return {**head, "file_hash": running.hex()}

    async def _bet_lines(self, tx: Tx, room: RoomId) -> list[dict[str, Any]]:
        """Order by reference, which says nothing about who bet or when."""
        lines: list[dict[str, Any]] = []
        async for row in self.files.bets(tx, room):
            lines.append(bet_json(self._bet_line(row)))
            await _give_way(len(lines))
        return sorted(lines, key=lambda line: str(line["ref"]))

    def _bet_line(self, row: Row) -> BetLine:
        return BetLine(
            ref=self.bet_ref(row["id"]),
            side=Side(row["side"]),
            stake=row["stake"],
            accepted_at=row["accepted_at"],
            counted=row["counted"],
            payout=row["payout"],
            unbound=row["unbound"],
        )

    def bet_ref(self, bet: BetId) -> str:
        """Give the opaque public reference of a bet (docs/spec/fairness.md, section 5)."""
        return ref(self.ref_key, "bet", bet).hex()

    async def preview(self, room: RoomId) -> Preview:
        """Say what settling would do now, without doing it."""
        async with self.database.snapshot() as tx:
            view = await self.queries.room(tx, room)
            decided = await self.settling.settlements.decision(tx, room)
            possible = (
                [decided]
                if decided is not None
                else [RoomDecision(outcome=side, reason=None, trigger="preview") for side in Side]
            )
            outcomes = {
                str(decision.outcome or decision.reason): await self._preview(tx, view, decision)
                for decision in possible
            }
        return Preview(room, view.status, decided is not None, outcomes)

    async def _preview(
        self, tx: Tx, view: RoomView, decision: RoomDecision
    ) -> dict[str, int | str]:
        totals = await self.settling.settlements.totals(tx, view.id, decision)
        if decision.outcome is None or totals.winning == 0:
            reason = decision.reason or "NO_WINNER"
            return {"void": reason, "refunded": totals.staked, "bets": totals.bets}
        taken = fees(totals.handle, totals.winning, parse_terms(view.terms).pool)
        return {
            "bets": totals.bets,
            "scratched": totals.scratched,
            "handle": totals.handle,
            "winning": totals.winning,
            "net": taken.net,
            "takeout": taken.takeout,
            "host_fee": taken.host_fee,
            "protocol_fee": taken.protocol_fee,
        }

    async def settle(self, room: RoomId, by: Administrator | None = None) -> RoomView:
        """Pay a decided room now instead of at the next look."""

        async def note(tx: Tx, paid: Room) -> None:
            if by is not None:
                await self.voiding.note(tx, "room.settle", paid, BY_ADMINISTRATOR, by.id)

        if not await self.settling.pay(room, note):
            view = await self.room(room)
            if view.status not in (RoomStatus.SETTLED, RoomStatus.VOIDED):
                raise Refusal("E-ROOM-UNDECIDED", room=room, status=view.status)
        return await self.room(room)

    async def request_void(self, room: RoomId, staff: Administrator, reason: str) -> VoidRequest:
        """Ask, as an administrator, for a room to be voided."""
        return await self.voiding.request(room, staff, reason)


async def _give_way(number: int) -> None:
    """Let others run now and then in a long loop that never waits."""
    if number % GIVE_WAY_EVERY == 0:
        await asyncio.sleep(0)
