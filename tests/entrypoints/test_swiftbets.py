"""The bet's own way in answers what the framework's would, to the byte."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from rooms.contexts.identity.domain import token_digest
from rooms.entrypoints.gateway.swiftbets import LARGEST_BODY, AskedBet, usual
from rooms.processes.wire import Bet, Wire
from tests.entrypoints.conftest import Web, is_problem
from tests.houses import ONE

BET = {"side": "YES", "stake": {"amount": str(ONE), "asset": "SOL"}}
VARYING = {"x-request-id", "date"}
URL = b"/v1/rooms/12/bets"
A_BET = b"POST /v1/rooms/1/bets HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
HEADERS = [(b"host", b"house"), (b"connection", b"keep-alive"), (b"content-length", b"61")]


@dataclass(frozen=True)
class Both:
    """Sends a request by both ways. A slash at the end is nothing to the framework."""

    web: Web

    async def answers(self, room: str, **request: Any) -> tuple[httpx.Response, httpx.Response]:
        path = f"/v1/rooms/{room}/bets"
        swift = await self.web.client.post(path, **request)
        framework = await self.web.client.post(f"{path}/", **request)
        return swift, framework


@pytest.fixture
def both(served: Web) -> Both:
    return Both(served)


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, written: list[bytes]) -> None:
        super().__init__()
        self.protocol: Any = None
        self.closed = asyncio.Event()
        self.write = written.append  # type: ignore[assignment]

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        self.closed.set()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        pass


class Socket(asyncio.Protocol):
    """What a connection becomes after a handshake."""

    def __init__(self, **_: Any) -> None:
        pass


def a_wire(written: list[bytes], taken: list[AskedBet]) -> Wire:
    front: Any = SimpleNamespace(take_bet=taken.append)
    wire = Wire(uvicorn.Config(front, log_config=None), ServerState(), {})
    wire.connection_made(Transport(written))
    return wire


def said(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    headers = {name: text for name, text in answer.headers.items() if name not in VARYING}
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"headers": {}}, 401, id="nobody"),
        pytest.param({"headers": {"authorization": "Bearer nonsense"}}, 401, id="a stranger"),
        pytest.param({"headers": {"authorization": "Basic x"}}, 401, id="another scheme"),
        pytest.param({"key": None}, 400, id="no key"),
        pytest.param({"key": "x" * 256}, 400, id="a long key"),
        pytest.param({"room": "0"}, 404, id="no such room"),
        pytest.param({"room": "abc"}, 404, id="no number"),
        pytest.param({"content": b""}, 422, id="no body"),
        pytest.param({"content": b"{"}, 422, id="half a body"),
        pytest.param({"content": b"[" * 60_000}, 422, id="a deep body"),
        pytest.param({"content": b"\xff" * 100}, 422, id="no text"),
        pytest.param({"content": b" " * 70_000}, 413, id="a large body"),
        pytest.param({"json": {**BET, "more": 1}}, 422, id="an unknown field"),
        pytest.param({"json": {**BET, "stake": {"amount": "1", "asset": "SOL"}}}, 422, id="stake"),
        pytest.param({"json": {**BET, "stake": {"amount": "-1", "asset": "BTC"}}}, 422, id="asset"),
    ],
)
async def test_a_request_that_is_refused_is_refused_alike(
    both: Both, change: dict[str, Any], status: int
) -> None:
    token = await both.web.token()
    room = change.get("room") or (await both.web.room())["id"]
    headers = {"authorization": f"Bearer {token}", "idempotency-key": change.get("key", "key")}
    headers = change.get("headers", {k: v for k, v in headers.items() if v is not None})
    body = {k: v for k, v in change.items() if k in ("content", "json")} or {"json": BET}

    swift, framework = await both.answers(room, headers=headers, **body)

    assert swift.status_code == status
    assert said(swift) == said(framework)


async def test_a_bet_taken_by_one_way_is_replayed_by_the_other(both: Both) -> None:
    token, room = await both.web.token(), (await both.web.room())["id"]
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "key"}

    first, again = await both.answers(room, headers=headers, json=BET)
    swift, framework = await both.answers(room, headers=headers, json=BET)

    assert first.status_code == 201
    assert "idempotent-replay" not in first.headers
    assert first.content == again.content
    assert said(swift) == said(framework) == said(again)
    assert swift.headers["idempotent-replay"] == "true"


def test_a_bet_as_players_send_it_goes_its_own_way() -> None:
    assert usual(b"POST", URL, HEADERS) == ("12", dict(HEADERS))


@pytest.mark.parametrize(
    ("method", "url", "more"),
    [
        (b"GET", URL, []),
        (b"POST", URL + b"/", []),
        (b"POST", URL + b"?", []),
        (b"POST", b"http://house" + URL, []),
        (b"POST", b"/v1/rooms/%31/bets", []),
        (b"POST", b"/v1/rooms/abc/bets", []),
        (b"POST", b"/v1/rooms//bets", []),
        (b"POST", URL, [(b"host", b"another")]),
        (b"POST", URL, [(b"expect", b"100-continue")]),
        (b"POST", URL, [(b"transfer-encoding", b"chunked")]),
        (b"POST", URL, [(b"x-forwarded-for", b"10.0.0.1")]),
        (b"POST", URL, [(b"x-forwarded-proto", b"https")]),
    ],
)
def test_whatever_is_unusual_goes_the_way_of_the_framework(
    method: bytes, url: bytes, more: list[tuple[bytes, bytes]]
) -> None:
    assert usual(method, url, [*HEADERS, *more]) is None


def test_a_large_bet_goes_the_way_of_the_framework() -> None:
    assert usual(b"POST", URL, [(b"content-length", b"%d" % LARGEST_BODY)]) is not None
    assert usual(b"POST", URL, [(b"content-length", b"%d" % (LARGEST_BODY + 1))]) is None


async def test_a_token_that_is_revoked_places_no_bet_from_then_on(both: Both) -> None:
    token, room = await both.web.token(), (await both.web.room())["id"]
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "key"}
    first, _ = await both.answers(room, headers=headers, json=BET)
    async with both.web.house.database.transaction() as tx:
        await tx.execute("DELETE FROM identity.tokens WHERE digest = $1", token_digest(token))

    swift, framework = await both.answers(room, headers=headers, json=BET)

    assert first.status_code == 201
    assert swift.status_code == 401
    assert said(swift) == said(framework)


async def test_a_token_that_is_revoked_moves_no_money_with_its_second_bet(served: Web) -> None:
    player = await served.player(fund=10 * ONE)
    token, rooms = player["access_token"], [(await served.room())["id"] for _ in range(2)]
    assert (await served.bet(rooms[0], token)).status_code == 201
    assert served.house.identity.remembered(token) is not None
    async with served.house.database.transaction() as tx:
        await tx.execute("DELETE FROM identity.tokens WHERE digest = $1", token_digest(token))

    second = await served.bet(rooms[1], token)

    is_problem(second, 401, "E-AUTH")
    assert second.headers["www-authenticate"] == "Bearer"
    assert served.house.identity.remembered(token) is None
    async with served.house.database.snapshot() as tx:
        balance = await tx.value(
            "SELECT balance FROM ledger.accounts WHERE kind = 'player' AND owner = $1",
            player["player_id"],
        )
    assert balance == 9 * ONE
    await served.house.books_are_right()


async def test_who_is_remembered_wrongly_is_told_that_and_not_what_else_is_wrong(
    both: Both,
) -> None:
    token, room = await both.web.token(), (await both.web.room())["id"]
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "key"}
    await both.answers(room, headers=headers, json=BET)
    async with both.web.house.database.transaction() as tx:
        await tx.execute("DELETE FROM identity.tokens WHERE digest = $1", token_digest(token))

    swift, framework = await both.answers(room, headers=headers, content=b"{")

    assert swift.status_code == 401
    assert said(swift) == said(framework)


async def test_who_does_not_read_answers_gets_no_further_ones() -> None:
    written: list[bytes] = []
    wire = a_wire(written, [])
    bet = Bet("1", {}, keep_alive=True)
    wire.flow.pause_writing()
    wire._answer_bet(bet, 201, b"", b"placed")
    await asyncio.sleep(0)
    assert written == []
    wire.flow.resume_writing()
    await asyncio.gather(*wire.tasks)
    assert [each.rpartition(b"\r\n")[2] for each in written] == [b"placed"]


async def test_a_handshake_after_a_bet_does_not_place_it_again() -> None:
    taken: list[AskedBet] = []
    wire = a_wire([], taken)
    wire.data_received(A_BET)
    (bet,) = taken
    bet.answer(201, b"", b"")
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket"
    wire.ws_protocol_class = Socket
    wire.data_received(b"GET /v1/live HTTP/1.1\r\nHost: house\r\n" + upgrade + b"\r\n\r\n")
    assert taken == [bet]
    assert isinstance(cast("Transport", wire.transport).protocol, Socket)


async def test_of_requests_sent_at_once_a_few_are_read_before_the_first_is_answered() -> None:
    wire = a_wire([], [])
    wire.data_received(A_BET + b"GET / HTTP/1.1\r\n\r\n" * 10_000)
    assert wire.flow.read_paused
    assert 0 < len(wire.pipeline) < 300


async def test_a_connection_is_closed_when_it_is_idle_and_not_under_a_bet() -> None:
    taken: list[AskedBet] = []
    wire = a_wire([], taken)
    transport = cast("Transport", wire.transport)
    wire.timeout_keep_alive = 0
    wire.data_received(A_BET)
    taken[0].answer(201, b"", b"")
    wire.data_received(A_BET)  # the next one comes before the timer has run out
    wire.timeout_keep_alive_handler()
    assert not transport.closed.is_set()
    taken[1].answer(201, b"", b"")
    async with asyncio.timeout(10):
        await transport.closed.wait()


async def test_a_connection_stays_for_as_long_as_it_may_be_idle() -> None:
    taken: list[AskedBet] = []
    wire = a_wire([], taken)
    wire.data_received(A_BET)
    taken[0].answer(201, b"", b"")
    wire.timeout_keep_alive_handler()  # set for an answer before this one
    assert not wire.transport.is_closing()
    assert wire.timeout_keep_alive_task is not None
    wire.connection_lost(None)
    assert wire.timeout_keep_alive_task.cancelled()
