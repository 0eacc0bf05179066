"""The face of parimutuel: open a room, bet, look, void. One aggregate: the room."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from rooms.contexts.identity.api import Administrator, Standing
from rooms.kernel.ids import BetId, CommandKey, PlayerId, RoomId
from rooms.kernel.time import Instant
from rooms.platform.commands import Answered
from rooms.platform.lanes import Tell
from rooms.proof.pool import Side
from rooms.proof.receipt import Receipt


class RoomStatus(StrEnum):
    """Where a room is in its life."""

    QUEUING = "QUEUING"
    OPEN = "OPEN"
    LOCKED = "LOCKED"
    SETTLING = "SETTLING"
    SETTLED = "SETTLED"
    VOIDED = "VOIDED"


class VoidReason(StrEnum):
    """Why every stake went back."""

    NO_WINNER = "NO_WINNER"
    MIN_PLAYERS = "MIN_PLAYERS"
    TARGET_MET_QUEUING = "TARGET_MET_QUEUING"
    NO_CONSENSUS = "NO_CONSENSUS"
    ADMIN = "ADMIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRoom:
    """Ask for a room. ``market`` is the JSON object of the contract; one of the two times."""

    host: PlayerId
    title: str
    market: object
    resolve: str
    settles_in: timedelta | None
    settles_at: Instant | None
    lock_fraction: Decimal | None
    min_players: int | None
    key: CommandKey


class PlaceBet(NamedTuple):
    """Stake lamports on a side. ``key`` is the caller's: a bet is its own idempotency record.

    ``standing`` is of the token that the player showed, which must not be revoked by then.
    """

    room: RoomId
    player: PlayerId
    side: Side
    stake: int
    key: str
    standing: Standing | None = None

    def __repr__(self) -> str:
        # Whoever has a bet's key can ask for its receipt; it is in no log.
        return f"PlaceBet(room={self.room}, player={self.player}, {self.side} {self.stake})"


class BetReceipt(NamedTuple):
    """What an accepted bet is answered; it says the same for ever.

    ``receipt`` is the house's signature; bets of before the log have none.
    """

    id: BetId
    room_id: RoomId
    side: Side
    stake: int
    placed_at: Instant
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A status a room reached, when, and why."""

    to: RoomStatus
    at: Instant
    cause: str


@dataclass(frozen=True, slots=True)
class PriceView:
    """What the room's question is compared with now: a price, or a market cap, in USD."""

    asset: str
    value: Decimal
    at: Instant


@dataclass(frozen=True, slots=True)
class PendingVoid:
    """Two administrators asked for a void; it takes effect unless the outcome comes first."""

    reason: str
    effective_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomView:
    """A room as anyone may see it. Pools in lamports; dividends are indicative until lock.

    ``text_salt``, in hex, and the title give the hash that the public log has.
    """

    id: RoomId
    title: str
    status: RoomStatus
    reason: str | None
    market: Mapping[str, Any]
    resolve: str
    host_id: PlayerId
    min_players: int
    players: int
    pools: Mapping[Side, int]
    dividend: Mapping[Side, str | None]
    prices: list[PriceView]
    outcome: Side | None
    created_at: Instant
    locks_at: Instant
    settles_at: Instant
    settled_at: Instant | None
    terms: Mapping[str, Any]
    transitions: list[Transition] = field(default_factory=list)
    pending_void: PendingVoid | None = None
    text_salt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBet:
    """A bet as its owner sees it; ``payout`` and ``net`` (lamports) once its room has ended."""

    id: BetId
    room_id: RoomId
    room_title: str
    side: Side
    stake: int
    placed_at: Instant
    by_host: bool
    status: str
    payout: int | None
    net: int | None


@dataclass(frozen=True, slots=True)
class QuoteView:
    """What a stake would be paid if its room settled now, itself included. Indicative."""

    side: Side
    stake: int
    dividend: str
    payout: int


@dataclass(frozen=True, slots=True)
class PoolPoint:
    """What both pools held at an instant, in lamports."""

    at: Instant
    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What settling a room would do now, for each outcome that it may still have."""

    room_id: RoomId
    status: RoomStatus
    decided: bool
    outcomes: Mapping[str, Mapping[str, int | str]]


@dataclass(frozen=True, slots=True)
class VoidRequest:
    """How far an administrators' void has come; ``effective_at`` once two have asked."""

    room_id: RoomId
    asked_by: int
    effective_at: Instant | None


class Rooms(Protocol):
    """Rooms, bets, settlements. Refusals name their code; docs say what each means."""

    async def open_room(self, command: OpenRoom) -> Answered[RoomView]:
        """Open a room.

        Refuses E-ROOM-TITLE, E-ROOM-TARGET, E-ROOM-TIME, E-ROOM-LIMIT, E-ROOM-RATE,
        E-ROOM-MARKET, E-ROOM-PLAYERS, E-ROOM-TERMS, E-ASSET-UNKNOWN, E-ASSET-UNPRICED,
        E-KEY-REUSED.
        """
        ...

    async def place_bet(self, command: PlaceBet) -> Answered[BetReceipt]:
        """Take a stake into a room's pool.

        Refuses E-ROOM-UNKNOWN, E-BET-LOCKED, E-BET-DUP, E-STAKE, E-BAL-LOW, E-PRICE-STALE,
        E-TARGET-MET, E-DEPTH, E-KEY-REUSED, E-AUTH.
        """
        ...

    def begin_bet(self, command: PlaceBet, tell: Tell[Answered[BetReceipt]]) -> None:
        """Take a stake as ``place_bet`` does, without a task of its own: ``tell`` is called once.

        With the answer, with the refusal or what else was met, or with CancelledError where the
        house ends first.
        """
        ...

    async def room(self, room: RoomId) -> RoomView:
        """Show a room. Refuses E-ROOM-UNKNOWN."""
        ...

    async def views(self, rooms: Collection[RoomId]) -> list[RoomView]:
        """Show these rooms, newest first; who is unknown is left out."""
        ...

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
        ...

    async def quote(self, room: RoomId, side: Side, stake: int) -> QuoteView:
        """Quote a stake. Refuses E-ROOM-UNKNOWN, E-BET-LOCKED, E-STAKE."""
        ...

    async def pool_courses(
        self, rooms: Collection[RoomId], points: int
    ) -> dict[RoomId, list[PoolPoint]]:
        """Tell how the rooms' pools grew, in at most ``points`` steps from creation to lock."""
        ...

    async def bets(self, player: PlayerId, before: BetId | None, limit: int) -> list[OwnBet]:
        """List a player's own bets, newest first."""
        ...

    async def settlement(self, room: RoomId) -> dict[str, Any]:
        """Give the head of the room's file. Refuses E-ROOM-UNKNOWN, E-ROOM-UNSETTLED."""
        ...

    def settlement_file(self, room: RoomId) -> AsyncIterator[bytes]:
        """Stream the file of ``rooms verify room``, a line at a time. Refuses as above."""
        ...

    async def settlement_record(self, room: RoomId) -> dict[str, Any]:
        """Prove the log's ``room.settled`` of a room: the --record of ``rooms verify room``.

        Refuses E-ROOM-UNKNOWN, E-ROOM-UNSETTLED, and E-PROOF-WAITS while it is not in the log.
        """
        ...

    async def bet_proof(self, bet: BetId, owner: PlayerId | None) -> dict[str, Any]:
        """Give the file of ``rooms verify bet``, to its owner alone unless that is left out.

        Refuses E-BET-UNKNOWN.
        """
        ...

    def bet_ref(self, bet: BetId) -> str:
        """Give the opaque public reference of a bet."""
        ...

    async def preview(self, room: RoomId) -> Preview:
        """Say what settling would do now, without doing it. Refuses E-ROOM-UNKNOWN."""
        ...

    async def settle(self, room: RoomId, by: Administrator | None = None) -> RoomView:
        """Pay a decided room now instead of at the next look, as the administrator who asks.

        Refuses E-ROOM-UNDECIDED.
        """
        ...

    async def request_void(self, room: RoomId, staff: Administrator, reason: str) -> VoidRequest:
        """Ask, as an administrator without a bet in it, for a room to be voided.

        Takes effect after the public delay once a second administrator asks too.
        Refuses E-ROOM-UNKNOWN, E-VOID-LATE, E-VOID-BET, E-VOID-REASON, E-VOID-TWICE.
        """
        ...
