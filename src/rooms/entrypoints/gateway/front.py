"""What stands before every route: how often one may ask, headers and counting of every answer."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from rooms.entrypoints.gateway.counted import count
from rooms.entrypoints.gateway.problems import USUAL, ProblemAnswer, send_problem
from rooms.entrypoints.gateway.reception import Reception
from rooms.entrypoints.gateway.swiftbets import AskedBet
from rooms.kernel.time import Clock, to_millis
from rooms.platform.limiter import Limiter
from rooms.platform.telemetry import Noted
from rooms.platform.tracing import span

# Who reads the first of two and who reads the last would see two different requests.
ONCE: Final = frozenset({b"authorization", b"idempotency-key"})
# Under this name the web server may leave in the scope how to send an answer as a whole: by its
# status, its headers, which give the body's length, and its body.
WHOLE: Final = "rooms.whole"
Headers = Iterable[tuple[bytes, bytes]]
SendWhole = Callable[[int, Headers, bytes], Awaitable[None]]
# What only the server may handle that sends head and body apart.
APART: Final = frozenset({b"connection", b"transfer-encoding"})
UNLIMITED: Final = frozenset({"/livez", "/readyz", "/metrics"})
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST"})


@dataclass(frozen=True, slots=True)
class Front:
    """Limits requests per access token and per address, then lets them in.

    Both have their own memory, so that made-up tokens push no address out of it. ``close`` ends
    the streams that never end by themselves. Bets have a way of their own, ``take_bet``.
    """

    app: ASGIApp
    reception: Reception
    clock: Clock
    tokens: Limiter
    addresses: Limiter
    close: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        with Noted(scope["headers"]) as note, span("request", request=note.id) as traced:
            sending = answering(scope, send, note.id, traced)
            address = scope["client"][0] if scope["client"] else ""
            limited = scope["path"] not in UNLIMITED
            refused = self._refused(address, scope["headers"]) if limited else None
            if refused is not None:
                await send_problem(refused, sending)
            else:
                await self.app(scope, receive, sending)

    def take_bet(self, bet: AskedBet) -> None:
        """Take a bet that the web server has read as a whole; it is answered later."""
        now = to_millis(self.clock.now())
        refused = self._refused_by_address(bet.address, now)
        if refused is None:
            refused = self._refused_by_token(bet.headers.get(b"authorization"), now)
        if refused is None:
            self.reception.take(bet)
        else:
            self.reception.bets.serve(bet, refused)

    def _refused(
        self, address: str, all_headers: Iterable[tuple[bytes, bytes]]
    ) -> ProblemAnswer | None:
        now = to_millis(self.clock.now())
        refused = self._refused_by_address(address, now)
        if refused is not None:
            return refused
        given = [header for header in all_headers if header[0] in ONCE]
        headers = dict(given)
        if len(headers) < len(given):
            return ProblemAnswer("E-INPUT", {"why": "a header stands there twice"})
        return self._refused_by_token(headers.get(b"authorization"), now)

    def _refused_by_address(self, address: str, now: int) -> ProblemAnswer | None:
        seconds = self.addresses.wait(address.encode(), now)
        return _too_often(self.addresses, seconds) if seconds else None

    def _refused_by_token(self, token: bytes | None, now: int) -> ProblemAnswer | None:
        if token is None:
            return None
        seconds = self.tokens.wait(hashlib.sha256(token).digest(), now)
        return _too_often(self.tokens, seconds) if seconds else None


def _too_often(limiter: Limiter, seconds: int) -> ProblemAnswer:
    data = {"rate": limiter.rate, "seconds": seconds}
    return ProblemAnswer("E-RATE", data, {"Retry-After": str(seconds)})


def answering(scope: HTTPScope, send: Send, request: str, traced: Any) -> Send:
    """Put the headers that every answer has on the answer that is sent, and count it."""
    begun = perf_counter()
    at_once: SendWhole | None = cast("dict[str, Any]", scope).get(WHOLE)
    held: HTTPResponseStartEvent | None = None

    async def sending(message: Message) -> None:
        nonlocal held
        if message["type"] == "http.response.start":
            message["headers"] = _headed(message, request)
            # A path is counted by its pattern: what is not routed may be any text.
            route = scope.get("path_template") or "none"
            method = scope["method"] if scope["method"] in METHODS else "other"
            count(traced, method, route, message["status"], begun)
            if at_once is not None and _is_plain(message):
                held = message
                return
        elif held is not None and message["type"] == "http.response.body":
            head, held = held, None
            if at_once is not None and not message["more_body"]:
                await at_once(head["status"], head["headers"], message["body"])
                return
            await send(head)
        await send(message)

    return sending


def _is_plain(message: HTTPResponseStartEvent) -> bool:
    names = {name.lower() for name, _ in message["headers"]}
    return b"content-length" in names and names.isdisjoint(APART)


def _headed(message: HTTPResponseStartEvent, request: str) -> list[tuple[bytes, bytes]]:
    headers = list(message["headers"])
    said = {name.lower() for name, _ in headers}
    usual = [header for header in USUAL if header[0] not in said]
    return [*headers, *usual, (b"x-request-id", request.encode())]
