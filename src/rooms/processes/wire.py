"""One player's connection: HTTP as uvicorn reads it, with bounds on what a stranger can do to it.

uvicorn takes heads of any size, takes what follows a body for headers as well, waits for a
request's end for ever, answers the first of several requests with the fault of a later one, reads
as many requests at once as somebody sends, takes the body of one that wishes for another protocol
for a request, and writes to connections that are gone. Not so here.
"""

from asyncio import Event, TimerHandle, Transport
from collections import deque
from collections.abc import Mapping
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from rooms.entrypoints.gateway.front import WHOLE, Front, Headers
from rooms.entrypoints.gateway.problems import header_lines
from rooms.entrypoints.gateway.swiftbets import AskedBet, usual
from rooms.processes.loop import most_connections

NO_HTTP: Final = "Invalid HTTP request received."
LARGEST_HEAD: Final = 64 * 1024
# So much is read before it is seen whether requests wait already: reading them takes the loop's
# time and memory before any limit on requests is asked.
PIECE: Final = 4 * 1024
# Seconds from a request's first byte to its last, and from a connection to its first request.
READ_WITHIN: Final = 20.0


class Wire(HttpToolsProtocol):
    """Reads requests, starts the application for each, in order."""

    pipeline: deque[tuple[RequestResponseCycle, Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running: RequestResponseCycle | None = None
        # Since when a request is awaited or read; None while its answer is.
        self._reading_since: float | None = None
        self._in_head = True
        self._head_lines: list[tuple[bytes, bytes]] = []
        # How much was read since the last byte of a body, or the last end of a head.
        self._beside_bodies = 0
        self._last_words: str | None = None
        self._unread = b""
        # It is a request with a wish that is read again without it.
        self._is_read_again = False
        # Since when nothing is asked; None while something is.
        self._idle_since: float | None = None
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request; one too many is not let in."""
        if len(self.connections) >= most_connections():
            self.transport = transport
            transport.abort()
            return
        super().connection_made(transport)
        self._reading_since = self.loop.time()
        self._deadline = self.loop.call_later(READ_WITHIN, self._look_at_deadline)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered that nobody listens."""
        super().connection_lost(exc)
        self.pipeline.clear()
        self._unread = b""
        if self._running is not None:
            _leave(self._running)
        for timer in (self._deadline, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()

    def _look_at_deadline(self) -> None:
        now, since = self.loop.time(), self._reading_since
        if since is not None and now - since >= READ_WITHIN and not self.flow.read_paused:
            self._close()
            return
        self._deadline = self.loop.call_later(READ_WITHIN / 2, self._look_at_deadline)

    def data_received(self, data: bytes) -> None:
        """Take what came, but no head without end and nothing after what was no HTTP."""
        if self._last_words is not None or self.transport.is_closing():
            return
        if self._unread or self.pipeline or len(data) > PIECE:
            self._unread += data
        else:
            self._take(data)
        if self._unread:
            self._read_on()

    def _read_on(self) -> None:
        """Read piece after piece; what comes while requests wait for their turn waits as well."""
        while self._unread and not self.pipeline:
            piece, self._unread = self._unread[:PIECE], self._unread[PIECE:]
            self._take(piece)
        if self._unread:
            self.flow.pause_reading()

    def _take(self, piece: bytes) -> None:
        self._beside_bodies += len(piece)
        self._read(piece)
        if self._beside_bodies > LARGEST_HEAD:
            part = "head" if self._in_head else "end"
            self.send_400_response(f"The {part} of the request is too large.")
        if self._last_words is not None or self.transport.is_closing():
            self._unread = b""

    def _read(self, piece: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(piece)
        except HttpParserUpgrade as upgrade:
            if self._is_read_again:
                self._read_again(piece[upgrade.args[0] :])
            else:
                self.handle_websocket_upgrade()
        except HttpParserError:
            self.send_400_response(NO_HTTP)

    def _read_again(self, rest: bytes) -> None:
        """Read a request that wishes for a protocol that is not spoken here without its wish.

        The parser takes all that follows such a head for the other protocol, its body too.
        """
        if self.parser.get_method() == b"CONNECT":
            self.send_400_response(NO_HTTP)
            return
        lines = header_lines(line for line in self._head_lines if line[0] != b"upgrade")
        version = self.parser.get_http_version().encode()
        begun = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._unread = b"%b%b\r\n%b" % (begun, lines, rest) + self._unread

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to what reads WebSockets, as soon as nothing else uses it."""
        self._unread = b""  # who asks for a WebSocket waits for the answer
        running = self._running
        if running is not None and not running.response_complete:
            self.send_400_response("A WebSocket begins a connection, or follows an answer.")
            return
        if self._deadline is not None:
            self._deadline.cancel()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        self.url, self._head_lines = b"", []
        self._reading_since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a body is none, whatever it says."""
        if self._in_head:
            self._head_lines.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Start the application, as soon as the earlier requests are answered."""
        self._in_head, self._beside_bodies = False, 0
        self._is_read_again = self.parser.should_upgrade() and not self._asks_for_websocket()
        if self._is_read_again:
            return
        bet = self._begin_bet()
        if bet is None:
            self._tell_uvicorn()
        else:
            self.cycle = bet

    def _asks_for_websocket(self) -> bool:
        wish = dict(self._head_lines).get(b"upgrade", b"")
        return self.ws_protocol_class is not None and wish.lower() == b"websocket"

    def _should_upgrade(self) -> bool:
        return not self._is_read_again

    def _tell_uvicorn(self) -> None:
        """Let uvicorn hear of a request that it has to answer; of bets it hears nothing."""
        url = self.url
        super().on_message_begin()
        self.url = url
        for name, value in self._head_lines:
            super().on_header(name, value)
        super().on_headers_complete()

    def _begin_bet(self) -> "Bet | None":
        """Give the bet that begins here; None where it is something else, or not its turn."""
        parser = self.parser
        waits = self.cycle is not None and not self.cycle.response_complete
        if waits or parser.should_upgrade() or parser.get_http_version() != "1.1":
            return None
        found = usual(parser.get_method(), self.url, self._head_lines)
        return None if found is None else Bet(*found, keep_alive=parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """Hand on a part of the body."""
        self._beside_bodies = 0
        if isinstance(self.cycle, Bet):
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the request be read to its end."""
        self._in_head = True
        if self._is_read_again:
            return
        self._beside_bodies, self._reading_since = 0, None
        bet = self.cycle
        if not isinstance(bet, Bet):
            super().on_message_complete()
        # A handshake has no cycle: what ends then is not the bet before it.
        elif bet.more_body:
            bet.more_body, self._running = False, bet
            address = self.client[0] if self.client else ""
            answer = partial(self._answer_bet, bet)
            asked = AskedBet(
                bet.room, bet.headers, address, bytes(bet.body), perf_counter(), answer
            )
            cast("Front", self.config.app).take_bet(asked)

    def _answer_bet(self, bet: "Bet", status: int, lines: bytes, body: bytes) -> None:
        if bet.disconnected:
            return
        if self.flow.write_paused:
            # Who does not read what was answered before is not read from either.
            task = self.loop.create_task(self._answer_later(bet, status, lines, body))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return
        bet.response_complete = True
        usual = _usual_lines(*self.server_state.default_headers)
        self.transport.write(_head(status, usual + lines, bet.keep_alive) + body)
        if not bet.keep_alive:
            self.transport.close()
        self.on_response_complete()

    async def _answer_later(self, bet: "Bet", status: int, lines: bytes, body: bytes) -> None:
        await self.flow.drain()
        self._answer_bet(bet, status, lines, body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        cast("dict[str, Any]", cycle.scope)[WHOLE] = partial(_answer_whole, cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on to the next request; say what was wrong with it after all answers before it."""
        if self._last_words is not None and not self.pipeline:
            self._close_with(self._last_words)
        elif self.pipeline:
            super().on_response_complete()
        else:
            self.server_state.total_requests += 1
            if not self.transport.is_closing():
                self.flow.resume_reading()
                self._rest()
        if self._unread:
            self._read_on()

    def _rest(self) -> None:
        """Close the connection if nothing is asked for as long as uvicorn waits.

        A timer that runs is left to run out, and goes on for what is missing then: to set one anew
        for every answer costs more than to write the answer's head.
        """
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait_idle(self.timeout_keep_alive)

    def _wait_idle(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        """Close what has been idle for long enough; wait on where something was asked since."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._wait_idle(left)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        if self._idle_since is not None:
            # Something came. It may be the empty line that may stand before a request, and no more.
            self._idle_since, self._reading_since = None, self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, after the answers to what came before it."""
        unfinished = self.cycle
        if unfinished is not None and unfinished.more_body and not unfinished.response_complete:
            _leave(unfinished)
            if self.pipeline and self.pipeline[0][0] is unfinished:
                self.pipeline.popleft()
        running = self._running
        if running is None or running.response_complete or running.disconnected:
            self._close_with(msg)
        else:
            self._last_words = msg

    def _close_with(self, words: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(words)
        self._close()

    def _close(self) -> None:
        if self._running is not None:
            _leave(self._running)
        self.transport.close()


class Bet(RequestResponseCycle):
    """A bet that is read or answered: to uvicorn a cycle like the others, without ASGI."""

    # Nobody waits for the body or for the client to leave.
    message_event = Event()

    def __init__(self, room: str, headers: Mapping[bytes, bytes], *, keep_alive: bool) -> None:
        self.room, self.headers, self.keep_alive = room, headers, keep_alive
        self.body = bytearray()
        self.more_body = True
        self.response_complete = self.disconnected = False


async def _answer_whole(
    cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes
) -> None:
    """Send head and body by one write; the headers give the body's length.

    It leaves the cycle as uvicorn's ``send`` does after both messages, at a third of the cost.
    """
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return
    lines = header_lines((*cycle.default_headers, *headers))
    head = _head(status, lines, cycle.keep_alive)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(head if cycle.scope["method"] == "HEAD" else head + body)
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


# The date is among them, so they are new every second.
@lru_cache(maxsize=8)
def _usual_lines(*headers: tuple[bytes, bytes]) -> bytes:
    return header_lines(headers)


def _head(status: int, lines: bytes, keep_alive: bool) -> bytes:  # noqa: FBT001 - private
    close = b"" if keep_alive else b"connection: close\r\n"
    return b"%b%b%b\r\n" % (STATUS_LINE[status], lines, close)


def _leave(cycle: RequestResponseCycle) -> None:
    cycle.disconnected = True
    cycle.message_event.set()
