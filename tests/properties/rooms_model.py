"""What the rules say becomes of players, rooms and money, in plain Python and without a database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from rooms.contexts.parimutuel.api import RoomStatus
from rooms.kernel.ids import BetId, RoomId
from rooms.kernel.time import Instant
from rooms.proof.pool import Side, Stake, settle
from tests.houses import LIMITS, TERMS, Person

ENDED: Final = frozenset({RoomStatus.SETTLED, RoomStatus.VOIDED})
TAKING_BETS: Final = frozenset({RoomStatus.QUEUING, RoomStatus.OPEN})


@dataclass(slots=True)
class ModelPlayer:
    """Somebody with money and a line of at most three people who brought them."""

    person: Person
    balance: int
    uplines: Sequence["ModelPlayer"]


@dataclass(slots=True)
class ModelBet:
    """A bet that was accepted."""

    player: ModelPlayer
    side: Side
    stake: int
    key: str
    id: BetId
    accepted_at: Instant


@dataclass(slots=True)
class ModelRoom:
    """A room in its life; times move into the past when a test lets time pass."""

    id: RoomId
    host: ModelPlayer
    resolve: str
    min_players: int
    created_at: Instant
    locks_at: Instant
    settles_at: Instant
    status: RoomStatus = RoomStatus.QUEUING
    outcome: Side | None = None
    cutoff: Instant | None = None
    reason: str | None = None
    bets: list[ModelBet] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    void_at: Instant | None = None

    @property
    def decided(self) -> bool:
        """Whether the oracle has spoken, or need not any more."""
        return self.outcome is not None or self.status in ENDED

    def let_pass(self, passed: timedelta) -> None:
        """Move everything into the past."""
        self.created_at -= passed
        self.locks_at -= passed
        self.settles_at -= passed
        if self.void_at is not None:
            self.void_at -= passed
        for bet in self.bets:
            bet.accepted_at -= passed

    def bet_refusal(
        self, player: ModelPlayer, stake: int, *, now: Instant, met: bool
    ) -> str | None:
        """Say with which code a bet is refused, if it is."""
        if not LIMITS.stake_min <= stake <= LIMITS.stake_max:
            return "E-STAKE"
        if any(bet.player is player for bet in self.bets):
            return "E-BET-DUP"
        if self.status not in TAKING_BETS or now >= self.locks_at:
            return "E-BET-LOCKED"
        if met and self.resolve == "touch":
            return "E-TARGET-MET"
        return "E-BAL-LOW" if stake > player.balance else None

    def void_refusal(self, name: str, *, now: Instant) -> str | None:
        """Say with which code an administrator's asking for a void is refused, if it is."""
        if self.status in {*ENDED, RoomStatus.SETTLING} or now >= self.settles_at:
            return "E-VOID-LATE"
        return "E-VOID-TWICE" if name in self.asked else None


@dataclass(slots=True)
class Model:
    """The whole house. Lamports everywhere."""

    rooms: list[ModelRoom] = field(default_factory=list)
    players: list[ModelPlayer] = field(default_factory=list)
    revenue: int = 0
    breakage: int = 0

    @property
    def in_pools(self) -> int:
        """Stakes of rooms that have not ended."""
        live = [room for room in self.rooms if room.status not in ENDED]
        return sum(bet.stake for room in live for bet in room.bets)

    def accept(self, room: ModelRoom, bet: ModelBet) -> None:
        """Take a stake; enough players open the room."""
        bet.player.balance -= bet.stake
        room.bets.append(bet)
        if room.status is RoomStatus.QUEUING and len(room.bets) >= room.min_players:
            room.status = RoomStatus.OPEN

    def decide(
        self,
        room: ModelRoom,
        outcome: Side,
        cutoff: Instant | None,
        *,
        why: str,
        hit: Instant | None = None,
    ) -> None:
        """Take the oracle's word; a room that waited for players at the hit is void for ``why``."""
        if room.decided:
            return
        in_time = [bet for bet in room.bets if hit is None or bet.accepted_at < hit]
        if room.status is RoomStatus.QUEUING or len(in_time) < room.min_players:
            self.void(room, why)
            return
        room.outcome, room.cutoff, room.status = outcome, cutoff, RoomStatus.SETTLING

    def tick(self, now: Instant) -> None:
        """Do what is due, in the order in which the house does it."""
        for room in self.rooms:
            if room.void_at is not None and room.void_at <= now and not room.decided:
                self.void(room, "ADMIN")
            if room.locks_at <= now and room.status is RoomStatus.QUEUING:
                self.void(room, "MIN_PLAYERS")
            if room.locks_at <= now and room.status is RoomStatus.OPEN:
                room.status = RoomStatus.LOCKED
            if room.settles_at <= now and room.status is RoomStatus.LOCKED:
                room.status = RoomStatus.SETTLING
            waits = room.status is RoomStatus.SETTLING and not room.decided
            if waits and room.settles_at + TERMS.settle_grace <= now:
                self.void(room, "NO_CONSENSUS")
            self.pay(room)

    def void(self, room: ModelRoom, reason: str) -> None:
        """Give every stake back."""
        room.status, room.reason = RoomStatus.VOIDED, reason
        for bet in room.bets:
            bet.player.balance += bet.stake

    def pay(self, room: ModelRoom) -> None:
        """Divide a decided room's money as the published arithmetic says."""
        if room.status is not RoomStatus.SETTLING or room.outcome is None:
            return
        cutoff = room.cutoff
        counted = [bet for bet in room.bets if cutoff is None or bet.accepted_at < cutoff]
        stakes = [Stake(str(bet.id), bet.side, bet.stake) for bet in counted]
        found = settle(stakes, room.outcome, TERMS.pool)
        if found.void:
            self.void(room, "NO_WINNER")
            return
        room.status = RoomStatus.SETTLED
        for bet in room.bets:
            bet.player.balance += found.payouts.get(str(bet.id), bet.stake)
        room.host.balance += found.host_fee
        self.breakage += found.breakage
        self.revenue += found.protocol_fee
        for bet in counted:
            for upline, reward in zip(bet.player.uplines, found.rewards[str(bet.id)], strict=False):
                upline.balance += reward
                self.revenue -= reward
