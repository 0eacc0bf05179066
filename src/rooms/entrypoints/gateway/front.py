"""What stands before every route: how often one may ask, and headers on every answer."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from rooms.entrypoints.gateway.limiter import Limiter
from rooms.entrypoints.gateway.problems import MEDIA_TYPE, ProblemAnswer
from rooms.kernel.time import Clock

Headers = Iterable[tuple[bytes, bytes]]

ALWAYS: Final[Headers] = (
    (b"content-security-policy", b"default-src 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
# A page's own files may say otherwise.
UNLESS_SAID: Final[Headers] = ((b"cache-control", b"no-store"),)
UNLIMITED: Final = frozenset({"/livez", "/readyz"})


@dataclass(frozen=True, slots=True)
class Front:
    """Limits requests per access token and per address, then lets them in.

    Both have their own memory, so that made-up tokens push no address out of it. ``close`` ends
    the streams that never end by themselves.
    """

    app: ASGIApp
    clock: Clock
    tokens: Limiter
    addresses: Limiter
    close: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        refused = None if scope["path"] in UNLIMITED else self._refused(scope)
        if refused is not None:
            await _answer(refused, with_headers(send))
        else:
            await self.app(scope, receive, with_headers(send))

    def _refused(self, scope: HTTPScope) -> ProblemAnswer | None:
        now = self.clock.now()
        address = scope["client"][0] if scope["client"] else ""
        limiter = self.addresses
        seconds = limiter.wait(address.encode(), now)
        token = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        if not seconds and token is not None:
            limiter = self.tokens
            seconds = limiter.wait(hashlib.sha256(token).digest(), now)
        if not seconds:
            return None
        data = {"rate": limiter.rate, "seconds": seconds}
        return ProblemAnswer("E-RATE", data, {"Retry-After": str(seconds)})


def with_headers(send: Send) -> Send:
    """Put the headers that every answer has on the answer that is sent."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = _headed(message)
        await send(message)

    return sending


def _headed(message: HTTPResponseStartEvent) -> list[tuple[bytes, bytes]]:
    ours = {name for name, _ in ALWAYS}
    theirs = [(name, value) for name, value in message["headers"] if name.lower() not in ours]
    said = {name.lower() for name, _ in theirs}
    return [*theirs, *ALWAYS, *(header for header in UNLESS_SAID if header[0] not in said)]


async def _answer(problem: ProblemAnswer, send: Send) -> None:
    body = problem.body()
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        **{name.lower(): value for name, value in problem.headers.items()},
    }
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
