"""The bet's own way in answers what the framework's would, to the byte."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from rooms.entrypoints.gateway.swiftbets import LARGEST_BODY, usual
from tests.entrypoints.conftest import Web
from tests.houses import ONE

BET = {"side": "YES", "stake": {"amount": str(ONE), "asset": "SOL"}}
VARYING = {"x-request-id", "date"}
URL = b"/v1/rooms/12/bets"
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
