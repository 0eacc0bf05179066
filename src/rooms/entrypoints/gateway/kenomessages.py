"""The JSON objects of keno, field by field as the contract writes them."""

from typing import Annotated

from msgspec import Meta, Struct

from rooms.contexts.keno.api import GameStatus, RoundStatus, TicketStatus
from rooms.entrypoints.gateway.messages import (
    Amount,
    AmountAsked,
    Asked,
    Id,
    PageQuery,
    Receipt,
    Time,
)

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Hex = Annotated[str, Meta(description="Bytes in lower-case hex.", pattern="^([0-9a-f]{2})*$")]
Whole = Annotated[str, Meta(description="Whole smallest units, as text.", pattern="^[0-9]+$")]
Duration = Annotated[str, Meta(description="A duration: 2s, 500ms, 1m.")]
Spots = Annotated[
    dict[str, list[str]],
    Meta(description="Per number of spots, the prize per unit staked by catches, as text."),
]


class NewTickets(Asked, frozen=True):
    """A ticket for each of ``rounds`` consecutive rounds, all with the same numbers.

    Exactly one of ``picks`` and ``quick_pick`` (how many numbers the house picks). The first
    round is the first that is not locked, unless ``round`` names it.
    """

    stake: AmountAsked
    picks: list[int] | None = None
    quick_pick: int | None = None
    rounds: int = 1
    round: int | None = None


class Ticket(Struct, frozen=True):
    """A ticket; ``prize`` and ``catches`` once its round is settled, with the stake included."""

    id: Id
    ref: str
    game: str
    round: Number
    picks: list[int]
    stake: Amount
    accepted_at: Time
    status: TicketStatus
    reason: str | None
    catches: int | None
    prize: Amount | None


class BoughtTicket(Ticket, frozen=True):
    """A ticket as it was accepted, with the receipt that the house signed for it."""

    receipt: Receipt | None


class Tickets(Struct, frozen=True):
    """What was bought, and what it cost together."""

    tickets: list[BoughtTicket]
    total: Amount


class TicketsQuery(PageQuery, frozen=True):
    """Which of one's own tickets."""

    game: str | None = None
    round: Number | None = None


class TicketQuery(Struct, frozen=True):
    """Who knows a ticket's reference may see it without a token."""

    ref: str | None = None


class RoundsQuery(PageQuery, frozen=True):
    """Rounds before this one; without it from the one that is open now."""

    before: Number | None = None


class GameTerms(Struct, frozen=True):
    """What rounds are played on from ``first_round``; what a draw depends on is in the log."""

    chain: int
    first_round: Number
    epoch: Time
    interval_ms: int
    lead_ms: int
    guard_ms: int
    numbers: int
    drawn: int
    entropy: str
    paytable_hash: Hex
    spots: list[int]
    stake_min: Amount
    stake_max: Amount
    stake_step: Amount
    max_win: Amount
    round_limit: Amount


class Game(Struct, frozen=True):
    """A game; ``round`` is the one that opened last, ``next_terms`` are announced."""

    game: str
    operator: str
    asset: str
    status: GameStatus
    round: Number
    terms: GameTerms
    next_terms: GameTerms | None
    at: Time


class Round(Struct, frozen=True):
    """A round. Seed, entropy and draw once it is drawn; the commit long before it opens."""

    game: str
    number: Number
    status: RoundStatus
    reason: str | None
    opens_at: Time
    locks_at: Time
    commit: Hex | None
    chain: int
    link: int
    beacon_round: int | None
    entropy: str | None
    server_seed: Hex | None
    draw: list[int] | None
    tickets: int
    handle: Amount
    paid: Amount | None
    refunded: Amount | None
    paytable_hash: Hex
    drawn_at: Time | None
    settled_at: Time | None


class Paytable(Struct, frozen=True):
    """Prizes per unit staked, stake included."""

    spots: Spots


class TermsAsked(Asked, frozen=True):
    """Terms of a game; what is left out keeps its default, or what it was.

    ``paytable`` is the hash of one that is known, ``spots`` those that may be picked.
    """

    interval: Duration | None = None
    lead: Duration | None = None
    guard: Duration | None = None
    numbers: int | None = None
    drawn: int | None = None
    entropy: str | None = None
    paytable: str | dict[str, list[str]] | None = None
    spots: list[int] | None = None
    stake_min: Whole | None = None
    stake_max: Whole | None = None
    stake_step: Whole | None = None
    max_win: Whole | None = None
    round_limit: Whole | None = None


class NewGame(TermsAsked, frozen=True, kw_only=True):
    """A game; its first round opens after ``starts_in``."""

    game: str
    asset: str = "SOL"
    starts_in: Duration = "2m"


class GameMove(Asked, frozen=True):
    """Another status for a game."""

    status: GameStatus


class Funding(Asked, frozen=True):
    """Money from outside for the house's bankroll."""

    amount: AmountAsked


class Bankroll(Struct, frozen=True):
    """What an operator has for prizes, and the sum of the top prizes of unsettled tickets."""

    operator: str
    funds: Amount
    exposure: Amount
