"""What the house says on the feed: the types of frames, and the data of each."""

from typing import Final, NamedTuple

from msgspec import Struct

from rooms.entrypoints.gateway.kenomessages import Game, Round, Ticket
from rooms.entrypoints.gateway.messages import Id, Price, Problem, Room, Wallet


class GameNow(Struct, frozen=True):
    """A game and its latest rounds, newest first; the first is the one that opened last."""

    game: Game
    rounds: list[Round]


class RoomsNow(Struct, frozen=True):
    """Rooms in play, and those that ended last; newest first."""

    rooms: list[Room]


class RoomNow(Struct, frozen=True):
    """A room."""

    room: Room


class MeNow(Struct, frozen=True):
    """What is one's own."""

    player_id: Id
    wallet: Wallet


class RoomPrices(Struct, frozen=True):
    """What a room's question is compared with now: a price for each asset that it names."""

    room_id: Id
    prices: list[Price]


class Resumed(Struct, frozen=True):
    """``missed`` frames follow, from the one after ``seq`` on."""

    seq: int
    missed: int


class Gap(Struct, frozen=True):
    """What came after ``seq`` (null: after the last frame) is not kept any more."""

    seq: int | None


class Beat(Struct, frozen=True):
    """Seconds between two heartbeats."""

    every: int


class Nothing(Struct, frozen=True):
    """There is nothing to add."""


class Spoken(NamedTuple):
    """A type of frame: on which topics it comes, whether it has a number, what its data are."""

    kind: str
    topics: str | None
    numbered: bool
    data: tuple[type[Struct], ...]
    summary: str


KENO: Final = "keno:<game>"
ROOMS: Final = "rooms, room:<id>"

SPOKEN: Final = (
    Spoken(
        "snapshot",
        "any",
        True,
        (GameNow, RoomsNow, RoomNow, MeNow),
        "What the topic looks like at number seq; apply what follows to it. It is the answer to "
        "subscribe, and follows a gap. Data are those of the topic: keno:<game> GameNow, rooms "
        "RoomsNow, room:<id> RoomNow, me MeNow.",
    ),
    Spoken("round.opened", KENO, True, (Round,), "A round opened: tickets for it are taken."),
    Spoken("round.locked", KENO, True, (Round,), "A round takes no tickets any more."),
    Spoken("round.drawn", KENO, True, (Round,), "A round has its draw and its seed is shown."),
    Spoken("round.settled", KENO, True, (Round,), "Everyone with a ticket of the round is paid."),
    Spoken("round.voided", KENO, True, (Round,), "No beacon came: every stake is back."),
    Spoken("round.skipped", KENO, True, (Round,), "Nobody had a ticket while the clock was away."),
    Spoken("game.changed", KENO, True, (Game,), "The game has other terms or another status."),
    Spoken("room.changed", ROOMS, True, (Room,), "A room was opened, bet on, or moved on."),
    Spoken("room.settled", ROOMS, True, (Room,), "A room ended, SETTLED or VOIDED: all are paid."),
    Spoken("price", "room:<id>", True, (RoomPrices,), "Another price of the room's question."),
    Spoken("ticket.settled", "me", True, (Ticket,), "A ticket is paid, or its stake is back."),
    Spoken("wallet.changed", "me", True, (Wallet,), "All balances, as they are now."),
    Spoken("resumed", "any", False, (Resumed,), "The answer to resume: nothing is lost."),
    Spoken("gap", "any", False, (Gap,), "Frames are lost to this client; a snapshot follows."),
    Spoken("unsubscribed", "any", False, (Nothing,), "The topic is not told any more."),
    Spoken("refused", "any", False, (Problem,), "What was said is refused, in words."),
    Spoken("heartbeat", None, False, (Beat,), "The connection stands; at is the house's clock."),
    Spoken("stale", None, False, (Nothing,), "The house cannot see what is new, or tells late."),
    Spoken("fresh", None, False, (Nothing,), "The house sees again; what was new has been sent."),
)
