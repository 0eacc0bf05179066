from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.entrypoints.conftest import Web, bearing, client_of, gateway_over, is_problem, sol
from tests.houses import ONE, House
from tests.keno_houses import GAME, SPOTS, KenoHouse, keno_over

TICKETS = f"/v1/keno/games/{GAME}/tickets"
STAKE = 1_000_000


@dataclass(frozen=True, slots=True)
class KenoWeb:
    """A client of a gateway whose keno is turned by hand."""

    web: Web
    keno: KenoHouse

    async def buy(self, token: str, key: str | None = None, **asked: Any) -> httpx.Response:
        body = {"picks": [3, 17], "stake": sol(STAKE), **asked}
        return await self.web.post(TICKETS, body, token, key)

    async def bought(self, token: str, **asked: Any) -> list[dict[str, Any]]:
        answer = await self.buy(token, **asked)
        assert answer.status_code == 201, answer.text
        tickets: list[dict[str, Any]] = answer.json()["tickets"]
        return tickets

    async def get(self, path: str, token: str | None = None) -> Any:
        answer = await self.web.get(f"/v1/keno{path}", token)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def site(house: House) -> AsyncIterator[KenoWeb]:
    keno = keno_over(house)
    await keno.open_game()
    async with client_of(gateway_over(house, [], keno=keno.keno)) as client:
        yield KenoWeb(Web(house, client), keno)


async def test_tickets_are_bought_drawn_and_paid(site: KenoWeb) -> None:
    token = await site.web.token(ONE)
    answer = await site.buy(token, rounds=2)

    assert answer.status_code == 201
    first, second = answer.json()["tickets"]
    assert answer.json()["total"] == sol(2 * STAKE)
    assert (first["game"], first["round"], second["round"]) == (GAME, 1, 2)
    assert (first["picks"], first["stake"]) == ([3, 17], sol(STAKE))
    assert (first["status"], first["prize"]) == ("ACCEPTED", None)

    await site.keno.pass_rounds(3)
    tickets = (await site.get("/tickets", token))["items"]

    assert [each["id"] for each in tickets] == [second["id"], first["id"]]
    draw = (await site.get(f"/games/{GAME}/rounds/1"))["draw"]
    catches = len({3, 17} & set(draw))
    prize = [0, STAKE, STAKE * 95 // 10][catches]
    assert tickets[1]["catches"] == catches
    assert tickets[1]["prize"] == sol(prize)
    assert tickets[1]["status"] == ("WON" if prize else "LOST")
    entries = (await site.web.get("/v1/wallet/entries", token)).json()["items"]
    kinds = {each["kind"] for each in entries}
    assert kinds - {"prize"} == {"fund", "ticket"}
    await site.keno.books_are_right()


async def test_a_purchase_sent_again_gets_the_same_answer(site: KenoWeb) -> None:
    token = await site.web.token(ONE)
    first = await site.buy(token, "mine", picks=None, quick_pick=2, rounds=3)

    again = await site.buy(token, "mine", picks=None, quick_pick=2, rounds=3)

    assert again.content == first.content
    assert again.headers["Idempotent-Replay"] == "true"
    is_problem(await site.buy(token, "mine"), 422, "E-KEY-REUSED")


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"picks": [1, 1]}, 422, "E-PICKS"),
        ({"picks": [0, 81]}, 422, "E-PICKS"),
        ({"picks": None}, 422, "E-PICKS"),
        ({"quick_pick": 2}, 422, "E-PICKS"),
        ({"stake": sol(1)}, 422, "E-STAKE"),
        ({"stake": {"amount": "1000000", "asset": "BTC"}}, 422, "E-STAKE"),
        ({"stake": {"amount": "-1", "asset": "SOL"}}, 422, "E-STAKE"),
        ({"rounds": 101}, 422, "E-ROUNDS"),
        ({"rounds": 0}, 422, "E-ROUNDS"),
        ({"round": 0}, 409, "E-ROUND-CLOSED"),
        ({"stake": sol(ONE), "rounds": 2}, 409, "E-BAL-LOW"),
        ({"picks": "all"}, 422, "E-INPUT"),
        ({"pics": [1]}, 422, "E-INPUT"),
    ],
)
async def test_a_purchase_against_the_rules_is_a_problem_in_words(
    site: KenoWeb, asked: dict[str, Any], status: int, code: str
) -> None:
    token = await site.web.token(ONE)

    is_problem(await site.buy(token, **asked), status, code)

    balances = (await site.web.get("/v1/wallet", token)).json()["balances"]
    assert balances[0]["available"] == sol(ONE)


async def test_buying_needs_a_token_and_a_key(site: KenoWeb) -> None:
    is_problem(await site.buy("nobody's"), 401, "E-AUTH")
    answer = await site.web.client.post(TICKETS, json={}, headers=bearing(await site.web.token()))
    is_problem(answer, 400, "E-KEY-MISSING")


async def test_a_game_that_there_is_not_is_not_known_whatever_it_is_called(site: KenoWeb) -> None:
    token = await site.web.token(ONE)
    for name in ("none", "%00", "A", "%F0%9F%98%80", "a" * 33):
        for path in ("", "/rounds", "/rounds/1", "/days/2026-01-01"):
            answer = await site.web.get(f"/v1/keno/games/{name}{path}")
            is_problem(answer, 404, "E-GAME-UNKNOWN")
        answer = await site.web.get(f"/v1/keno/tickets?game={name}", token)
        is_problem(answer, 404, "E-GAME-UNKNOWN")
        body = {"picks": [3], "stake": sol(STAKE)}
        answer = await site.web.post(f"/v1/keno/games/{name}/tickets", body, token)
        is_problem(answer, 404, "E-GAME-UNKNOWN")


async def test_a_day_without_rounds_has_no_file(site: KenoWeb) -> None:
    for day in ("0001-01-01", "9999-12-31", "2026-02-30", "%00", "20260101"):
        answer = await site.web.get(f"/v1/keno/games/{GAME}/days/{day}")
        is_problem(answer, 404, "E-DAY-UNKNOWN")


async def test_games_show_their_terms_and_rounds_their_commits(site: KenoWeb) -> None:
    (game,) = (await site.get("/games"))["items"]
    assert game == await site.get(f"/games/{GAME}") | {"at": game["at"]}
    assert (game["status"], game["terms"]["interval_ms"]) == ("RUNNING", 5000)
    assert 1 <= game["round"] <= 120
    assert game["terms"]["stake_min"] == sol(STAKE)
    spots = await site.get(f"/paytables/{game['terms']['paytable_hash']}")
    assert spots == {"spots": SPOTS}

    ahead = await site.get(f"/games/{GAME}/rounds/121")

    assert (ahead["status"], ahead["server_seed"], ahead["draw"]) == ("OPEN", None, None)
    assert len(bytes.fromhex(ahead["commit"])) == 32


async def test_rounds_are_listed_newest_first_in_parts(site: KenoWeb) -> None:
    await site.keno.pass_rounds(5)

    first = await site.get(f"/games/{GAME}/rounds?limit=2")
    second = await site.get(f"/games/{GAME}/rounds?limit=2&cursor={first['next']}")
    rest = await site.get(f"/games/{GAME}/rounds?before=3&limit=50")

    assert [each["number"] for each in first["items"]] == [6, 5]
    assert [each["number"] for each in second["items"]] == [4, 3]
    assert [each["number"] for each in rest["items"]] == [2, 1]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/games/none", "E-GAME-UNKNOWN"),
        ("/games/none/rounds", "E-GAME-UNKNOWN"),
        (f"/games/{GAME}/rounds/122", "E-ROUND-UNKNOWN"),
        (f"/games/{GAME}/rounds/0", "E-ROUND-UNKNOWN"),
        (f"/games/{GAME}/rounds/x", "E-ROUND-UNKNOWN"),
        ("/paytables/00", "E-PAYTABLE-UNKNOWN"),
        ("/paytables/zz", "E-PAYTABLE-UNKNOWN"),
        ("/tickets/128?ref=00", "E-TICKET-UNKNOWN"),
        ("/tickets/x?ref=00", "E-TICKET-UNKNOWN"),
    ],
)
async def test_what_is_not_there_is_told_so(site: KenoWeb, path: str, code: str) -> None:
    is_problem(await site.web.get(f"/v1/keno{path}"), 404, code)


async def test_a_ticket_is_shown_to_its_owner_and_to_who_knows_its_reference(
    site: KenoWeb,
) -> None:
    ada, bob = await site.web.token(), await site.web.token()
    (ticket,) = await site.bought(ada)
    path = f"/tickets/{ticket['id']}"

    assert ticket.pop("receipt")["entry"][2:34] == ticket["ref"]
    assert await site.get(path, ada) == ticket
    assert await site.get(f"{path}?ref={ticket['ref']}") == ticket
    is_problem(await site.web.get(f"/v1/keno{path}", bob), 404, "E-TICKET-UNKNOWN")
    is_problem(await site.web.get(f"/v1/keno{path}"), 401, "E-AUTH")
    wrong = "0" * len(ticket["ref"])
    is_problem(await site.web.get(f"/v1/keno{path}?ref={wrong}"), 404, "E-TICKET-UNKNOWN")


async def test_own_tickets_are_found_by_game_and_round(site: KenoWeb) -> None:
    await site.keno.open_game("keno-other", funds=0)
    ada, bob = await site.web.token(), await site.web.token()
    mine = await site.bought(ada, rounds=5)
    await site.bought(bob, rounds=5)
    body = {"quick_pick": 1, "stake": sol(STAKE)}
    await site.web.post("/v1/keno/games/keno-other/tickets", body, ada)

    third = await site.get(f"/tickets?game={GAME}&round=3", ada)
    first_part = await site.get(f"/tickets?game={GAME}&limit=3", ada)
    second_part = await site.get(f"/tickets?game={GAME}&cursor={first_part['next']}", ada)

    assert [each["id"] for each in third["items"]] == [mine[2]["id"]]
    listed = [each["id"] for each in first_part["items"] + second_part["items"]]
    assert listed == [each["id"] for each in reversed(mine)]
    assert len((await site.get("/tickets", ada))["items"]) == 6


async def test_a_ticket_is_cancelled_before_its_round_opens(site: KenoWeb) -> None:
    token = await site.web.token(ONE)
    first, second = await site.bought(token, rounds=2)
    headers = bearing(token) | {"Idempotency-Key": "cancel"}

    done = await site.web.client.delete(f"/v1/keno/tickets/{second['id']}", headers=headers)
    late = await site.web.client.delete(f"/v1/keno/tickets/{first['id']}", headers=headers)

    assert done.status_code == 200
    assert done.json()["status"] == "CANCELLED"
    is_problem(late, 409, "E-TICKET-LATE")
    keyless = await site.web.client.delete(
        f"/v1/keno/tickets/{second['id']}", headers=bearing(token)
    )
    is_problem(keyless, 400, "E-KEY-MISSING")
    balances = (await site.web.get("/v1/wallet", token)).json()["balances"]
    assert balances[0]["available"] == sol(ONE - STAKE)


NEW_GAME = {
    "game": "keno-new",
    "interval": "10s",
    "lead": "2s",
    "entropy": "none",
    "paytable": SPOTS,
    "stake_min": "1000000",
    "stake_max": "1000000000",
    "stake_step": "1000000",
    "max_win": "20000000000000",
    "round_limit": "100000000000000",
    "starts_in": "5s",
}


async def test_an_administrator_makes_changes_and_pauses_a_game(site: KenoWeb) -> None:
    staff = await site.web.house.identity.appoint("Grace", None)

    made = await site.web.post("/v1/admin/keno/games", NEW_GAME, staff, "one")
    again = await site.web.post("/v1/admin/keno/games", NEW_GAME, staff, "one")

    assert made.status_code == 201, made.text
    assert made.json()["terms"]["interval_ms"] == 10_000
    assert again.headers["Idempotent-Replay"] == "true"
    headers = bearing(staff) | {"Idempotency-Key": "two"}
    changed = await site.web.client.patch(
        f"/v1/admin/keno/games/{GAME}", json={"lead": "500ms"}, headers=headers
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["terms"]["lead_ms"] == 1_000
    assert changed.json()["next_terms"]["lead_ms"] == 500
    assert changed.json()["next_terms"]["first_round"] == 122
    paused = await site.web.post(f"/v1/admin/keno/games/{GAME}/status", {"status": "PAUSED"}, staff)
    assert (paused.status_code, paused.json()["status"]) == (200, "PAUSED")
    wrong = await site.web.post(
        f"/v1/admin/keno/games/{GAME}/status", {"status": "DRAINING"}, staff
    )
    is_problem(wrong, 409, "E-GAME-STATUS")
    nothing = await site.web.client.patch(
        f"/v1/admin/keno/games/{GAME}", json={}, headers=bearing(staff) | {"Idempotency-Key": "3"}
    )
    is_problem(nothing, 422, "E-INPUT")
    async with site.web.house.database.snapshot() as tx:
        rows = await tx.fetch("SELECT at, action, staff_id FROM identity.audit ORDER BY id")
        public = await tx.fetch(
            "SELECT at, fields FROM fairness.pending WHERE kind = 'admin' ORDER BY id"
        )
    acts = [row["action"] for row in rows if row["staff_id"] and row["action"].startswith("keno")]
    assert acts == ["keno.game.create", "keno.game.set", "keno.game.paused"]
    # Whatever staff did is in the public log as well, and names nobody.
    assert [(each["at"], each["fields"]["action"]) for each in public] == [
        (row["at"], row["action"]) for row in rows
    ]
    assert "Grace" not in str([each["fields"] for each in public])


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"game": "No!"}, 422, "E-GAME-NAME"),
        ({"game": GAME}, 422, "E-GAME-NAME"),
        ({"asset": "sol\0"}, 422, "E-GAME-TERMS"),
        ({"starts_in": "99999999h"}, 422, "E-GAME-TERMS"),
        ({"interval": "1s"}, 422, "E-GAME-TERMS"),
        ({"interval": "soon"}, 422, "E-INPUT"),
        ({"entropy": "drand:" + "0" * 64}, 422, "E-GAME-TERMS"),
        ({"paytable": {"1": ["0", "3"]}}, 422, "E-PAYTABLE"),
        ({"paytable": {"1": ["0", "3.8000001"]}}, 422, "E-PAYTABLE"),
        ({"paytable": {"1": ["0"]}}, 422, "E-PAYTABLE"),
        ({"paytable": "00" * 32}, 404, "E-PAYTABLE-UNKNOWN"),
        ({"stake_min": None}, 422, "E-INPUT"),
        ({"stake_min": "1.5"}, 422, "E-INPUT"),
    ],
)
async def test_a_game_that_cannot_be_is_refused(
    site: KenoWeb, changes: dict[str, Any], status: int, code: str
) -> None:
    staff = await site.web.house.identity.appoint("Grace", None)

    is_problem(await site.web.post("/v1/admin/keno/games", NEW_GAME | changes, staff), status, code)


async def test_only_administrators_change_games(site: KenoWeb) -> None:
    player = await site.web.token()
    for path, body in (
        ("/v1/admin/keno/games", NEW_GAME),
        (f"/v1/admin/keno/games/{GAME}/status", {"status": "PAUSED"}),
        ("/v1/admin/keno/bankrolls", {"amount": sol(ONE)}),
    ):
        is_problem(await site.web.post(path, body, player), 401, "E-STAFF")
        is_problem(await site.web.post(path, body), 401, "E-STAFF")
    is_problem(await site.web.get("/v1/admin/keno/bankrolls", player), 401, "E-STAFF")


@pytest.mark.parametrize("name", ["%00", "a" * 9_000, "%ED%A0%80", "NO"])
async def test_what_no_game_can_be_called_is_an_unknown_game_to_staff_too(
    site: KenoWeb, name: str
) -> None:
    staff = await site.web.house.identity.appoint("Grace", None)

    moved = await site.web.post(f"/v1/admin/keno/games/{name}/status", {"status": "PAUSED"}, staff)
    changed = await site.web.client.patch(
        f"/v1/admin/keno/games/{name}",
        json={"lead": "1s"},
        headers=bearing(staff) | {"Idempotency-Key": "1"},
    )

    is_problem(moved, 404, "E-GAME-UNKNOWN")
    is_problem(changed, 404, "E-GAME-UNKNOWN")


async def test_a_bankroll_is_funded_once_per_key(site: KenoWeb) -> None:
    staff = await site.web.house.identity.appoint("Grace", None)
    before = (await site.web.get("/v1/admin/keno/bankrolls", staff)).json()["items"][0]["funds"]

    for _ in range(2):
        done = await site.web.post(
            "/v1/admin/keno/bankrolls", {"amount": sol(5 * ONE)}, staff, "fund"
        )
        assert done.status_code == 201

    after = (await site.web.get("/v1/admin/keno/bankrolls", staff)).json()["items"][0]
    assert int(after["funds"]["amount"]) == int(before["amount"]) + 5 * ONE
    for asset, amount in (("SOL", 0), ("SOL", 10**18 + 1), ("", 1), ("s\0l", 1), ("X" * 13, 1)):
        asked = {"amount": {"amount": str(amount), "asset": asset}}
        refused = await site.web.post("/v1/admin/keno/bankrolls", asked, staff)
        is_problem(refused, 422, "E-AMOUNT")
    await site.keno.books_are_right()
