"""Facts of keno. Ids and rounds are numbers, amounts smallest units of the game's asset."""

from dataclasses import dataclass

from rooms.kernel.event import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketsSold(Fact):
    """Purchases were accepted together; the lists have one element per purchase.

    A purchase is a ticket for each of ``rounds`` rounds from ``first_rounds`` on; ``tickets`` is
    the number of its first one, those of the others follow.
    """

    tickets: list[int]
    games: list[str]
    first_rounds: list[int]
    rounds: list[int]
    players: list[int]
    spots: list[int]
    stakes: list[int]


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
