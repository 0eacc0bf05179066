"""What a request asks for, read strictly: whoever it is, their key, the body, the query."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import InternalServerException

from rooms.contexts.identity.api import Administrator, Bearer
from rooms.entrypoints.gateway.faces import Gateway
from rooms.entrypoints.gateway.messages import AmountAsked, Part
from rooms.kernel.ids import LARGEST_ID, BetId, PlayerId, RoomId, TicketId
from rooms.kernel.money import SOL, Asset, Money
from rooms.kernel.refusal import Refusal
from rooms.platform.database import NotBegunError, Unavailable

Call = Request[Any, Any, State]
Wanted = TypeVar("Wanted")
View = TypeVar("View", bound="Numbered")
Item = TypeVar("Item")

KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
WHOLE: Final = re.compile(r"(0|[1-9][0-9]{0,29})", re.ASCII)
MOST_FIELDS: Final = 50
LONGEST_WHY: Final = 200
LONGEST_NAME: Final = 40


class Numbered(Protocol):
    """What a list is ordered by."""

    @property
    def id(self) -> int:
        """Give its number."""
        ...


def gateway_of(request: Call) -> Gateway:
    """Give what this application stands on."""
    gateway: Gateway = request.app.state.gateway
    return gateway


def address_of(request: Call) -> str:
    """Give the address that the request came from; empty where the server does not know it."""
    return request.client.host if request.client else ""


async def player_of(request: Call) -> PlayerId:
    """Say who asks, by the bearer's token. Refuses E-AUTH."""
    return (await bearer_of(request)).player_id


async def bearer_of(request: Call) -> Bearer:
    """Say who asks, so that the command can make sure of it. Refuses E-AUTH."""
    token = bearer_token(request.headers.get("authorization", ""))
    if token is None:
        raise Refusal("E-AUTH")
    try:
        bearer = await gateway_of(request).identity.bearer_of(token)
    except Unavailable as away:
        raise NotBegunError(repr(away)) from away
    if bearer is None:
        raise Refusal("E-AUTH")
    return bearer


def bearer_token(authorization: str) -> str | None:
    """Give the token that this header carries; None where it carries none."""
    scheme, _, token = authorization.partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


def idempotency_key(request: Call) -> str:
    """Give the caller's key of a command. Refuses E-KEY-MISSING, E-KEY-FORM."""
    return required_key(request.headers.get("idempotency-key"))


def required_key(key: str | None) -> str:
    """Give the key that this header is. Refuses E-KEY-MISSING, E-KEY-FORM."""
    if key is None:
        raise Refusal("E-KEY-MISSING")
    if not KEY.fullmatch(key):
        raise Refusal("E-KEY-FORM")
    return key


async def read_body(request: Call, kind: type[Wanted]) -> tuple[Wanted, bytes]:
    """Give the body and the digest of what it says. Refuses E-INPUT.

    Spaces and the order of fields do not make another command: the digest is of the parsed body.
    The media type is not asked for: what is not JSON is refused as such.
    """
    try:
        raw = await request.body()
    except InternalServerException as error:  # the client has left: nobody hears the answer
        raise Refusal("E-INPUT", why="it ends before its length") from error
    body = parse_body(raw, kind)
    return body, hashlib.sha256(msgspec.json.encode(body, order="sorted")).digest()


def parse_body(raw: bytes, kind: type[Wanted]) -> Wanted:
    """Read a body strictly: none of its objects has a field twice. Refuses E-INPUT."""
    shape: Any = kind
    try:
        wanted = msgspec.json.decode(raw, type=kind)
        # As many colons as fields that must be there: then there is no room for another one.
        if raw.count(b":") > _fewest_fields(shape):
            json.loads(raw, object_pairs_hook=_without_twins, parse_int=str, parse_float=str)
        return wanted
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refusal("E-INPUT", why=str(error)[:LONGEST_WHY]) from error
    except RecursionError as error:
        raise Refusal("E-INPUT", why="it is nested too deep") from error


@cache
def _fewest_fields(kind: Any) -> int:
    """Count the fields that every body of a kind has, those of its parts among them."""
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return 0
    needed = (field for field in msgspec.structs.fields(kind) if field.required)
    return sum(1 + _fewest_fields(field.type) for field in needed)


def _without_twins(fields: Sequence[tuple[str, Any]]) -> None:
    names: set[str] = set()
    for name, _ in fields:
        if name in names:
            raise Refusal("E-INPUT", why=f"the field {name[:LONGEST_NAME]!r} stands there twice")
        names.add(name)


def read_query(request: Call, kind: type[Wanted]) -> Wanted:
    """Give the query's fields; of one given twice the last counts. Refuses E-INPUT."""
    text = request.scope["query_string"].decode("latin-1")
    try:
        given = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
        return msgspec.convert(given, kind, strict=False)
    except ValueError as error:  # msgspec.ValidationError is one
        raise Refusal("E-INPUT", why=str(error)[:LONGEST_WHY]) from error


def room_id(text: str) -> RoomId:
    """Read a room's number. Refuses E-ROOM-UNKNOWN: no room has any other kind of name."""
    number = _number(text)
    if number is None:
        raise Refusal("E-ROOM-UNKNOWN", room=text[:LONGEST_WHY])
    return RoomId(number)


def round_number(text: str) -> int:
    """Read a round's number. Refuses E-ROUND-UNKNOWN."""
    number = _number(text)
    if number is None:
        raise Refusal("E-ROUND-UNKNOWN", round=text[:LONGEST_WHY])
    return number


def ticket_id(text: str) -> TicketId:
    """Read a ticket's number. Refuses E-TICKET-UNKNOWN."""
    number = _number(text)
    if number is None:
        raise Refusal("E-TICKET-UNKNOWN", ticket=text[:LONGEST_WHY])
    return TicketId(number)


def bet_id(text: str) -> BetId:
    """Read a bet's number. Refuses E-BET-UNKNOWN."""
    number = _number(text)
    if number is None:
        raise Refusal("E-BET-UNKNOWN", bet=text[:LONGEST_WHY])
    return BetId(number)


def player_id(text: str) -> PlayerId:
    """Read a player's number. Refuses E-INPUT."""
    number = _number(text)
    if number is None:
        raise Refusal("E-INPUT", why="a player's id is a number below 2^63")
    return PlayerId(number)


def _number(text: str) -> int | None:
    number = int(text) if WHOLE.fullmatch(text) else LARGEST_ID + 1
    return number if number <= LARGEST_ID else None


def lamports_of(asked: AmountAsked, code: str) -> int:
    """Read an amount of SOL; refuses the code given where it is not one."""
    if asked.asset != SOL:
        raise Refusal(code, why=f"the asset is {SOL}")
    return read_lamports(asked.amount, code)


def money_of(asked: AmountAsked, code: str) -> Money:
    """Read an amount of any asset; refuses the code given where it is not one."""
    return Money(read_lamports(asked.amount, code), Asset(asked.asset))


async def staff_of(request: Call) -> Administrator:
    """Say which administrator asks, by the bearer's token. Refuses E-STAFF."""
    token = bearer_token(request.headers.get("authorization", ""))
    if token is None:
        raise Refusal("E-STAFF", why="no token was sent")
    try:
        return await gateway_of(request).identity.administrator_of(token)
    except Unavailable as away:
        raise NotBegunError(repr(away)) from away


def read_lamports(text: str, code: str) -> int:
    """Read lamports; refuses the code given where the text is not a whole number from 0."""
    if not WHOLE.fullmatch(text):
        raise Refusal(code, why="the amount is a text of digits, without sign, point or spaces")
    return int(text)


def cursor(of: str, number: int) -> str:
    """Make the cursor that continues the list ``of`` after the item with this number."""
    return base64.urlsafe_b64encode(f"{of}:{number}".encode()).decode().rstrip("=")


def read_cursor(of: str, text: str | None) -> int | None:
    """Read a cursor of this list. Refuses E-INPUT for any other text."""
    if text is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise Refusal("E-INPUT", why="the cursor is not one that a list gave") from error
    name, _, digits = raw.partition(":")
    number = _number(digits)
    if name != of or number is None:
        raise Refusal("E-INPUT", why="the cursor is not one that this list gave")
    return number


def part_of(
    of: str, found: Sequence[View], limit: int, write: Callable[[View], Item]
) -> Part[Item]:
    """Write part of a list; ``found`` has one more than ``limit`` where the list goes on."""
    more = len(found) > limit
    shown = found[:limit]
    return Part([write(each) for each in shown], cursor(of, shown[-1].id) if more else None)
