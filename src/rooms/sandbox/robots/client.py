"""The house's public API as a patient client uses it: one request at a time, keys, back-off."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar

import aiohttp
import msgspec
import structlog

from rooms.kernel.result import Err, Ok

log = structlog.get_logger()

Sleep = Callable[[float], Awaitable[None]]
View = TypeVar("View")

ATTEMPTS: Final = 6
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 15.0
LONGEST_OBEYED: Final = 60.0
"""Seconds; a Retry-After beyond this is shortened to it."""
BUSY: Final = frozenset({429, 502, 503, 504})
TIME_OUT: Final = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is nothing to use: a refusal's status and code, or 0 for a house that is away."""

    status: int
    code: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Sent again, a command keeps its key: it stays the same command."""

    method: str
    path: str
    body: Any = None
    token: str = field(default="", repr=False)
    key: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Write the headers of the contract."""
        told = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return told | ({"Idempotency-Key": self.key} if self.key else {})


@dataclass(slots=True)
class Client:
    """Asks the house at ``base_url``; waits as long as it says, and longer while it is away."""

    session: aiohttp.ClientSession
    base_url: str
    sleep: Sleep
    failures: int = 0

    async def ask(self, request: Request, kind: type[View]) -> Ok[View] | Err[NoAnswer]:
        """Send until there is an answer, a few times at most, and read it as ``kind``."""
        for _ in range(ATTEMPTS):
            answer = await self._send(request)
            if isinstance(answer, float):
                await self.sleep(answer)
            elif isinstance(answer, NoAnswer):
                return Err(answer)
            else:
                return _read(answer, kind, request)
        return Err(NoAnswer(0, "away"))

    async def _send(self, request: Request) -> bytes | NoAnswer | float:
        """Send once: the body of an answer, a refusal, or the seconds to wait."""
        try:
            async with self.session.request(
                request.method,
                self.base_url + request.path,
                json=request.body,
                headers=request.headers,
                allow_redirects=False,
                timeout=TIME_OUT,
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return self._back_off(type(error).__name__)
        if response.status in BUSY:
            return max(_obeyed(response), self._back_off(str(response.status)))
        if self.failures:
            log.info("the house answers the robots again")
        self.failures = 0
        ok = HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES
        return body if ok else NoAnswer(response.status, _code(body))

    def _back_off(self, why: str) -> float:
        if not self.failures:
            log.warning("the house does not answer the robots; they wait", why=why)
        wait: float = min(FIRST_WAIT * 2 ** min(self.failures, 10), LONGEST_WAIT)
        self.failures += 1
        return wait


def _obeyed(response: aiohttp.ClientResponse) -> float:
    """Give the seconds that the house asks to wait; 0 where it says none."""
    told = response.headers.get("Retry-After", "")
    return min(float(told), LONGEST_OBEYED) if told.isascii() and told.isdigit() else 0.0


def _code(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("code", ""))
    except msgspec.MsgspecError:
        return ""


def _read(body: bytes, kind: type[View], request: Request) -> Ok[View] | Err[NoAnswer]:
    try:
        return Ok(msgspec.json.decode(body, type=kind))
    except msgspec.MsgspecError as error:
        # The error names a field and a type, never a value.
        log.warning("the robots cannot read an answer", path=request.path, why=str(error))
        return Err(NoAnswer(int(HTTPStatus.OK), "unreadable"))
