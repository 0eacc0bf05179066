"""The face of keno: games, rounds, tickets."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from rooms.contexts.identity.api import Administrator
from rooms.kernel.ids import CommandKey, PlayerId, TicketId
from rooms.kernel.money import Asset, Money
from rooms.kernel.time import Instant
from rooms.platform.commands import Answered
from rooms.proof.receipt import Receipt


class GameStatus(StrEnum):
    """Whether a game's clock runs.

    A DRAINING game sells nothing more and is PAUSED once its last ticket is drawn. The clock
    leaves a PAUSED game alone; what it had locked before is still drawn and paid.
    """

    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    PAUSED = "PAUSED"


class RoundStatus(StrEnum):
    """Where a round is in its life; it ends in exactly one of the last three."""

    OPEN = "OPEN"
    LOCKED = "LOCKED"
    DRAWN = "DRAWN"
    SETTLED = "SETTLED"
    VOID = "VOID"
    SKIPPED = "SKIPPED"


class TicketStatus(StrEnum):
    """What has become of a ticket."""

    ACCEPTED = "ACCEPTED"
    WON = "WON"
    LOST = "LOST"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class GameTerms:
    """What a game is played on. Amounts in the asset's smallest unit.

    ``paytable`` is ``{"10": ["0", ...], ...}`` or the hash of one that is known already;
    ``entropy`` is ``drand:<chain hash>`` or, in the sandbox, ``none``.
    """

    interval: timedelta = timedelta(seconds=5)
    lead: timedelta = timedelta(seconds=1)
    guard: timedelta = timedelta(seconds=2)
    numbers: int = 80
    drawn: int = 20
    entropy: str
    paytable: dict[str, list[str]] | str
    spots: tuple[int, ...] | None = None
    stake_min: int
    stake_max: int
    stake_step: int
    max_win: int
    round_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyTickets:
    """Buy a ticket for each of ``rounds`` consecutive rounds, all with the same numbers.

    Exactly one of ``picks`` and ``quick_pick`` (how many numbers the house picks by chance).
    ``first_round`` may be left to the house: then it is the first that is not locked.
    ``key`` is the caller's: a purchase is its own idempotency record.
    """

    game: str
    player: PlayerId
    picks: tuple[int, ...] | None
    quick_pick: int | None
    stake: Money
    rounds: int
    first_round: int | None
    key: str = field(repr=False)


class Purchase(NamedTuple):
    """What is answered to who buys; it says the same for ever. Tickets have following numbers.

    ``receipts`` has one of each ticket, in their order.
    """

    first_ticket: TicketId
    game: str
    first_round: int
    rounds: int
    picks: tuple[int, ...]
    stake: int
    asset: Asset
    accepted_at: Instant
    receipts: tuple[Receipt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    """A ticket as its owner sees it, and whoever knows its reference."""

    id: TicketId
    game: str
    number: int
    picks: tuple[int, ...]
    stake: int
    asset: Asset
    accepted_at: Instant
    status: TicketStatus
    reason: str | None
    catches: int | None
    prize: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GameView:
    """A game with the terms of its current round, and which round that is."""

    game: str
    operator: str
    asset: Asset
    status: GameStatus
    round: int
    terms: dict[str, Any]
    next_terms: dict[str, Any] | None
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundView:
    """A round as anyone may see it. The seed is there once the round is drawn or void."""

    game: str
    number: int
    status: RoundStatus
    reason: str | None
    opens_at: Instant
    locks_at: Instant
    commit: str | None
    chain: int
    link: int
    beacon_round: int | None
    entropy: str | None
    server_seed: str | None
    draw: tuple[int, ...] | None
    tickets: int
    handle: int
    paid: int | None
    refunded: int | None
    asset: Asset
    paytable_hash: str
    drawn_at: Instant | None
    settled_at: Instant | None


@dataclass(frozen=True, slots=True)
class BankrollView:
    """What an operator can pay prizes from, and the sum of the top prizes it has to stand for."""

    operator: str
    asset: Asset
    funds: int
    exposure: int


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws in the order of their rounds, each in drawn order, of ``drawn`` out of ``numbers``."""

    numbers: int
    drawn: int
    draws: list[tuple[int, ...]]


class Keno(Protocol):
    """Games, rounds, tickets. Refusals name their code; docs say what each means."""

    async def buy(self, command: BuyTickets) -> Answered[Purchase]:
        """Buy tickets, paid at once.

        Refuses E-GAME-UNKNOWN, E-GAME-PAUSED, E-ROUND-CLOSED, E-ROUNDS, E-PICKS, E-STAKE,
        E-EXPOSURE, E-BANKROLL, E-BAL-LOW, E-KEY-REUSED.
        """
        ...

    async def cancel(self, ticket: TicketId, player: PlayerId) -> TicketView:
        """Give a ticket back before its round opens; again, it says the same.

        Refuses E-TICKET-UNKNOWN, E-TICKET-LATE.
        """
        ...

    async def ticket(self, ticket: TicketId, owner: PlayerId | None) -> TicketView:
        """Show a ticket, to its owner alone unless that is left out. Refuses E-TICKET-UNKNOWN."""
        ...

    async def tickets(
        self,
        player: PlayerId,
        *,
        game: str | None,
        number: int | None,
        before: TicketId | None,
        limit: int,
    ) -> list[TicketView]:
        """List a player's own tickets, newest first."""
        ...

    async def tickets_of_rounds(
        self, game: str, numbers: Collection[int], players: Collection[PlayerId]
    ) -> list[tuple[PlayerId, TicketView]]:
        """Give the tickets that these players have in these rounds, each with its owner."""
        ...

    def ticket_ref(self, ticket: TicketId) -> str:
        """Give the opaque public reference of a ticket."""
        ...

    async def games(self) -> list[GameView]:
        """List the games."""
        ...

    async def game(self, game: str) -> GameView:
        """Show a game. Refuses E-GAME-UNKNOWN."""
        ...

    async def round(self, game: str, number: int) -> RoundView:
        """Show a round, up to the last whose commit is shown. Refuses E-ROUND-UNKNOWN."""
        ...

    async def rounds(self, game: str, before: int | None, limit: int) -> list[RoundView]:
        """List a game's rounds, newest first: from the current one, or before the one given."""
        ...

    async def round_proof(self, game: str, number: int) -> dict[str, Any]:
        """Give the file of ``rooms verify round`` (docs/spec/verification.md).

        Refuses E-GAME-UNKNOWN, E-ROUND-UNKNOWN, E-PROOF-WAITS.
        """
        ...

    async def ticket_proof(self, ticket: TicketId, owner: PlayerId | None) -> dict[str, Any]:
        """Give the file of ``rooms verify ticket``. Refuses E-TICKET-UNKNOWN, E-PROOF-WAITS."""
        ...

    def day_file(self, game: str, day: date) -> AsyncIterator[bytes]:
        """Stream the file of ``rooms verify day``, some lines at a time; days are UTC.

        Refuses E-GAME-UNKNOWN, E-DAY-UNKNOWN, E-PROOF-WAITS.
        """
        ...

    async def paytable(self, digest: str) -> dict[str, list[str]]:
        """Give the spots of a paytable by its hash. Refuses E-PAYTABLE-UNKNOWN."""
        ...

    async def create_game(
        self,
        game: str,
        asset: Asset,
        terms: GameTerms,
        *,
        starts_in: timedelta,
        by: Administrator | None,
        key: CommandKey | None = None,
    ) -> Answered[GameView]:
        """Make a game whose first round opens after ``starts_in``.

        Refuses E-GAME-NAME, E-GAME-TERMS, E-PAYTABLE, E-PAYTABLE-UNKNOWN, E-KEY-REUSED.
        """
        ...

    async def change_game(
        self,
        game: str,
        changes: dict[str, Any],
        *,
        by: Administrator | None,
        key: CommandKey | None = None,
    ) -> Answered[GameView]:
        """Give a game other terms from the first round whose commit is not shown yet.

        ``changes`` are fields of ``GameTerms``. Refuses E-GAME-UNKNOWN, E-GAME-TERMS,
        E-PAYTABLE, E-PAYTABLE-UNKNOWN, E-KEY-REUSED.
        """
        ...

    async def move_game(
        self,
        game: str,
        status: GameStatus,
        *,
        by: Administrator | None,
        key: CommandKey | None = None,
    ) -> Answered[GameView]:
        """Pause, drain or resume a game. Refuses E-GAME-UNKNOWN, E-GAME-STATUS, E-KEY-REUSED."""
        ...

    async def fund(
        self, money: Money, *, by: Administrator | None, key: CommandKey
    ) -> Answered[BankrollView]:
        """Put money into the house's bankroll, from outside. Refuses E-AMOUNT, E-KEY-REUSED."""
        ...

    async def draws(self, game: str, most: int) -> Draws:
        """Give the latest draws on as many numbers as a game's newest terms have, so many at most.

        Refuses E-GAME-UNKNOWN.
        """
        ...

    async def bankrolls(self) -> list[BankrollView]:
        """List the bankrolls."""
        ...
