"""Sends hostile requests over plain sockets, and reads the answers as strictly as HTTP is written."""

import asyncio
import json
import re
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from rooms.entrypoints.catalogue import catalogue
from tests.torture.hostile_requests import Ask, Attack

PIPELINE: Final = 16
ANSWER_WITHIN: Final = 20.0
MORE_WITHIN: Final = 0.25
STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [ -~]*\r\n")
HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t -~]*)\r\n")
TRACES: Final = (b"Traceback (most recent", b'File "/', b"asyncpg.", b"site-packages")
SWITCHED: Final = 101
NO_BODY: Final = frozenset({SWITCHED, 204, 304})
SERVER_SAYS: Final = (
    b"Invalid HTTP request received.",
    b"The head of the request is too large.",
    b"The end of the request is too large.",
)


class BadAnswerError(Exception):
    """What came is no answer of HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; header names are in lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    def json(self) -> Any:
        """Read the body."""
        return json.loads(self.body)


@dataclass(slots=True)
class Seen:
    """What came of all requests: answers by status, accepted commands, and all that was wrong."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    bets: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    sent: int = 0

    def count(self, attack: Attack) -> None:
        """Count a request."""
        self.sent += 1
        self.kinds[attack.kind] += 1
        self.routes[attack.route] += 1

    def take(self, attack: Attack, answer: Answer) -> None:
        """Count an answer and find fault with it."""
        self.statuses[answer.status] += 1
        found = faults(answer, handshake=attack.handshake)
        self.wrong += [f"{attack.kind}: {fault}: {shown(attack)}" for fault in found]
        self.accepted[attack.route] += answer.status < 300
        if answer.status == 201 and b"/bets" in attack.wire[:60]:
            bet = answer.json()
            self.bets[bet["id"]] = int(bet["stake"]["amount"])
        elif is_problem(answer) and not attack.bodiless:
            self.codes[answer.json()["code"]] += 1


def shown(attack: Attack) -> str:
    """Show the beginning of a request."""
    return repr(attack.wire[:300])


def is_problem(answer: Answer) -> bool:
    return answer.headers.get(b"content-type") == b"application/problem+json"


def faults(answer: Answer, *, handshake: bool = False) -> Iterator[str]:
    """Find what no answer may be, whatever was asked."""
    if answer.status >= 500:
        yield f"status {answer.status}: {answer.body[:300]!r}"
    if any(trace in answer.body for trace in TRACES):
        yield f"a trace is shown: {answer.body[:300]!r}"
    if answer.body in SERVER_SAYS and answer.status == 400:
        return  # the web server itself, before any route: it cannot say what was asked
    if handshake and not is_problem(answer):
        return  # what speaks WebSocket says in plain text what is wrong with a handshake
    if b"content-security-policy" not in answer.headers:
        yield "a header of every answer is missing"
    if answer.status >= 400:
        yield from _faults_of_problem(answer)


def _faults_of_problem(answer: Answer) -> Iterator[str]:
    if not is_problem(answer):
        yield f"{answer.status} is no problem but {answer.headers.get(b'content-type')!r}"
    elif answer.body:
        problem = answer.json()
        if catalogue()[problem["code"]].status != answer.status:
            yield f"{problem['code']} with status {answer.status}"


@dataclass(slots=True)
class Wire:
    """Connections to one house, on which attacks are made."""

    host: str
    port: int
    seen: Seen

    async def ask(self, ask: Ask) -> Answer:
        """Send one good request and give its answer."""
        async with self._connection() as (reader, writer):
            writer.write(ask.wire())
            async with asyncio.timeout(ANSWER_WITHIN):
                return await read_answer(reader)

    async def pipelined(self, attacks: Sequence[Attack]) -> None:
        """Send framed requests in one breath; each is answered, in order.

        Where the house closes the connection after an answer, the rest is sent on a new one.
        """
        left = deque(attacks)
        while left:
            answered = len(left)
            async with self._connection() as (reader, writer):
                with suppress(ConnectionError):
                    writer.writelines([attack.wire for attack in left])
                    await writer.drain()
                await self._read_in_order(reader, left)
            if len(left) == answered:
                attack = left.popleft()
                self.seen.wrong.append(f"{attack.kind}: no answer: {shown(attack)}")
                self.seen.sent += 1

    async def _read_in_order(self, reader: asyncio.StreamReader, left: deque[Attack]) -> None:
        with suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            while left:
                async with asyncio.timeout(ANSWER_WITHIN):
                    answer = await self._answer(reader, left[0])
                attack = left.popleft()
                self.seen.count(attack)
                if answer is not None:
                    self.seen.take(attack, answer)

    async def alone(self, attack: Attack) -> None:
        """Send one request on a connection of its own; look at every answer that comes."""
        self.seen.count(attack)
        async with self._connection() as (reader, writer):
            with suppress(ConnectionError):
                half = len(attack.wire) // 2
                for piece in (attack.wire[:half], attack.wire[half:]):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
            if attack.cut:
                writer.transport.abort()
                return
            with suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError):
                while True:
                    async with asyncio.timeout(MORE_WITHIN):
                        answer = await self._answer(reader, attack)
                    if answer is None:
                        return
                    self.seen.take(attack, answer)
                    if answer.status == SWITCHED:
                        return

    async def _answer(self, reader: asyncio.StreamReader, attack: Attack) -> Answer | None:
        try:
            return await read_answer(reader, bodiless=attack.bodiless)
        except BadAnswerError as error:
            self.seen.wrong.append(f"{attack.kind}: no HTTP came back, {error}: {shown(attack)}")
            return None

    @asynccontextmanager
    async def _connection(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=2**20)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def read_answer(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Answer:
    """Read one answer to its end; ``bodiless`` where the request's method is HEAD.

    IncompleteReadError where the connection ends before.
    """
    status = 100
    while status == 100:
        line = await reader.readuntil(b"\r\n")
        matched = STATUS_LINE.fullmatch(line)
        if matched is None:
            raise BadAnswerError(f"no status line in {line[:100]!r}")
        status = int(matched[1])
        headers = await _headers(reader)
    if bodiless or status in NO_BODY:
        return Answer(status, headers, b"")
    if headers.get(b"transfer-encoding") == b"chunked":
        return Answer(status, headers, await _chunks(reader))
    return Answer(status, headers, await reader.readexactly(int(headers[b"content-length"])))


async def _headers(reader: asyncio.StreamReader) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        matched = HEADER.fullmatch(line)
        if matched is None:
            raise BadAnswerError(f"no header in {line[:100]!r}")
        name = matched[1].lower()
        if name in headers:
            raise BadAnswerError(f"{name!r} twice")
        headers[name] = matched[2]
    return headers


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n"))[:-2], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
