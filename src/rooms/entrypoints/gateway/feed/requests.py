"""What a client may say on the feed, read strictly."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from rooms.kernel.refusal import Refusal

MOST_TOPICS: Final = 64
TopicName = Annotated[str, Meta(min_length=1, max_length=128)]
Token = Annotated[str, Meta(min_length=1, max_length=512)]


class Said(
    Struct, frozen=True, tag_field="op", tag=str.lower, forbid_unknown_fields=True, kw_only=True
):
    """What clients say, told apart by ``op``."""


class Subscribe(Said, frozen=True):
    """Be told of topics: first a snapshot of each, then what is new.

    ``token`` is a player's access token; it is needed for ``me`` and holds for the connection.
    """

    topics: Annotated[list[TopicName], Meta(min_length=1, max_length=MOST_TOPICS)]
    token: Token | None = None


class Resume(Said, frozen=True):
    """Be told of a topic again, from the frame after ``seq`` on."""

    topic: TopicName
    seq: Annotated[int, Meta(ge=0, le=2**53)]
    token: Token | None = None


class Unsubscribe(Said, frozen=True):
    """Be told of topics no more."""

    topics: Annotated[list[TopicName], Meta(min_length=1, max_length=MOST_TOPICS)]


Request = Subscribe | Resume | Unsubscribe
_DECODER: Final = msgspec.json.Decoder(Request)


def read_request(text: bytes) -> Request:
    """Read what a client says. Refuses E-LIVE."""
    try:
        asked: Request = _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise Refusal("E-LIVE", why=str(problem)[:200]) from problem
    return asked
