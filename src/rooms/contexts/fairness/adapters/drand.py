"""drand over HTTP: every mirror is asked at once, and none is believed.

``GET /{hash}/info``, ``/{hash}/public/{round}``, ``/{hash}/public/latest``. A chain's hash binds
its info, and its key each beacon: so the first right answer is the answer, and a mirror that
says something else is wrong, whatever the others say.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import structlog

from rooms.kernel.result import Err, Ok
from rooms.platform.http import HttpClient
from rooms.platform.metrics import DRAND_ANSWERS
from rooms.proof.beacon import Beacon, DrandChain, parse_beacon, parse_info
from rooms.proof.bls import is_signed
from rooms.proof.fields import Malformed

log = structlog.get_logger()

TIME_OUT: Final = 1.0
RIGHT: Final = "right"
WRONG: Final = "wrong"
NO_ANSWER: Final = "no answer"
RESULTS: Final = (RIGHT, WRONG, NO_ANSWER)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DrandMirrors:
    """The port ``Drand`` over some mirrors of a chain."""

    http: HttpClient
    chain: DrandChain
    mirrors: Sequence[str]

    async def check(self) -> int:
        """Ask every mirror what it serves; what serves another chain is logged and counted."""
        for mirror in self.mirrors:
            for result in RESULTS:  # shown as 0 until it happens
                DRAND_ANSWERS.labels(_name(mirror), result)

        def read(body: dict[str, Any]) -> DrandChain:
            chain = parse_info(body)
            if chain != self.chain:
                raise Malformed("it is another chain")
            return chain

        return len([True async for each in self._answers("info", read) if isinstance(each, Ok)])

    async def beacon(self, number: int) -> Ok[Beacon] | Err[str]:
        """Ask for one beacon: the first right answer."""

        def read(body: dict[str, Any]) -> Beacon:
            beacon = self._verified(body)
            if beacon.round != number:
                raise Malformed("it is a beacon of another round")
            return beacon

        return await self._first(f"public/{number}", read)

    async def newest(self) -> AsyncIterator[Beacon]:
        """Ask every mirror for its newest beacon; each right answer as it comes."""
        async for answer in self._answers("public/latest", self._verified):
            if isinstance(answer, Ok):
                yield answer.value

    async def _first(self, path: str, read: Callable[[dict[str, Any]], T]) -> Ok[T] | Err[str]:
        why = "no_mirrors"
        async for answer in self._answers(path, read):
            if isinstance(answer, Ok):
                return answer
            why = answer.error
        return Err(why)

    async def _answers(
        self, path: str, read: Callable[[dict[str, Any]], T]
    ) -> AsyncIterator[Ok[T] | Err[str]]:
        asked = [asyncio.ensure_future(self._ask(mirror, path, read)) for mirror in self.mirrors]
        try:
            for answer in asyncio.as_completed(asked):
                yield await answer
        finally:
            # Who has heard enough leaves the loop; nobody is left waiting for the others.
            for each in asked:
                each.cancel()

    async def _ask(
        self, mirror: str, path: str, read: Callable[[dict[str, Any]], T]
    ) -> Ok[T] | Err[str]:
        url = f"{mirror.rstrip('/')}/{self.chain.hash}/{path}"
        answer = await self.http.get_json(url, time_out=TIME_OUT, circuit=f"drand {mirror}")
        if isinstance(answer, Err):
            _count(mirror, NO_ANSWER)
            return Err(answer.error.kind)
        try:
            if not isinstance(answer.value, dict):
                raise Malformed("it is not an object")
            value = read(answer.value)
        except Malformed as problem:
            # Nobody can make a wrong answer by accident that looks so much like a right one.
            log.warning(
                "a drand mirror is wrong", mirror=_name(mirror), path=path, why=str(problem)
            )
            _count(mirror, WRONG)
            return Err(WRONG)
        _count(mirror, RIGHT)
        return Ok(value)

    def _verified(self, body: dict[str, Any]) -> Beacon:
        beacon = parse_beacon(body)
        if not is_signed(self.chain.public_key, beacon):
            raise Malformed("its signature is not the chain's")
        return beacon


def _count(mirror: str, result: str) -> None:
    DRAND_ANSWERS.labels(_name(mirror), result).inc()


def _name(mirror: str) -> str:
    parts = urlsplit(mirror)
    return f"{parts.hostname}{parts.path}".rstrip("/")
