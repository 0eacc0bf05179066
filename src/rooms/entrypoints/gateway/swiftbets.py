"""The one hot request, ``POST /v1/rooms/{id}/bets``, read and answered without the framework.

It asks and answers what ``bets.place_bet`` does, which describes it to the public; a test sends
both the same requests.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from rooms.entrypoints.gateway import messages
from rooms.entrypoints.gateway.answers import bet_json
from rooms.entrypoints.gateway.bets import asked
from rooms.entrypoints.gateway.calls import bearer, parse_body, required_key, room_id
from rooms.entrypoints.gateway.described import JSON
from rooms.entrypoints.gateway.faces import Gateway
from rooms.entrypoints.gateway.problems import failed, refused, send_problem
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered

PATH: Final = re.compile(r"/v1/rooms/([^/]+)/bets")
TEMPLATE: Final = "/v1/rooms/{room}/bets"
MEDIA_TYPE: Final = (b"content-type", JSON.encode())
REPLAY: Final = (b"idempotent-replay", b"true")


@dataclass(frozen=True, slots=True)
class SwiftBets:
    """Answers bets; every other request goes on to ``framework``."""

    gateway: Gateway
    framework: ASGIApp
    largest_body: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = None
        if scope["type"] == ScopeType.HTTP and scope["method"] == "POST":
            found = PATH.fullmatch(scope["path"])
        if found is None or scope["type"] != ScopeType.HTTP:
            await self.framework(scope, receive, send)
            return
        scope["path_template"] = TEMPLATE
        try:
            placed = await self._place(scope, receive, found[1])
        except Refusal as refusal:
            await send_problem(refused(refusal), send)
        except Exception as error:  # noqa: BLE001 - it is logged and answered
            await send_problem(failed("POST", scope["path"], error), send)
        else:
            await _answer(placed, send)

    async def _place(self, scope: HTTPScope, receive: Receive, room: str) -> Answered[messages.Bet]:
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        key = headers.get(b"idempotency-key")
        player = await bearer(self.gateway, authorization)
        key_given = required_key(None if key is None else key.decode("latin-1"))
        wanted = room_id(room)
        body = parse_body(await self._body(receive), messages.NewBet)
        rooms = self.gateway.rooms
        placed = await rooms.place_bet(asked(player, key_given, wanted, body))
        return Answered(bet_json(placed.value, rooms), placed.replayed)

    async def _body(self, receive: Receive) -> bytes:
        parts = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":  # the client has left: nobody hears the answer
                raise Refusal("E-INPUT", why="it ends before its length")
            parts.append(message["body"])
            size += len(message["body"])
            more = message["more_body"]
            if size > self.largest_body:
                raise Refusal("E-TOO-LARGE")
        return parts[0] if len(parts) == 1 else b"".join(parts)


async def _answer(placed: Answered[messages.Bet], send: Send) -> None:
    body = msgspec.json.encode(placed.value)
    headers = [MEDIA_TYPE, (b"content-length", str(len(body)).encode())]
    if placed.replayed:
        headers.append(REPLAY)
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
