"""The names of topics, as clients write them and as they are kept."""

import re
from typing import Final, NamedTuple

from rooms.kernel.ids import LARGEST_ID, PlayerId, RoomId
from rooms.kernel.refusal import Refusal

HOUSE: Final = "rooms"
ME: Final = "me"
KENO: Final = "keno:"
ROOM: Final = "room:"
OWN: Final = "me:"
GAME: Final = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
LONGEST: Final = 80


class Topic(NamedTuple):
    """A topic: what clients call it, and under which name its numbers are kept."""

    shown: str
    kept: str
    game: str | None = None
    room: RoomId | None = None
    player: PlayerId | None = None


def keno_topic(game: str) -> str:
    """Name the topic of a game."""
    return f"{KENO}{game}"


def room_topic(room: int) -> str:
    """Name the topic of a room."""
    return f"{ROOM}{room}"


def own_topic(player: int) -> str:
    """Name the topic of a player, which its owner calls ``me``."""
    return f"{OWN}{player}"


def read_topic(text: str, player: PlayerId | None) -> Topic:
    """Read what a client calls a topic. Refuses E-TOPIC, and E-AUTH for ``me`` of nobody."""
    kind, _, name = text.partition(":")
    if text == HOUSE:
        return Topic(text, text)
    if text == ME:
        if player is None:
            raise Refusal("E-AUTH")
        return Topic(text, own_topic(player), player=player)
    if text.startswith(KENO) and GAME.fullmatch(name):
        return Topic(text, text, game=name)
    if kind == "room" and NUMBER.fullmatch(name) and int(name) <= LARGEST_ID:
        return Topic(text, text, room=RoomId(int(name)))
    raise Refusal("E-TOPIC", topic=text[:LONGEST])
