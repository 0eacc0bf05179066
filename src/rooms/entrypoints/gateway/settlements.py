"""What a room came to, as anyone may check it."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream

from rooms.entrypoints.gateway import examples
from rooms.entrypoints.gateway.answers import answer
from rooms.entrypoints.gateway.calls import Call, gateway_of, room_id
from rooms.entrypoints.gateway.described import describing

NDJSON = "application/x-ndjson"


@get(
    "/v1/rooms/{room:str}/settlement",
    opt=describing(
        summary="A settled room's outcome, evidence and sums; amounts are lamports as text.",
        tag="rooms",
        answer=dict[str, Any],
        example=examples.SETTLEMENT,
        codes=("E-ROOM-UNKNOWN", "E-ROOM-UNSETTLED"),
    ),
)
async def settlement(request: Call, room: FromPath[str]) -> Response[bytes]:
    """Give the head of the room's file, as it is hashed."""
    return answer(await gateway_of(request).rooms.settlement(room_id(room)))


@get(
    "/v1/rooms/{room:str}/settlement/record",
    opt=describing(
        summary="The public log's record of a settled room: the --record of `rooms verify room`.",
        tag="rooms",
        answer=dict[str, Any],
        example=None,
        codes=("E-ROOM-UNKNOWN", "E-ROOM-UNSETTLED", "E-PROOF-WAITS"),
    ),
)
async def settlement_record(request: Call, room: FromPath[str]) -> Response[bytes]:
    """Prove what the log says of the room."""
    return answer(await gateway_of(request).rooms.settlement_record(room_id(room)))


@get(
    "/v1/rooms/{room:str}/settlement/file",
    opt=describing(
        summary="The file of `rooms verify room`: the head, then a line per bet.",
        tag="rooms",
        answer=str,
        example=None,
        codes=("E-ROOM-UNKNOWN", "E-ROOM-UNSETTLED"),
        media_type=NDJSON,
    ),
)
async def settlement_file(request: Call, room: FromPath[str]) -> Stream:
    """Stream the file; its head comes before the answer begins, so that refusals are problems."""
    wanted = room_id(room)
    lines = gateway_of(request).rooms.settlement_file(wanted)
    head = await anext(lines)
    return Stream(
        _whole(head, lines),
        media_type=NDJSON,
        headers={"Content-Disposition": f'attachment; filename="room-{wanted}.ndjson"'},
    )


async def _whole(head: bytes, lines: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield head
    async for line in lines:
        yield line
