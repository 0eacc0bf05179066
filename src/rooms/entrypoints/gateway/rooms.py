"""Rooms: open one, look, quote, and what came of it."""

from datetime import timedelta
from decimal import Decimal

from litestar import Response, get, post
from litestar.params import FromPath

from rooms.contexts.parimutuel.api import OpenRoom
from rooms.entrypoints.gateway import examples, messages
from rooms.entrypoints.gateway.answers import answer, made, quote_json, room_json
from rooms.entrypoints.gateway.calls import (
    Call,
    gateway_of,
    idempotency_key,
    part_of,
    player_id,
    player_of,
    read_body,
    read_cursor,
    read_lamports,
    read_query,
    room_id,
)
from rooms.entrypoints.gateway.described import describing
from rooms.kernel.ids import CommandKey, PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant, parse_rfc3339
from rooms.platform.settings.durations import parse_duration


@post(
    "/v1/rooms",
    opt=describing(
        summary="Open a room.",
        tag="rooms",
        body=messages.NewRoom,
        body_example=examples.NEW_ROOM,
        answer=messages.Room,
        example=examples.ROOM,
        codes=(
            *("E-ROOM-TITLE", "E-ROOM-TARGET", "E-ROOM-TIME", "E-ROOM-LIMIT", "E-ROOM-MARKET"),
            "E-ROOM-RATE",
            *("E-ROOM-PLAYERS", "E-ROOM-TERMS", "E-ASSET-UNKNOWN", "E-ASSET-UNPRICED"),
        ),
        player=True,
    ),
)
async def open_room(request: Call) -> Response[bytes]:
    """Open a room for the host who asks."""
    host, key = await player_of(request), idempotency_key(request)
    body, digest = await read_body(request, messages.NewRoom)
    scope = f"player:{host} POST /v1/rooms"
    opened = await gateway_of(request).rooms.open_room(
        _command(body, host, CommandKey(scope, key, digest))
    )
    where = f"/v1/rooms/{opened.value.id}"
    return made(room_json(opened.value), replayed=opened.replayed, at=where)


def _command(body: messages.NewRoom, host: PlayerId, key: CommandKey) -> OpenRoom:
    fraction = body.lock_fraction
    return OpenRoom(
        host=host,
        title=body.title,
        market=body.market,
        resolve=body.resolve,
        settles_in=_duration(body.settles_in),
        settles_at=_instant(body.settles_at),
        # By its shortest text: 0.1 means a tenth, not the binary fraction nearest to it.
        lock_fraction=None if fraction is None else Decimal(repr(fraction)),
        min_players=body.min_players,
        key=key,
    )


def _duration(text: str | None) -> timedelta | None:
    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise Refusal(
            "E-ROOM-TIME", why="settles_in is no duration such as 90s, 15m, 2h"
        ) from error


def _instant(text: str | None) -> Instant | None:
    try:
        return None if text is None else parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise Refusal("E-ROOM-TIME", why="settles_at is no RFC 3339 time with a zone") from error


@get(
    "/v1/rooms",
    opt=describing(
        summary="List rooms, newest first.",
        tag="rooms",
        query=messages.RoomsQuery,
        answer=messages.Part[messages.Room],
        example=examples.part(examples.ROOM),
        codes=("E-INPUT",),
    ),
)
async def list_rooms(request: Call) -> Response[bytes]:
    """List rooms, or those of a status, an asset, a host."""
    query = read_query(request, messages.RoomsQuery)
    before = read_cursor("rooms", query.cursor)
    found = await gateway_of(request).rooms.rooms(
        status=query.status,
        asset=query.asset,
        host=None if query.host is None else player_id(query.host),
        before=None if before is None else RoomId(before),
        limit=query.most + 1,
    )
    return answer(part_of("rooms", found, query.most, room_json))


@get(
    "/v1/rooms/{room:str}",
    opt=describing(
        summary="Show a room.",
        tag="rooms",
        answer=messages.Room,
        example=examples.ROOM,
        codes=("E-ROOM-UNKNOWN",),
    ),
)
async def show_room(request: Call, room: FromPath[str]) -> Response[bytes]:
    """Show a room with its whole life."""
    return answer(room_json(await gateway_of(request).rooms.room(room_id(room))))


@get(
    "/v1/rooms/{room:str}/quote",
    opt=describing(
        summary="Quote a stake in lamports: indicative, as if the room settled now.",
        tag="rooms",
        query=messages.QuoteQuery,
        answer=messages.Quote,
        example=examples.QUOTE,
        codes=("E-ROOM-UNKNOWN", "E-BET-LOCKED", "E-STAKE", "E-INPUT"),
    ),
)
async def quote(request: Call, room: FromPath[str]) -> Response[bytes]:
    """Quote a stake."""
    wanted = room_id(room)
    query = read_query(request, messages.QuoteQuery)
    stake = read_lamports(query.stake, "E-STAKE")
    return answer(quote_json(await gateway_of(request).rooms.quote(wanted, query.side, stake)))
