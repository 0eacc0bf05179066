"""The one hot request, ``POST /v1/rooms/{id}/bets``, answered without ASGI and the framework.

The web server hands over such a request once it has read it to its end, if there is nothing unusual
about it. Whatever is unusual goes to the framework: ``bets.place_bet`` answers the same, and
describes it to the public. A test sends both the same requests.
"""

import re
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import msgspec

from rooms.contexts.identity.api import Bearer
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet
from rooms.entrypoints.gateway.answers import bet_json
from rooms.entrypoints.gateway.bets import asked
from rooms.entrypoints.gateway.calls import parse_body, required_key, room_id
from rooms.entrypoints.gateway.counted import count
from rooms.entrypoints.gateway.described import JSON
from rooms.entrypoints.gateway.faces import Gateway
from rooms.entrypoints.gateway.messages import NewBet
from rooms.entrypoints.gateway.problems import (
    USUAL,
    ProblemAnswer,
    failed,
    header_lines,
    refused,
)
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered
from rooms.platform.telemetry import Noted
from rooms.platform.tracing import span

PATH: Final = re.compile(rb"/v1/rooms/([0-9]{1,19})/bets")
TEMPLATE: Final = "/v1/rooms/{room}/bets"
LARGEST_BODY: Final = 64 * 1024
MEDIA_TYPE: Final = (b"content-type", JSON.encode())
OWN_LINES: Final = header_lines([*USUAL, (b"x-request-id", b"%b")])
# The headers of a bet that was placed, but for the length of its body and its request's number.
PLACED_LINES: Final = header_lines([MEDIA_TYPE, (b"content-length", b"%d")]) + OWN_LINES
REPLAY_LINE: Final = header_lines([(b"idempotent-replay", b"true")])
# With one of these a request is unusual: what it says is between the web server and its peer.
UNUSUAL: Final = frozenset(
    {b"expect", b"transfer-encoding", b"upgrade", b"x-forwarded-for", b"x-forwarded-proto"}
)


# Who sends a bet, or why it is not asked or cannot be said.
Bettor = Bearer | ProblemAnswer | Exception


class AskedBet(NamedTuple):
    """The request as it was read; no header stands there twice.

    ``answer`` sends its answer: the status, the lines of its headers, the body.
    """

    room: str
    headers: Mapping[bytes, bytes]
    address: str
    body: bytes
    begun: float
    answer: Callable[[int, bytes, bytes], None]


def usual(
    method: bytes, url: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> tuple[str, Mapping[bytes, bytes]] | None:
    """Give the room and the headers of a bet's request; None for any other or an unusual one."""
    found = PATH.fullmatch(url) if method == b"POST" else None
    if found is None:
        return None
    once = dict(headers)
    if len(once) < len(headers) or not UNUSUAL.isdisjoint(once):
        return None
    if int(once.get(b"content-length", b"0")) > LARGEST_BODY:
        return None
    return found[1].decode(), once


@dataclass(frozen=True, slots=True)
class SwiftBets:
    """Answers bets. Nothing is raised, and no task is made for a bet that is plain."""

    gateway: Gateway

    def begin(self, bet: AskedBet, bearer: Bearer) -> bool:
        """Begin to place it for someone who is remembered; False where it cannot be placed.

        Nothing was answered then: before it is told what is wrong with it, its bearer has to be
        looked up, as a stranger is told nothing else.
        """
        try:
            command = _command(bet, bearer)
        except Exception:  # noqa: BLE001 - it is met again, and answered
            return False
        self.gateway.rooms.begin_bet(command, partial(self._answer, bet))
        return True

    def serve(self, bet: AskedBet, bettor: Bettor) -> None:
        """Place it and answer, or answer why not."""
        if not isinstance(bettor, Bearer):
            self._answer(bet, bettor)
            return
        try:
            command = _command(bet, bettor)
        except Exception as problem:  # noqa: BLE001 - it is answered
            self._answer(bet, problem)
        else:
            self.gateway.rooms.begin_bet(command, partial(self._answer, bet))

    def _answer(
        self, bet: AskedBet, came: Answered[BetReceipt] | ProblemAnswer | BaseException
    ) -> None:
        if isinstance(came, CancelledError):
            return  # the house ends, and its connections with it
        note = Noted(bet.headers.items())
        with span("request", begun=bet.begun, request=note.id) as traced:
            status, lines, body = self._written(bet, came, note)
            count(traced, "POST", TEMPLATE, status, bet.begun)
        bet.answer(status, lines, body)

    def _written(
        self,
        bet: AskedBet,
        came: Answered[BetReceipt] | ProblemAnswer | BaseException,
        note: Noted,
    ) -> tuple[int, bytes, bytes]:
        """Give the status, the lines of the headers, and the body."""
        if isinstance(came, Answered):
            try:
                body = msgspec.json.encode(bet_json(came.value, self.gateway.rooms))
            except Exception as error:  # noqa: BLE001 - it is logged and answered
                came = error
            else:
                lines = PLACED_LINES % (len(body), note.id.encode())
                return 201, REPLAY_LINE + lines if came.replayed else lines, body
        with note:
            problem = _problem(bet, came)
        answer = problem.whole()
        return (
            answer.status,
            header_lines(answer.headers) + OWN_LINES % note.id.encode(),
            answer.body,
        )


def _problem(bet: AskedBet, came: ProblemAnswer | BaseException) -> ProblemAnswer:
    if isinstance(came, ProblemAnswer):
        return came
    if isinstance(came, Refusal):
        return refused(came)
    assert isinstance(came, Exception), f"{came!r} ends the process"
    return failed("POST", f"/v1/rooms/{bet.room}/bets", came)


def _command(bet: AskedBet, bearer: Bearer) -> PlaceBet:
    """Read what a request asks for. Refuses as the framework's route does, in the same order."""
    key = bet.headers.get(b"idempotency-key")
    key_given = required_key(None if key is None else key.decode("latin-1"))
    wanted = room_id(bet.room)
    return asked(bearer, key_given, wanted, parse_body(bet.body, NewBet))
