"""The feed over a real socket, as any client meets it: its handshake, its bounds, its goodbyes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from rooms.entrypoints.gateway.app import build_app
from rooms.entrypoints.gateway.feed import socket as feed_socket
from rooms.entrypoints.gateway.feed.socket import FeedSocket
from rooms.processes.web import web_server
from tests.entrypoints.conftest import gateway_over
from tests.feed_houses import FeedHouse


@asynccontextmanager
async def serving(fed: FeedHouse) -> AsyncIterator[str]:
    """Serve the gateway with the feed as a house does; give its address."""
    app = build_app(gateway_over(fed.house, []))
    server, taken = web_server(app, fed.feed.sockets), socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        app.close()
        fed.feed.sockets.close()
        server.should_exit = True
        await task


@pytest.fixture
async def base(fed: FeedHouse) -> AsyncIterator[str]:
    async with serving(fed) as base:
        yield base


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def test_a_client_watches_over_a_socket_and_the_house_says_goodbye(
    fed: FeedHouse, http: aiohttp.ClientSession
) -> None:
    async with serving(fed) as base:
        watching = await http.ws_connect(f"{base}/v1/live")
        await watching.send_json({"op": "subscribe", "topics": ["rooms"]})
        snapshot = await watching.receive_json()
        await fed.feed.hub.beat()
        assert (await watching.receive_json())["type"] == "heartbeat"
        await fed.house.open_room(await fed.house.player())
        await fed.deliver()
        changed = await watching.receive_json()
        assert (changed["type"], changed["seq"]) == ("room.changed", snapshot["seq"] + 1)
    goodbye = await watching.receive()

    assert (goodbye.type, goodbye.data) == (aiohttp.WSMsgType.CLOSE, 1012)
    assert goodbye.extra == "the house restarts: connect again and resume"


async def test_who_comes_with_a_token_in_the_address_or_elsewhere_is_not_let_in(
    base: str, http: aiohttp.ClientSession
) -> None:
    for path, status in (("/v1/live?token=secret", 400), ("/v1/rooms", 404), ("/", 404)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(base + path)
        assert refused.value.status == status
        assert refused.value.headers is not None
        assert refused.value.headers["Content-Security-Policy"] == "default-src 'self'"
        assert refused.value.headers["Cache-Control"] == "no-store"

    async with http.get(f"{base}/v1/live") as answer:
        assert answer.status == 404


async def test_one_address_holds_so_many_connections_and_no_more(
    base: str, http: aiohttp.ClientSession
) -> None:
    held = [await http.ws_connect(f"{base}/v1/live") for _ in range(3)]

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{base}/v1/live")
    assert refused.value.status == 429
    await held.pop().close()
    again = await http.ws_connect(f"{base}/v1/live")

    await again.send_json({"op": "subscribe", "topics": ["rooms"]})
    assert (await again.receive_json())["type"] == "snapshot"
    for each in (*held, again):
        await each.close()


async def test_what_is_no_text_or_too_large_or_too_much_ends_the_connection_with_words(
    base: str, http: aiohttp.ClientSession
) -> None:
    async def binary(of: Any) -> None:
        await of.send_bytes(b"{}")

    async def large(of: Any) -> None:
        await of.send_str("x" * 20_000)

    async def flood(of: Any) -> None:
        for _ in range(200):
            await of.send_str('{"op":"subscribe","topics":["rooms"]}')

    async def wrong(of: Any) -> None:
        for _ in range(21):
            await of.send_str("nonsense")

    for send, code in ((binary, 1003), (large, 1009), (flood, 1008), (wrong, 1008)):
        watching = await http.ws_connect(f"{base}/v1/live")
        await send(watching)
        async for _ in watching:
            pass
        assert watching.close_code == code, send.__name__


async def test_who_reads_nothing_is_written_to_no_more_and_is_told_why(
    fed: FeedHouse, base: str, http: aiohttp.ClientSession
) -> None:
    watching = await http.ws_connect(f"{base}/v1/live")
    await watching.send_json({"op": "subscribe", "topics": ["rooms"]})
    await watching.receive_json()
    (ours,) = fed.feed.sockets._open

    ours.pause_writing()  # as the transport does once nothing more goes through
    await fed.house.open_room(await fed.house.player())
    await fed.deliver()
    ours._too_slow()
    goodbye = await watching.receive()

    assert (goodbye.type, goodbye.data) == (aiohttp.WSMsgType.CLOSE, 1013)
    assert goodbye.extra == "you read too slowly: connect again and resume"


EMPTY_PING = b"\x89\x80\0\0\0\0"
HANDSHAKE = (
    b"GET /v1/live HTTP/1.1\r\nHost: house\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Transport(asyncio.Transport):
    """Counts what is written, and knows whether anything is read."""

    def __init__(self) -> None:
        super().__init__({"peername": ("10.0.0.1", 1)})
        self.written = 0
        self.reads = True
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    abort = close


@pytest.fixture
async def connected(fed: FeedHouse) -> AsyncIterator[tuple[FeedSocket, Transport]]:
    one, transport = FeedSocket(fed.feed.sockets, None), Transport()
    one.connection_made(transport)
    one.data_received(HANDSHAKE)
    transport.written = 0
    yield one, transport
    one.connection_lost(None)


async def turns(many: int) -> None:
    for _ in range(many):
        await asyncio.sleep(0)


async def test_a_crowd_of_messages_is_read_in_many_turns_of_the_loop(
    connected: tuple[FeedSocket, Transport],
) -> None:
    one, transport = connected
    one.data_received(EMPTY_PING * 10_000)
    assert transport.written < 2_000
    assert not transport.reads
    await turns(50)
    assert transport.written == 2 * 10_000
    assert transport.reads


async def test_who_does_not_read_is_not_read_from(
    connected: tuple[FeedSocket, Transport],
) -> None:
    one, transport = connected
    one.pause_writing()
    await turns(2)
    one.data_received(EMPTY_PING * 1_000)
    await turns(5)
    assert (transport.written, transport.reads) == (0, False)
    one.resume_writing()
    await turns(5)
    assert (transport.written, transport.reads) == (2 * 1_000, True)


async def test_who_was_sent_away_keeps_no_connection_by_going_on(
    connected: tuple[FeedSocket, Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_socket, "LAST_WORDS", 0.05)
    one, transport = connected
    one.close(1008, "enough")
    written = transport.written
    async with asyncio.timeout(10):
        while not transport.closed:
            one.data_received(EMPTY_PING)
            await turns(1)
    assert transport.written == written


async def test_parts_of_a_message_that_are_empty_take_no_memory(
    connected: tuple[FeedSocket, Transport],
) -> None:
    one, _ = connected
    one.data_received(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 300)
    assert one._fragments == []
