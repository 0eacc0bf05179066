"""Facts of parimutuel. Ids are numbers, amounts lamports."""

from dataclasses import dataclass

from rooms.kernel.event import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOpened(Fact):
    """A room was created."""

    room_id: int
    host_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BetsPlaced(Fact):
    """Bets were accepted together: the n-th of each list is about the n-th bet."""

    bets: list[int]
    rooms: list[int]
    players: list[int]
    sides: list[str]
    stakes: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMoved(Fact):
    """A room reached another status on its way: OPEN, LOCKED or SETTLING."""

    room_id: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSettled(Fact):
    """A room has its outcome and everyone is paid."""

    room_id: int
    outcome: str
    handle: int
    takeout: int
    bets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomVoided(Fact):
    """A room was cancelled and every stake is back."""

    room_id: int
    reason: str
    bets: int
