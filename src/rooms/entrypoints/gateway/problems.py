"""Bad news over HTTP: every one is ``application/problem+json`` with a code of the catalogue."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from rooms.entrypoints.catalogue import catalogue
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Unavailable

MEDIA_TYPE: Final = "application/problem+json"
BAD_REQUEST: Final = 400
BY_STATUS: Final = {404: "E-ROUTE", 405: "E-METHOD", 413: "E-TOO-LARGE"}
# Seconds after which a database that went away is worth asking again.
RETRY: Final = "1"

log = structlog.get_logger()


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
        """Write it: what happened, where the money is, what to do."""
        words = catalogue()[self.code].words(self.data)
        problem = {
            "type": f"/errors/{self.code}",
            "title": words.title,
            "status": self.status,
            "detail": words.detail,
            "code": self.code,
            "money": words.money,
            "next": words.next,
        }
        return msgspec.json.encode(problem | dict(self.more))

    def response(self) -> Response[bytes]:
        """Answer with it."""
        return Response(
            self.body(),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=dict(self.headers),
        )


def on_refusal(_: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    """Answer with what the rules refused."""
    headers = {"WWW-Authenticate": "Bearer"} if refusal.code == "E-AUTH" else {}
    return ProblemAnswer(refusal.code, refusal.data, headers).response()


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
    if isinstance(error, ValueError):  # the driver refused a value: that is our mistake
        return on_bug(request, error)
    log.warning("the database did not answer", path=request.url.path, error=repr(error))
    # A command may have taken effect before its answer was lost: nothing is said that denies it.
    code = "E-UNKNOWN" if request.method == "POST" else "E-UNAVAILABLE"
    return ProblemAnswer(code, headers={"Retry-After": RETRY}).response()


def on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer with a reference only; what happened is in the log under it."""
    reference = secrets.token_hex(8)
    log.error(
        "a request ended in a bug",
        reference=reference,
        method=request.method,
        path=request.url.path,
        exc_info=error,
    )
    return ProblemAnswer("E-BUG", {"reference": reference}).response()


HANDLERS: Final[ExceptionHandlersMap] = {
    Refusal: on_refusal,
    HTTPException: on_http,
    **dict.fromkeys(Unavailable, on_away),
    Exception: on_bug,
}
