"""Facts of keno. Ids and rounds are numbers, amounts smallest units of the game's asset."""

from dataclasses import dataclass
from typing import NamedTuple

from rooms.kernel.event import Fact


class SoldTickets(NamedTuple):
    """A purchase: a ticket for each of ``rounds`` rounds, as a list of these in the fact's JSON."""

    first_ticket: int
    game: str
    first_round: int
    rounds: int
    player_id: int
    spots: int
    stake: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketsSold(Fact):
    """Tickets were accepted together."""

    purchases: list[SoldTickets]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsLocked(Fact):
    """Rounds take no tickets any more: per game, its first and last round that locked now."""

    rounds: list[tuple[str, int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsDrawn(Fact):
    """Rounds have their draw: game and number of each."""

    rounds: list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsVoided(Fact):
    """Rounds will have no draw, and every stake is back: game and number of each."""

    rounds: list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsSettled(Fact):
    """Everyone with a ticket in these rounds is paid: game and number of each."""

    rounds: list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GameChanged(Fact):
    """A game was made, has new terms to come, or moved to another status."""

    game: str
    status: str
