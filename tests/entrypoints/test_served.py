"""The application behind its real web server, on a real port."""

from tests.entrypoints.conftest import Web, is_problem
from tests.houses import ONE


async def test_a_player_signs_up_opens_a_room_and_bets(served: Web) -> None:
    token = await served.token(fund=5 * ONE)
    room = (await served.room(token))["id"]
    bet = await served.bet(room, token, stake=ONE)
    assert bet.status_code == 201
    assert bet.headers["Content-Security-Policy"] == "default-src 'self'"
    assert (await served.get("/v1/bets", token)).json()["items"][0]["id"] == bet.json()["id"]


async def test_problems_pass_the_server_as_they_are(served: Web) -> None:
    is_problem(await served.get("/nothing"), 404, "E-ROUTE")
    is_problem(await served.get(f"/v1/rooms/{'9' * 5000}"), 404, "E-ROOM-UNKNOWN")
    large = {"Authorization": f"Bearer {await served.token()}", "Idempotency-Key": "k"}
    answer = await served.client.post("/v1/rooms", content=b" " * 100_000, headers=large)
    is_problem(answer, 413, "E-TOO-LARGE")


async def test_an_open_stream_does_not_keep_the_server_from_stopping(served: Web) -> None:
    async with served.client.stream("GET", "/live/rooms") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        await anext(stream.aiter_bytes())
        assert (await served.get("/livez")).status_code == 200
