"""What anybody checks rounds, tickets and days by: the files of ``rooms verify``."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import date
from typing import Any, Final

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream

from rooms.entrypoints.gateway import kenomessages
from rooms.entrypoints.gateway.answers import answer
from rooms.entrypoints.gateway.calls import Call, gateway_of, round_number
from rooms.entrypoints.gateway.described import describing
from rooms.entrypoints.gateway.keno import whose
from rooms.entrypoints.gateway.settlements import NDJSON
from rooms.kernel.refusal import Refusal

DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@get(
    "/v1/keno/games/{game:str}/rounds/{number:str}/proof",
    opt=describing(
        summary="All that `rooms verify round` needs.",
        tag="keno",
        answer=dict[str, Any],
        example=None,
        codes=("E-GAME-UNKNOWN", "E-ROUND-UNKNOWN", "E-PROOF-WAITS"),
    ),
)
async def round_proof(request: Call, game: FromPath[str], number: FromPath[str]) -> Response[bytes]:
    """Give a round's proof."""
    return answer(await gateway_of(request).keno.round_proof(game, round_number(number)))


@get(
    "/v1/keno/tickets/{ticket:str}/proof",
    opt=describing(
        summary="All that `rooms verify ticket` needs, for who may see the ticket.",
        tag="keno",
        query=kenomessages.TicketQuery,
        answer=dict[str, Any],
        example=None,
        codes=("E-TICKET-UNKNOWN", "E-PROOF-WAITS"),
        player=True,
    ),
)
async def ticket_proof(request: Call, ticket: FromPath[str]) -> Response[bytes]:
    """Give a ticket's proof, with its round's."""
    number, owner = await whose(request, ticket)
    return answer(await gateway_of(request).keno.ticket_proof(number, owner))


@get(
    "/v1/keno/games/{game:str}/days/{day:str}",
    opt=describing(
        summary="The file of `rooms verify day`: a line for each round that opened on it (UTC).",
        tag="keno",
        answer=str,
        example=None,
        codes=("E-GAME-UNKNOWN", "E-DAY-UNKNOWN", "E-PROOF-WAITS"),
        media_type=NDJSON,
    ),
)
async def day(request: Call, game: FromPath[str], day: FromPath[str]) -> Stream:
    """Stream a day; its head comes before the answer begins, so that refusals are problems."""
    lines = gateway_of(request).keno.day_file(game, _date(game, day))
    head = await anext(lines)
    return Stream(
        _whole(head, lines),
        media_type=NDJSON,
        headers={"Content-Disposition": f'attachment; filename="{game}-{day}.ndjson"'},
    )


async def _whole(head: bytes, lines: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield head
    async for line in lines:
        yield line


def _date(game: str, text: str) -> date:
    try:
        found = date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise Refusal("E-DAY-UNKNOWN", game=game, day=text[:40])
    return found
