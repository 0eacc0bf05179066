"""The database goes away: reads say so, commands say that it is not known."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from tests.entrypoints.conftest import (
    NEW_ROOM,
    Web,
    bearing,
    client_of,
    gateway_over,
    is_problem,
    sol,
)
from tests.entrypoints.cut_wire import Wire, wire_to
from tests.houses import ONE, wire
from tests.keno_houses import GAME, keno_over


@dataclass(frozen=True, slots=True)
class Apart:
    web: Web
    wire: Wire


@pytest.fixture
async def apart(dsn: Dsn, owner: Database) -> AsyncIterator[Apart]:
    async with wire_to(dsn.app) as line:
        database = Database(line.url, Doorbell(), size=4)
        await database.open()
        house = wire(database, owner)
        async with client_of(gateway_over(house, [])) as client:
            yield Apart(Web(house, client), line)
        line.mend()
        await database.close()


async def test_reads_say_that_the_house_cannot_look(apart: Apart) -> None:
    web, token = apart.web, await apart.web.token()
    apart.wire.cut()
    for path in (
        "/v1/rooms",
        "/v1/rooms/1",
        "/v1/wallet",
        "/v1/bets",
        "/v1/rooms/1/settlement/file",
    ):
        answer = await web.get(path, token)
        problem = is_problem(answer, 503, "E-UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "database" in problem["detail"]
    assert (await web.get("/livez")).json() == {"alive": True}
    apart.wire.mend()
    assert (await web.get("/v1/wallet", token)).status_code == 200


async def test_a_command_of_someone_who_cannot_be_looked_up_has_done_nothing(apart: Apart) -> None:
    web, token = apart.web, await apart.web.token()
    apart.wire.cut()
    for path, body in (("/v1/rooms", NEW_ROOM), ("/v1/admin/keno/games/g/status", {"reason": "r"})):
        answer = await web.post(path, body, token)
        problem = is_problem(answer, 503, "E-BUSY")
        assert "moved nothing" in problem["money"]
        assert int(answer.headers["Retry-After"]) >= 1


async def test_a_stake_of_someone_whose_account_cannot_be_looked_up_has_moved_nothing(
    apart: Apart,
) -> None:
    web, token = apart.web, await apart.web.token()
    await web.get("/v1/wallet", token)  # from here on it is known whose token it is
    apart.wire.cut()
    ticket = {"picks": [3, 17], "stake": sol(ONE), "round": 5}
    for path, body in (
        ("/v1/rooms/1/bets", {"side": "YES", "stake": sol(ONE)}),
        (f"/v1/keno/games/{GAME}/tickets", ticket),
    ):
        problem = is_problem(await web.post(path, body, token), 503, "E-BUSY")
        assert "moved nothing" in problem["money"]


async def test_a_command_says_that_it_is_not_known_whether_it_took_effect(apart: Apart) -> None:
    web, token = apart.web, await apart.web.token()
    apart.wire.commits_until_cut = 1
    answer = await web.post("/v1/rooms", NEW_ROOM, token)
    problem = is_problem(answer, 503, "E-UNKNOWN")
    assert problem["title"] == "Unknown, checking"
    assert "same Idempotency-Key" in problem["next"]
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_bet_whose_answer_was_lost_is_answered_when_it_is_sent_again(apart: Apart) -> None:
    web, token = apart.web, await apart.web.token(fund=10 * ONE)
    room = (await web.room())["id"]
    # Before the bet itself comes the opening of the account where stakes lie.
    apart.wire.commits_until_cut = 2
    is_problem(await web.bet(room, token, "YES", 4 * ONE, key="lost"), 503, "E-UNKNOWN")
    apart.wire.mend()

    again = await web.bet(room, token, "YES", 4 * ONE, key="lost")

    assert (again.status_code, again.headers["Idempotent-Replay"]) == (201, "true")
    wallet = (await web.get("/v1/wallet", token)).json()
    assert wallet["balances"][0]["available"] == sol(6 * ONE)
    await web.house.books_are_right()


async def test_a_cancelled_ticket_whose_answer_was_lost_is_no_answer_to_a_look(
    apart: Apart,
) -> None:
    web, keno = apart.web, keno_over(apart.web.house)
    await keno.open_game()
    async with client_of(gateway_over(web.house, [], keno=keno.keno)) as client:
        token = await web.token(fund=10 * ONE)
        headers = bearing(token) | {"Idempotency-Key": "ticket"}
        body = {"picks": [3, 17], "stake": sol(ONE), "round": 5}
        bought = await client.post(f"/v1/keno/games/{GAME}/tickets", json=body, headers=headers)
        ticket = f"/v1/keno/tickets/{bought.json()['tickets'][0]['id']}"
        apart.wire.commits_until_cut = 1
        is_problem(await client.delete(ticket, headers=headers), 503, "E-UNKNOWN")
        apart.wire.mend()

        again = await client.delete(ticket, headers=headers)

        assert (again.status_code, again.json()["status"]) == (200, "CANCELLED")
        wallet = (await web.get("/v1/wallet", token)).json()
        assert wallet["balances"][0]["available"] == sol(10 * ONE)
    await keno.books_are_right()
