"""A client's WebSocket on the web server's own port: RFC 6455 by ``websockets``, writes by us.

The library reads what the client sends, in a form that needs no I/O, and writes whatever is the
client's alone. Frames that many are sent are encoded once and go past it, straight to the
transport: that costs what a bare write costs.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import structlog
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from rooms.entrypoints.gateway.feed.session import Session
from rooms.entrypoints.gateway.problems import MEDIA_TYPE, USUAL, ProblemAnswer, refused
from rooms.kernel.refusal import Refusal
from rooms.platform.metrics import FEED_DROPPED

log = structlog.get_logger()

PATH: Final = "/v1/live"
LARGEST_MESSAGE: Final = 16 * 1024
# So much of what a client sends is read at a turn of the loop: others have theirs between.
PIECE: Final = 2 * 1024
# What waits for a client that does not read; then how long it may wait (seconds).
MOST_UNREAD: Final = 256 * 1024
PATIENCE: Final = 10.0
# Seconds in which a client has to answer our close.
LAST_WORDS: Final = 5.0

UNACCEPTABLE, POLICY, RESTART, LATER = 1003, 1008, 1012, 1013
RESUME: Final = "connect again and resume"
# A close frame has room for so many bytes of words.
LONGEST_REASON: Final = 120


class Server(Protocol):
    """What the web server lets its connections share."""

    connections: "set[Any]"


@dataclass(slots=True)
class Sockets:
    """The open connections of the feed: how many one address may hold, and their end."""

    make: "Callable[[Callable[[bytes], object], Callable[[str], None]], Session]"
    per_address: int
    _by_address: Counter[str] = field(default_factory=Counter)
    _open: "set[FeedSocket]" = field(default_factory=set)
    _closed: bool = False

    def __call__(self, *, server_state: Server | None = None, **_: object) -> "FeedSocket":
        """Make what reads a connection that asked to become a WebSocket, as uvicorn wants it."""
        return FeedSocket(self, server_state)

    def admit(self, socket: "FeedSocket", request: Request) -> None:
        """Let a client in. Refuses E-ROUTE, E-LIVE, E-STREAMS, E-UNAVAILABLE."""
        address = urlsplit(request.path)
        if address.path != PATH:
            raise Refusal("E-ROUTE")
        if address.query:
            raise Refusal("E-LIVE", why="the address has a query: a token is told in a message")
        if self._closed:
            raise Refusal("E-UNAVAILABLE")
        if self._by_address[socket.address] >= self.per_address:
            raise Refusal("E-STREAMS", most=self.per_address)
        self._by_address[socket.address] += 1
        self._open.add(socket)

    def forget(self, socket: "FeedSocket") -> None:
        """A connection has ended."""
        if socket in self._open:
            self._open.discard(socket)
            self._by_address[socket.address] -= 1
            if not self._by_address[socket.address]:
                del self._by_address[socket.address]

    def close(self) -> None:
        """Send everyone away who is here or comes; what they watched goes on elsewhere."""
        self._closed = True
        for socket in tuple(self._open):
            socket.close(RESTART, f"the house restarts: {RESUME}")


class FeedSocket(asyncio.Protocol):
    """One connection, from its handshake on."""

    def __init__(self, sockets: Sockets, server: Server | None) -> None:
        self.sockets = sockets
        self.server = server
        self.address = ""
        self.session: Session | None = None
        self._wire = ServerProtocol(max_size=LARGEST_MESSAGE)
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._fragments: list[bytes] = []
        self._unread = b""
        self._next_piece: asyncio.Handle | None = None
        # Nothing is written to a client that does not read, nor read from it.
        self._is_held = False
        self._said_goodbye = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a connection."""
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._transport.set_write_buffer_limits(high=MOST_UNREAD)
        if self.server is not None:
            self.server.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the client."""
        self._stop_timer()
        self._unread = b""
        if self.session is not None:
            self.session.end()
        self.sockets.forget(self)
        if self.server is not None:
            self.server.connections.discard(self)

    def shutdown(self) -> None:
        """Send the client away because the server stops."""
        self.close(RESTART, f"the house restarts: {RESUME}")

    # --- what comes ---

    def data_received(self, data: bytes) -> None:
        """Read what the client sends, a piece at once and the rest in later turns."""
        if self.session is not None:
            self.session.unanswered = 0
        self._unread += data
        if self._next_piece is None:
            self._read_on()

    def _read_on(self) -> None:
        """Read the next piece; nothing is read as long as the client does not read."""
        self._next_piece = None
        if not self._is_held and self._unread:
            piece, self._unread = self._unread[:PIECE], self._unread[PIECE:]
            self._read(piece)
        if self._transport.is_closing():
            self._unread = b""
        elif not self._is_held and not self._unread:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()
            if not self._is_held:
                self._next_piece = asyncio.get_running_loop().call_soon(self._read_on)

    def _read(self, piece: bytes) -> None:
        self._wire.receive_data(piece)
        for event in self._wire.events_received():
            if isinstance(event, Request):
                self._greet(event)
            elif isinstance(event, Frame):
                self._hear(event)
        self._flush()

    def eof_received(self) -> bool:
        """Let the connection be closed."""
        self._wire.receive_eof()
        self._flush()
        return False

    def _greet(self, request: Request) -> None:
        try:
            self.sockets.admit(self, request)
        except Refusal as refusal:
            self._wire.send_response(_no(refused(refusal)))
            return
        response = self._wire.accept(request)
        self._wire.send_response(response)
        if self._wire.state is OPEN:
            self._flush()
            self.session = self.sockets.make(self._transport.write, self._drop)
            self.session.begin()

    def _hear(self, frame: Frame) -> None:
        if self.session is None or self._wire.state is not OPEN:
            return
        if frame.opcode is Opcode.BINARY:
            self.close(UNACCEPTABLE, "the feed speaks JSON in text messages")
            return
        if frame.opcode in (Opcode.TEXT, Opcode.CONT):
            if frame.data:
                self._fragments.append(bytes(frame.data))
            if frame.fin:
                message, self._fragments = b"".join(self._fragments), []
                self.session.hear(message)

    # --- what goes ---

    def _flush(self) -> None:
        for data in self._wire.data_to_send():
            if not data:
                self._transport.close()
            elif not self._said_goodbye:
                self._transport.write(data)
        if self._wire.state is not OPEN and not self._said_goodbye:
            self._said_goodbye = True
            self._leave()

    def _leave(self) -> None:
        if self.session is not None:
            self.session.end()
        if self._wire.close_expected():
            self._wait(LAST_WORDS, self._transport.abort)

    def close(self, code: int, reason: str) -> None:
        """Send the client away, with words."""
        if self._wire.state is not OPEN:
            self._transport.close()
            return
        self._wire.send_close(code, reason[:LONGEST_REASON])
        self._flush()

    def _drop(self, reason: str) -> None:
        FEED_DROPPED.labels("refused").inc()
        self.close(POLICY, reason)

    def pause_writing(self) -> None:
        """The client does not read as fast as is written."""
        if self.session is not None and self._wire.state is OPEN:
            self.session.pause()
            self._hold(held=True)
            self._wait(PATIENCE, self._too_slow)

    def resume_writing(self) -> None:
        """The client has read again."""
        if self.session is not None and self._wire.state is OPEN:
            self._stop_timer()
            self._hold(held=False)
            self.session.go_on()

    def _hold(self, *, held: bool) -> None:
        """Read nothing from the client, or go on with it."""
        self._is_held = held
        if self._next_piece is None:
            self._next_piece = asyncio.get_running_loop().call_soon(self._read_on)

    def _too_slow(self) -> None:
        log.info(
            "a client of the feed was too slow", unread=self._transport.get_write_buffer_size()
        )
        FEED_DROPPED.labels("slow").inc()
        self.close(LATER, f"you read too slowly: {RESUME}")
        self._hold(held=False)  # it may say goodbye as well

    def _wait(self, seconds: float, then: Callable[[], object]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _no(problem: ProblemAnswer) -> Response:
    body = problem.body()
    headers: Mapping[str, str] = {
        **{name.decode(): value.decode() for name, value in USUAL},
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **problem.headers,
    }
    status = HTTPStatus(problem.status)
    return Response(status.value, status.phrase, Headers(headers), body)
