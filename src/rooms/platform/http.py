"""Outgoing HTTP: one client for every adapter; what the outside does is a value."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from typing import Final, Self

import aiohttp
import msgspec
import stamina
import stamina.instrumentation
from yarl import URL

from rooms import __version__
from rooms.kernel.result import Err, Ok
from rooms.platform.breaker import Breaker

Params = Mapping[str, str] | Sequence[tuple[str, str]]

CONNECT_TIME_OUT: Final = 2.0
BODY_LIMIT: Final = 1_000_000
CONNECTIONS: Final = 300
FAILURES_TO_OPEN: Final = 5
COOL_OFF: Final = 5.0
FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 2.0

_DOCUMENT: Final = msgspec.json.Decoder(float_hook=Decimal)

# Whoever asks gets the failure as a value; stamina would print each retry as well.
stamina.instrumentation.set_on_retry_hooks(())


@dataclass(frozen=True, slots=True)
class HttpFailure:
    """Why there is no answer: a ``kind`` to branch on and a ``detail`` to read.

    Kinds: ``timeout``, ``unreachable``, ``http_<status>``, ``not_json``, ``too_large``, ``open``
    (too many failures in a row, not asked). Neither field ever holds a part of the request but
    its host, because keys travel in headers and parameters.
    """

    kind: str
    detail: str

    @property
    def transient(self) -> bool:
        """Whether asking again may help: no connection, no time, too many requests, 5xx."""
        return self.kind in {"timeout", "unreachable", "http_429"} or self.kind.startswith("http_5")


class _FailedError(Exception):
    def __init__(self, failure: HttpFailure, retry_after: float | None = None) -> None:
        super().__init__(failure.kind)
        self.failure = failure
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class _Request:
    url: URL
    params: Params
    headers: Mapping[str, str] = field(repr=False)
    attempts: int
    time_out: float

    @property
    def host(self) -> str:
        return self.url.host or ""

    def worth_repeating(self, error: Exception) -> bool | float:
        """Tell stamina whether to ask again, and when, if the other side said when."""
        if not isinstance(error, _FailedError) or not error.failure.transient:
            return False
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after < self.time_out else False


class HttpClient:
    """A pool of connections with time-outs, retries, a body limit and circuit breakers.

    Made anywhere, used in one event loop, closed by ``close`` or as a context manager.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._breakers: dict[str, Breaker] = {}
        self._open_session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._open_session is not None:
            await self._open_session.close()
            self._open_session = None

    async def get_json(
        self,
        url: str,
        *,
        params: Params = (),
        headers: Mapping[str, str] | None = None,
        time_out: float = 5.0,
        attempts: int = 1,
        circuit: str = "",
    ) -> Ok[object] | Err[HttpFailure]:
        """Ask for a JSON document, in which floats are read as Decimal.

        ``time_out`` is in seconds for all attempts together, each of which gets an equal share;
        ``circuit`` names the breaker, the host's by default: many services may share a host.
        """
        request = _Request(URL(url), params, headers or {}, attempts, time_out)
        circuit = circuit or request.host
        if circuit in self._breakers and not self._breakers[circuit].admits():
            return Err(HttpFailure("open", f"{request.host} kept failing and is left alone"))
        try:
            async with asyncio.timeout(time_out):
                answer = await self._ask(request)
        except (_FailedError, TimeoutError) as error:
            failure = error.failure if isinstance(error, _FailedError) else _timed_out(request)
            self._note(circuit, failed=failure.transient)
            return Err(failure)
        self._note(circuit, failed=False)
        return Ok(answer)

    async def _ask(self, request: _Request) -> object:
        async for attempt in stamina.retry_context(
            on=request.worth_repeating,
            attempts=request.attempts,
            timeout=request.time_out,
            wait_initial=FIRST_WAIT,
            wait_max=LONGEST_WAIT,
            wait_jitter=FIRST_WAIT,
        ):
            with attempt:
                return await self._attempt(request)
        raise AssertionError("stamina ends by an answer or by the last error")

    async def _attempt(self, request: _Request) -> object:
        try:
            async with asyncio.timeout(request.time_out / request.attempts):
                body = await self._fetch(request)
        except TimeoutError:
            raise _FailedError(_timed_out(request)) from None
        except (aiohttp.ClientError, OSError):
            # Without the cause: its text may hold the address with a key in it.
            failure = HttpFailure("unreachable", f"no connection with {request.host}")
            raise _FailedError(failure) from None
        try:
            return parse_json(body)
        except ValueError:
            failure = HttpFailure("not_json", f"{request.host} answered with something else")
            raise _FailedError(failure) from None

    async def _fetch(self, request: _Request) -> bytes:
        async with self._session().get(
            request.url, params=request.params, headers=request.headers, allow_redirects=False
        ) as response:
            if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                kind = f"http_{response.status}"
                failure = HttpFailure(kind, f"{request.host} answered {response.status}")
                raise _FailedError(failure, _seconds(response.headers.get("Retry-After")))
            return await self._body(request, response)

    async def _body(self, request: _Request, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > BODY_LIMIT:
                response.close()
                detail = f"{request.host} answered more than {BODY_LIMIT} bytes"
                raise _FailedError(HttpFailure("too_large", detail))
        return bytes(body)

    def _session(self) -> aiohttp.ClientSession:
        if self._open_session is None:
            self._open_session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIME_OUT),
                headers={"User-Agent": f"rooms/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._open_session

    def _note(self, circuit: str, *, failed: bool) -> None:
        """Keep breakers of what fails only: circuits may be as many as there are questions."""
        if not failed:
            self._breakers.pop(circuit, None)
            return
        if circuit not in self._breakers:
            self._breakers[circuit] = Breaker(
                threshold=FAILURES_TO_OPEN, cool_off=COOL_OFF, now=self._now
            )
        self._breakers[circuit].failed()


def parse_json(body: bytes) -> object:
    """Read JSON strictly: floats are Decimal, NaN and Infinity refused. ValueError if it is not."""
    try:
        document: object = _DOCUMENT.decode(body)
    except (ArithmeticError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError("no JSON, or numbers or nesting beyond reason") from error
    return document


def _timed_out(request: _Request) -> HttpFailure:
    return HttpFailure("timeout", f"{request.host} did not answer in time")


def _seconds(retry_after: str | None) -> float | None:
    plain = retry_after is not None and retry_after.isascii() and retry_after.isdigit()
    return float(retry_after) if plain and retry_after else None
