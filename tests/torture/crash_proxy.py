"""A proxy that lets messages through one by one, and kills who sends them at a given point."""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from tests.torture.crash_points import Point, Way, When

CHUNK: Final = 1 << 16
CONTENT_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
HEAD_ENDS: Final = b"\r\n\r\n"

Whole = Callable[[bytearray], int]
"""Gives the length of the message at the beginning of the bytes; 0 where it is not all there."""


def postgres_messages(*, from_client: bool) -> Whole:
    """Read messages of the protocol's version 3: a type and a length; a client's first has none."""
    type_bytes = 0 if from_client else 1

    def whole(received: bytearray) -> int:
        nonlocal type_bytes
        if len(received) < type_bytes + 4:
            return 0
        length = type_bytes + int.from_bytes(received[type_bytes : type_bytes + 4])
        if len(received) < length:
            return 0
        type_bytes = 1
        return length

    return whole


def http_message(received: bytearray) -> int:
    """Read a request, or an answer that says how long its body is, as the sandbox's do."""
    head = received.find(HEAD_ENDS)
    if head < 0:
        return 0
    body = CONTENT_LENGTH.search(received, 0, head + len(HEAD_ENDS))
    length = head + len(HEAD_ENDS) + (int(body[1]) if body else 0)
    return length if len(received) >= length else 0


@dataclass(slots=True)
class Trap:
    """Counts a process's messages once it is armed, and kills it at the point, if there is one."""

    point: Point | None = None
    counts: Counter[Way] = field(default_factory=Counter)
    struck: bool = False
    _pid: int | None = None

    def arm(self, pid: int) -> None:
        """Count from now on; this is the process to kill."""
        self._pid = pid

    def disarm(self) -> None:
        """Count no more: what comes now is not of the command."""
        self._pid = None

    def passes(self, way: Way) -> bool:
        """Count a message and say whether it may go on. ``struck`` says whether it was the last."""
        if self._pid is None or self.struck:
            return not self.struck
        self.counts[way] += 1
        point = self.point
        if point is not None and (way, self.counts[way]) == (point.way, point.number):
            self.struck = True
            return point.when is When.AFTER
        return True

    def strike(self) -> None:
        """Kill the process: it has been struck."""
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            self._pid = None


@dataclass(frozen=True, slots=True)
class Line:
    """One direction of a connection: where messages come from, where they go, what they are."""

    way: Way
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    whole: Whole


@dataclass(slots=True)
class Proxy:
    """Stands between one process and one server, on a port of its own."""

    port: int = 0
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def ended(self) -> None:
        """Wait until the other side has ended its end of every connection.

        PostgreSQL does so when the session is over, its last transaction committed or rolled back.
        """
        await asyncio.gather(*self._connections)


@asynccontextmanager
async def postgres_proxy(port: int, trap: Trap) -> AsyncIterator[Proxy]:
    """Stand before the PostgreSQL on a port of loopback."""

    def lines(near: "Ends", far: "Ends") -> tuple[Line, Line]:
        return (
            Line(Way.SEND, near[0], far[1], postgres_messages(from_client=True)),
            Line(Way.RECEIVE, far[0], near[1], postgres_messages(from_client=False)),
        )

    async with _proxy(port, trap, lines) as proxy:
        yield proxy


@asynccontextmanager
async def http_proxy(port: int, trap: Trap) -> AsyncIterator[Proxy]:
    """Stand before the price sources on a port of loopback."""

    def lines(near: "Ends", far: "Ends") -> tuple[Line, Line]:
        return (
            Line(Way.ASK, near[0], far[1], http_message),
            Line(Way.HEAR, far[0], near[1], http_message),
        )

    async with _proxy(port, trap, lines) as proxy:
        yield proxy


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def _proxy(
    port: int, trap: Trap, lines: Callable[[Ends, Ends], tuple[Line, Line]]
) -> AsyncIterator[Proxy]:
    proxy = Proxy()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        proxy._connections.add(task)
        near, far = (reader, writer), await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(*(_relay(line, trap) for line in lines(near, far)))
        for _, end in (near, far):
            end.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.ended()


async def _relay(line: Line, trap: Trap) -> None:
    """Carry whole messages in their order until their sender has ended, then end as it did.

    Once the process was struck nothing is passed on any more, but everything is read, so that
    the other side can come to its end.
    """
    held = bytearray()
    with suppress(ConnectionError):  # a killed process may leave what it was sent unread
        while chunk := await line.reader.read(CHUNK):
            if trap.struck:
                continue
            held += chunk
            passed = _passed(held, line, trap)
            line.writer.write(bytes(held[:passed]))
            del held[:passed]
            if trap.struck:
                trap.strike()
            else:
                await line.writer.drain()
    with suppress(OSError):
        line.writer.write_eof()


def _passed(held: bytearray, line: Line, trap: Trap) -> int:
    """Give the length of the messages that may go on; stop at the one at which the process dies."""
    passed, rest = 0, held
    while not trap.struck and (length := line.whole(rest)):
        if trap.passes(line.way):
            passed += length
        rest = held[passed:]
    return passed
