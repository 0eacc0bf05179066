"""What a stranger's connection can do to the server, byte by byte."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from resource import RLIMIT_NOFILE, getrlimit
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from rooms.processes import wire
from rooms.processes.loop import most_connections
from tests.entrypoints.conftest import Web, gateway_over, is_problem, serving
from tests.houses import ONE, House

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: house\r\n\r\n"


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def said(self) -> bytes:
        """Everything until the server closes the connection."""
        async with asyncio.timeout(30):
            return await self.reader.read()

    async def answer(self) -> bytes:
        """The head of the next answer."""
        async with asyncio.timeout(30):
            return await self.reader.readuntil(b"\r\n\r\n")

    def leave(self) -> None:
        self.writer.transport.abort()


async def connect(served: Web) -> Connection:
    at = urlsplit(str(served.client.base_url))
    return Connection(*await asyncio.open_connection(at.hostname, at.port))


@pytest.fixture
async def connection(served: Web) -> AsyncIterator[Connection]:
    opened = await connect(served)
    yield opened
    opened.leave()


def a_bet(token: str, room: str, *, length: int | None = None) -> bytes:
    body = b'{"side":"YES","stake":{"amount":"1000000000","asset":"SOL"}}'
    size = len(body) if length is None else length
    head = f"POST /v1/rooms/{room}/bets HTTP/1.1\r\nHost: house\r\nContent-Length: {size}\r\n"
    mine = f"Authorization: Bearer {token}\r\nIdempotency-Key: wire\r\n\r\n"
    return (head + mine).encode() + body


async def test_a_head_without_end_is_refused(connection: Connection) -> None:
    connection.writer.write(b"GET / HTTP/1.1\r\nHost: house\r\nX: " + b"x" * wire.LARGEST_HEAD)
    said = await connection.said()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.endswith(b"The head of the request is too large.")


CHUNKED = (
    b"GET /v1/wallet HTTP/1.1\r\nHost: house\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
)


async def test_what_follows_a_body_is_no_header(served: Web, connection: Connection) -> None:
    token = await served.token()
    connection.writer.write(CHUNKED + f"Authorization: Bearer {token}\r\n\r\n".encode() + LIVEZ)
    assert (await connection.answer()).startswith(b"HTTP/1.1 401 ")
    await connection.reader.readuntil(b"}")
    assert (await connection.answer()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "begun", [CHUNKED + b"X: ", CHUNKED[:-3] + b"1;a="], ids=["trailer", "part"]
)
async def test_what_follows_a_body_without_end_is_refused(
    connection: Connection, begun: bytes
) -> None:
    connection.writer.write(begun)
    assert (await connection.answer()).startswith(b"HTTP/1.1 401 ")
    connection.writer.write(b"x" * (wire.LARGEST_HEAD + 1))
    assert (await connection.said()).endswith(b"The end of the request is too large.")


async def test_a_body_in_the_smallest_parts_is_read_however_much_stands_between_them(
    served: Web, connection: Connection
) -> None:
    token = await served.token(fund=5 * ONE)
    room = (await served.room(token))["id"]
    head, body = a_bet(token, room).split(b"\r\n\r\n", 1)
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    between = b"1;" + b"x" * 2000 + b"\r\n"
    parts = b"".join(between + body[at : at + 1] + b"\r\n" for at in range(len(body)))
    connection.writer.write(head + b"\r\n\r\n" + parts + b"0\r\n\r\n")
    assert (await connection.answer()).startswith(b"HTTP/1.1 201 ")


async def test_what_is_no_http_takes_no_answer_from_a_bet_before_it(
    served: Web, connection: Connection
) -> None:
    token = await served.token(fund=5 * ONE)
    room = (await served.room(token))["id"]
    connection.writer.write(LIVEZ + a_bet(token, room) + b"\0\0\0 nothing\r\n\r\n")
    said = await connection.said()
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", said)
    assert statuses == [b"200", b"201", b"400"]
    assert len((await served.get("/v1/bets", token)).json()["items"]) == 1


async def test_answers_come_in_the_order_of_the_requests(
    served: Web, connection: Connection
) -> None:
    token = await served.token(fund=5 * ONE)
    room = (await served.room(token))["id"]
    bet = a_bet(token, room)
    chunked = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", bet)
    head, body = chunked.split(b"\r\n\r\n", 1)
    unusual = b"%b\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)
    last = LIVEZ[:-2] + b"Connection: close\r\n\r\n"
    connection.writer.write(a_bet("nobody", room) + LIVEZ + bet + unusual + bet + last)
    said = await connection.said()
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"401", b"200", b"201", b"201", b"201", b"200"]
    assert said.count(b"idempotent-replay: true") == 2


async def test_requests_sent_at_once_are_all_answered(connection: Connection) -> None:
    connection.writer.write(LIVEZ * 1_000 + LIVEZ[:-2] + b"Connection: close\r\n\r\n")
    assert (await connection.said()).count(b"HTTP/1.1 200 ") == 1_001


async def test_a_bet_in_pieces_is_one_and_the_connection_closes_when_it_says_so(
    served: Web, connection: Connection
) -> None:
    token = await served.token(fund=5 * ONE)
    room = (await served.room(token))["id"]
    bet = a_bet(token, room).replace(b"Host: house", b"Host: house\r\nConnection: close")
    for at in range(0, len(bet), 7):
        connection.writer.write(bet[at : at + 7])
        await connection.writer.drain()
        await served.get("/livez")  # the server has read what was sent
    said = await connection.said()
    assert said.startswith(b"HTTP/1.1 201 ")
    assert b"\r\nconnection: close\r\n" in said


async def test_a_client_that_leaves_amid_its_bet_is_no_event_in_the_log(
    served: Web, caplog: pytest.LogCaptureFixture
) -> None:
    token = await served.token(fund=5 * ONE)
    room = (await served.room(token))["id"]
    with capture_logs() as logs, caplog.at_level(logging.WARNING):
        for _ in range(10):
            connection = await connect(served)
            connection.writer.write(a_bet(token, room))
            await connection.writer.drain()
            connection.leave()
        connection = await connect(served)
        connection.writer.write(a_bet(token, room))
        assert (await connection.answer()).startswith(b"HTTP/1.1 201 ")
        connection.leave()
    assert [*logs, *caplog.records] == []
    assert len((await served.get("/v1/bets", token)).json()["items"]) == 1


async def test_a_bet_cut_in_the_middle_is_none_and_no_event_in_the_log(
    served: Web, caplog: pytest.LogCaptureFixture
) -> None:
    token = await served.token(fund=5 * ONE)
    room = (await served.room(token))["id"]
    whole = a_bet(token, room)
    with capture_logs() as logs, caplog.at_level(logging.WARNING):
        for missing in (1, 50, 60_000) * 4:
            connection = await connect(served)
            connection.writer.write(LIVEZ + a_bet(token, room, length=len(whole) + missing))
            await connection.answer()
            connection.leave()
        assert (await served.get("/v1/bets", token)).json()["items"] == []
    assert [*logs, *caplog.records] == []
    assert (await served.get("/v1/wallet", token)).json()["balances"][0]["available"]["amount"] == (
        str(5 * ONE)
    )


async def test_a_client_that_leaves_amid_many_requests_is_no_event_in_the_log(
    served: Web, caplog: pytest.LogCaptureFixture
) -> None:
    await served.room()
    rooms = LIVEZ.replace(b"/livez", b"/v1/rooms")
    with capture_logs() as logs, caplog.at_level(logging.WARNING):
        for _ in range(10):
            connection = await connect(served)
            connection.writer.write(rooms * 50)
            await connection.answer()
            connection.leave()
        assert (await served.get("/livez")).status_code == 200
    assert [*logs, *caplog.records] == []


async def test_a_request_that_never_ends_is_not_awaited_for_ever(
    served: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "READ_WITHIN", 0.05)
    for begun in (b"", b"GET /livez HT", LIVEZ[:-2], a_bet("token", "1", length=900)):
        connection = await connect(served)
        connection.writer.write(begun)
        assert b"HTTP/1.1 2" not in await connection.said()
        connection.leave()
    assert (await served.get("/livez")).status_code == 200


async def test_an_empty_line_after_an_answer_holds_no_connection_for_ever(
    served: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "READ_WITHIN", 0.5)
    connection = await connect(served)
    connection.writer.write(LIVEZ)
    assert (await connection.answer()).startswith(b"HTTP/1.1 200 ")
    connection.writer.write(b"\r\n")
    assert b"HTTP/1.1" not in await connection.said()
    connection.leave()


async def test_strangers_leave_the_house_the_files_that_it_needs_itself(
    served: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert most_connections() < getrlimit(RLIMIT_NOFILE)[0]
    assert (await served.get("/livez")).status_code == 200
    monkeypatch.setattr(wire, "most_connections", lambda: 2)  # the client's own is one of them
    kept, *others = [await connect(served) for _ in range(3)]
    assert await others[-1].said() == b""
    kept.writer.write(LIVEZ)
    assert (await kept.answer()).startswith(b"HTTP/1.1 200 ")
    for each in (kept, *others):
        each.leave()


async def test_a_request_for_another_protocol_is_answered_in_this_one(
    connection: Connection,
) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    connection.writer.write(LIVEZ[:-2] + upgrade)
    assert (await connection.answer()).startswith(b"HTTP/1.1 200 ")


async def test_the_body_after_a_wish_for_another_protocol_is_a_body_and_no_request(
    served: Web, connection: Connection
) -> None:
    token = await served.token(fund=5 * ONE)
    room = (await served.room(token))["id"]
    wish = b"Host: house\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c"
    head, body = a_bet(token, room).replace(b"Host: house", wish).split(b"\r\n\r\n", 1)
    hidden = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(LIVEZ), head)
    connection.writer.write(hidden + b"\r\n\r\n")
    await connection.writer.drain()
    await served.get("/livez")  # the server has read the head
    last = LIVEZ[:-2] + b"Connection: close\r\n\r\n"
    connection.writer.write(LIVEZ + head + b"\r\n\r\n" + body + last)
    said = await connection.said()
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"422", b"201", b"200"]


async def test_nothing_is_reached_through_the_house(connection: Connection) -> None:
    connection.writer.write(b"CONNECT house:443 HTTP/1.1\r\nHost: house:443\r\n\r\n" + LIVEZ)
    said = await connection.said()
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"400"]


async def test_an_address_holds_a_number_of_streams_and_gets_back_what_it_leaves(
    house: House,
) -> None:
    gateway = gateway_over(house, [], streams_per_ip=2)
    async with serving(gateway) as base, httpx.AsyncClient(base_url=base) as client:
        async with AsyncExitStack() as pages:
            heard = []
            for _ in range(2):
                page = await pages.enter_async_context(client.stream("GET", "/live/rooms"))
                heard.append(page.aiter_bytes())  # one that is forgotten closes the page
                await anext(heard[-1])
            problem = is_problem(await client.get("/live/rooms"), 429, "E-STREAMS")
            assert "The most is 2." in problem["detail"]
            assert (await client.head("/live/rooms")).status_code == 429
        async with asyncio.timeout(30):
            while (await client.head("/live/rooms")).status_code == 429:
                pass


async def test_head_is_get_without_a_body_and_options_says_what_else(served: Web) -> None:
    room = (await served.room())["id"]
    for path in ("/", "/livez", "/v1/rooms", f"/v1/rooms/{room}", "/errors", "/live/rooms"):
        head = await served.client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        allowed = (await served.client.options(path)).headers["Allow"].split(", ")
        assert {"GET", "HEAD", "OPTIONS"} <= set(allowed), path
    read = await served.get("/v1/rooms")
    head = await served.client.head("/v1/rooms")
    assert head.headers["content-length"] == str(len(read.content))
    assert (await served.client.head("/v1/wallet")).status_code == 401
    assert "POST" in (await served.client.options("/v1/rooms")).headers["Allow"]
    refused = await served.client.delete("/v1/rooms")
    is_problem(refused, 405, "E-METHOD")
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
