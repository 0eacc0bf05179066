"""Bad news over HTTP: every one is ``application/problem+json`` with a code of the catalogue."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap, Send

from rooms.entrypoints.catalogue import catalogue
from rooms.kernel.refusal import Refusal
from rooms.platform.database import NotDone, Unavailable, is_away
from rooms.platform.metrics import REFUSALS

MEDIA_TYPE: Final = "application/problem+json"
# What every answer says. A page's own file may say otherwise, of its policy or of how long it is
# kept.
USUAL: Final = (
    (b"content-security-policy", b"default-src 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
BAD_REQUEST: Final = 400
BY_STATUS: Final = {404: "E-ROUTE", 405: "E-METHOD", 413: "E-TOO-LARGE"}
# Every other method may be a command.
LOOKING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Seconds after which a database that went away is worth asking again.
RETRY: Final = "1"

log = structlog.get_logger()


class Whole(NamedTuple):
    """An answer as a whole; its headers give the body's length."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write headers as HTTP does. RuntimeError where one would break its line."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    written = b"".join(lines)
    if written.count(b"\n") != len(lines):
        raise RuntimeError("a header breaks its line")
    return written


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """A refusal as it goes over the wire; ``more`` are members beside the usual ones."""

    code: str
    data: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """Give the HTTP status of the code."""
        return catalogue()[self.code].status

    def body(self) -> bytes:
        """Write it as JSON."""
        return msgspec.json.encode(self.told())

    def told(self) -> dict[str, object]:
        """Say what happened, where the money is, what to do."""
        words = catalogue()[self.code].words(self.data)
        problem: dict[str, object] = {
            "type": f"/errors/{self.code}",
            "title": words.title,
            "status": self.status,
            "detail": words.detail,
            "code": self.code,
            "money": words.money,
            "next": words.next,
        }
        return problem | dict(self.more)

    def response(self) -> Response[bytes]:
        """Answer with it."""
        REFUSALS.labels(self.code).inc()
        return Response(
            self.body(),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=dict(self.headers),
        )

    def whole(self) -> Whole:
        """Answer with it where no framework does."""
        REFUSALS.labels(self.code).inc()
        body = self.body()
        headers = {
            "content-type": MEDIA_TYPE,
            "content-length": str(len(body)),
            **{name.lower(): value for name, value in self.headers.items()},
        }
        written = [(name.encode(), value.encode()) for name, value in headers.items()]
        return Whole(self.status, written, body)


def on_refusal(_: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """Answer with what the rules refused."""
    return refused(refusal).response()


def refused(refusal: Refusal) -> ProblemAnswer:
    """Say what the rules refused."""
    headers = {"WWW-Authenticate": "Bearer"} if refusal.code == "E-AUTH" else {}
    return ProblemAnswer(refusal.code, refusal.data, headers)


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer where there is no such route, method, or room for the body."""
    headers = {name.title(): value for name, value in (error.headers or {}).items()}
    if error.status_code in BY_STATUS:
        data = {"allowed": headers.get("Allow")}
        return ProblemAnswer(BY_STATUS[error.status_code], data, headers).response()
    if BAD_REQUEST <= error.status_code < BAD_REQUEST + 100:
        return ProblemAnswer("E-INPUT", {"why": error.detail}).response()
    return on_bug(request, error)


def on_away(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer where the database was not there, or went away in the middle."""
    return failed(request.method, request.url.path, error).response()


def on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer with a reference only; what happened is in the log under it."""
    return _bug(request.method, request.url.path, error).response()


def failed(method: str, path: str, error: Exception) -> ProblemAnswer:
    """Say that the database was not there, or that a bug was met."""
    if not is_away(error):
        return _bug(method, path, error)
    log.warning("the database did not answer", path=path, error=repr(error))
    code = "E-UNAVAILABLE"
    if method not in LOOKING:
        # A command may have taken effect before its answer was lost: nothing is said that denies
        # it, unless it certainly has not.
        code = "E-BUSY" if isinstance(error, NotDone) else "E-UNKNOWN"
    return ProblemAnswer(code, headers={"Retry-After": RETRY})


def _bug(method: str, path: str, error: Exception) -> ProblemAnswer:
    reference = secrets.token_hex(8)
    log.error(
        "a request ended in a bug",
        reference=reference,
        method=method,
        path=path,
        exc_info=error,
    )
    return ProblemAnswer("E-BUG", {"reference": reference})


async def send_problem(problem: ProblemAnswer, send: Send) -> None:
    """Send it where no framework does."""
    status, headers, body = problem.whole()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


HANDLERS: Final[ExceptionHandlersMap] = {
    Refusal: on_refusal,
    HTTPException: on_http,
    **dict.fromkeys((*Unavailable, *NotDone), on_away),
    Exception: on_bug,
}
