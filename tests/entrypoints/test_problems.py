import asyncio
import math
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from rooms.kernel.refusal import Refusal
from tests.entrypoints.conftest import NEW_ROOM, Web, bearing, client_of, gateway_over, is_problem


async def test_a_command_without_a_usable_key_is_refused(web: Web) -> None:
    token = await web.token()
    for path in ("/v1/rooms", "/v1/rooms/1/bets"):
        answer = await web.client.post(path, json=NEW_ROOM, headers=bearing(token))
        is_problem(answer, 400, "E-KEY-MISSING")
        for key in ("", "x" * 256, "Schlüssel".encode(), b"a\x7fb", "a\tb"):
            headers: dict[str, Any] = bearing(token) | {"Idempotency-Key": key}
            answer = await web.client.post(path, json=NEW_ROOM, headers=headers)
            is_problem(answer, 400, "E-KEY-FORM")
    longest = await web.post("/v1/rooms", NEW_ROOM, token, "~ " * 127 + "!")
    assert longest.status_code == 201


async def test_a_body_that_is_not_the_json_asked_for_is_refused(web: Web) -> None:
    token = await web.token()
    deep = b'{"title": "deep", "market": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    for number, body in enumerate(
        (
            *(b"", b"{", b"null", b"[]", b'"text"', b"12", b"{}", b"\xff\xfe", b"\x00"),
            *(b'{"title": NaN}', b'{"title": "\\ud800"}', b'{"title": "\xff"}', deep),
            *(b'{"title": "x", "market": 1e999}', b'{"market": ' + b"9" * 5000 + b"}"),
        )
    ):
        headers = bearing(token) | {"Idempotency-Key": f"{number}"}
        headers["Content-Type"] = "application/json"
        answer = await web.client.post("/v1/rooms", content=body, headers=headers)
        is_problem(answer, 422, "E-INPUT")


async def test_a_body_is_read_as_json_whatever_its_type_says(web: Web) -> None:
    headers = bearing(await web.token()) | {"Idempotency-Key": "k"}
    for media_type in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        answer = await web.client.post(
            "/v1/rooms", content=b"{}", headers=headers | {"Content-Type": media_type}
        )
        is_problem(answer, 422, "E-INPUT")


async def test_a_body_above_the_limit_is_refused_however_it_is_sent(web: Web) -> None:
    headers = bearing(await web.token()) | {"Idempotency-Key": "k"}
    large = b" " * (64 * 1024 + 1)

    async def in_pieces() -> Any:
        for _ in range(65):
            yield b" " * 1024

    for content in (large, in_pieces()):
        answer = await web.client.post("/v1/rooms", content=content, headers=headers)
        is_problem(answer, 413, "E-TOO-LARGE")
    fitting = await web.client.post("/v1/rooms", content=large[1:], headers=headers)
    is_problem(fitting, 422, "E-INPUT")


async def test_unknown_addresses_and_methods_are_problems_too(web: Web) -> None:
    for path in ("/v2", "/v1", "/v1/rooms/1/nothing", "/.env", "/v1/%2e%2e/x", "/errors/E-NOPE"):
        is_problem(await web.get(path), 404, "E-ROUTE")
    for method, path in (("DELETE", "/v1/rooms"), ("PUT", "/v1/wallet"), ("POST", "/livez")):
        answer = await web.client.request(method, path)
        is_problem(answer, 405, "E-METHOD")
        assert "GET" in answer.headers["Allow"]
        assert "GET" in answer.json()["detail"]


async def test_a_mistake_of_ours_is_logged_under_the_reference_that_is_answered(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        async def room(self, room: int) -> None:
            raise ZeroDivisionError(f"secret inside {room}")

    async with client_of(gateway_over(web.house, [], rooms=Broken())) as client:
        with capture_logs() as logs:
            answer = await client.get("/v1/rooms/5")

    problem = is_problem(answer, 500, "E-BUG")
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text
    (logged,) = logs
    assert logged["reference"] in problem["detail"]
    assert isinstance(logged["exc_info"], ZeroDivisionError)


async def test_a_value_that_the_driver_refuses_is_a_mistake_and_not_an_outage(web: Web) -> None:
    class Careless:
        async def room(self, _: int) -> None:
            async with web.house.database.transaction() as tx:
                await tx.value("SELECT $1::bigint", 2**70)

    async with client_of(gateway_over(web.house, [], rooms=Careless())) as client:
        is_problem(await client.get("/v1/rooms/5"), 500, "E-BUG")


async def test_a_refusal_is_told_even_where_its_data_is_missing(web: Web) -> None:
    class Terse:
        async def room(self, _: int) -> None:
            raise Refusal("E-BAL-LOW")

    async with client_of(gateway_over(web.house, [], rooms=Terse())) as client:
        problem = is_problem(await client.get("/v1/rooms/5"), 409, "E-BAL-LOW")
    assert "{" not in problem["detail"]


async def test_every_answer_carries_the_headers_that_protect_its_reader(web: Web) -> None:
    for path in (
        "/v1/rooms",
        "/livez",
        "/nothing",
        "/v1/wallet",
        "/api/docs",
        "/errors/E-STAKE",
        "/",
    ):
        headers = (await web.get(path, Accept="text/html")).headers
        assert headers["Content-Security-Policy"] == "default-src 'self'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert path == "/" or headers["Cache-Control"] == "no-store"


async def test_who_sends_too_fast_is_told_how_long_to_wait(web: Web) -> None:
    gateway = gateway_over(web.house, [], rate_per_token=3, rate_per_ip=5)
    async with client_of(gateway) as client:
        answers = [await client.get("/v1/wallet", headers=bearing("x")) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        problem = is_problem(answers[3], 429, "E-RATE")
        assert "3 requests a second" in problem["detail"]
        assert int(answers[3].headers["Retry-After"]) >= 1
        assert answers[3].headers["X-Content-Type-Options"] == "nosniff"

        flood = await asyncio.gather(
            *(client.get("/v1/rooms", headers=bearing(f"made up {n}")) for n in range(20))
        )
        assert {answer.status_code for answer in flood} <= {200, 429}
        assert any(answer.status_code == 429 for answer in flood)
        for path in ("/livez", "/readyz"):
            assert {(await client.get(path)).status_code for _ in range(20)} == {200}


@pytest.mark.parametrize("path", ["/v1/rooms/1/bets", "/v1/rooms/1/bets/", "/v1/rooms"])
async def test_a_token_or_a_key_that_stands_there_twice_is_refused(web: Web, path: str) -> None:
    """Else made-up tokens in front of one's own would pass the limit of that one."""
    token, mine = await web.token(), [("Idempotency-Key", "one")]
    bearers = [("Authorization", f"Bearer {each}") for each in ("made up", token)]
    for headers in ([*bearers, *mine], [bearers[1], *mine, ("idempotency-key", "two")]):
        answer = await web.client.post(path, headers=headers, json={})
        problem = is_problem(answer, 422, "E-INPUT")
        assert "stands there twice" in problem["detail"]


async def test_the_house_says_what_it_waits_for(web: Web) -> None:
    assert (await web.get("/readyz")).json() == {"ready": True, "waiting_for": []}
    web.waiting.extend(["migrations", "oracle"])
    answer = await web.get("/readyz")
    problem = is_problem(answer, 503, "E-NOT-READY")
    assert problem["waiting_for"] == ["migrations", "oracle"]
    assert "migrations, oracle" in problem["detail"]
    assert math.isfinite(float(answer.headers["Retry-After"]))
    assert (await web.get("/livez")).status_code == 200
    assert (await web.get("/version")).json() == {
        "name": "rooms",
        "version": "1.2.3",
        "sandbox": True,
    }


async def test_a_request_that_is_not_http_at_all_does_not_reach_the_rules(web: Web) -> None:
    answer: httpx.Response = await web.client.request("FROBNICATE", "/v1/rooms")
    is_problem(answer, 405, "E-METHOD")
