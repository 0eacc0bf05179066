import asyncio
from typing import Any

from tests.entrypoints.conftest import Web, bearing, client_of, gateway_over, is_problem, sol
from tests.houses import ONE


async def test_a_player_gets_a_token_a_code_and_play_money(web: Web) -> None:
    answer = await web.post("/v1/sandbox/players", {"name": "Ada", "fund": sol(5 * ONE)})

    assert answer.status_code == 201
    player = answer.json()
    assert player.keys() == {"player_id", "access_token", "referral_code"}
    assert player["player_id"].isdigit()
    wallet = (await web.get("/v1/wallet", player["access_token"])).json()
    assert wallet["balances"][0]["available"] == sol(5 * ONE)
    entries = (await web.get("/v1/wallet/entries", player["access_token"])).json()["items"]
    assert [(each["kind"], each["amount"], each["balance"]) for each in entries] == [
        ("fund", sol(5 * ONE), sol(5 * ONE))
    ]


async def test_a_sign_up_sent_again_gives_the_same_player_and_token(web: Web) -> None:
    body = {"name": "Ada", "fund": sol(ONE)}
    twins = await asyncio.gather(
        *(web.post("/v1/sandbox/players", body, key="Ada's") for _ in range(4))
    )
    assert {twin.status_code for twin in twins} == {201}
    assert len({twin.content for twin in twins}) == 1
    assert sum("Idempotent-Replay" in twin.headers for twin in twins) == 3
    other = await web.post("/v1/sandbox/players", body | {"name": "Bob"}, key="Ada's")
    is_problem(other, 422, "E-KEY-REUSED")


async def test_what_makes_no_player_is_refused(web: Web) -> None:
    good = {"name": "Ada", "fund": sol(ONE)}
    bad: dict[str, list[dict[str, object]]] = {
        "E-NAME": [{"name": name} for name in ("", "  ", "A" * 65, "\u202eAda", "A\0", "\ufeff")],
        "E-AMOUNT": [
            {"fund": {"amount": amount, "asset": asset}}
            for amount, asset in (
                ("-1", "SOL"),
                ("1.5", "SOL"),
                (str(10**15 + 1), "SOL"),
                ("9" * 5000, "SOL"),
                ("1", "BTC"),
            )
        ],
        "E-REFERRER": [
            {"referrer": code} for code in ("REFNOBODY1", "", "\0", "' OR 1=1", "x" * 999)
        ],
        "E-INPUT": [{"fund": 5}, {"fund": None}, {"name": None}, {"name": 5}, {"more": 1}],
    }
    for code, changes in bad.items():
        for change in changes:
            is_problem(await web.post("/v1/sandbox/players", good | change), 422, code)
    for fund in (0, 10**15):
        assert (await web.player(fund))["access_token"]


async def test_the_referrer_sees_the_people_of_three_levels(web: Web) -> None:
    first = await web.player()
    second = await web.player(referrer=first["referral_code"])
    third = await web.player(referrer=second["referral_code"].lower())
    await web.player(referrer=third["referral_code"])

    referrals = (await web.get("/v1/referrals", first["access_token"])).json()

    assert referrals == {
        "code": first["referral_code"],
        "levels": [{"level": level, "players": 1, "earned": sol(0)} for level in (1, 2, 3)],
    }


async def test_nobody_signs_up_where_there_is_no_sandbox(web: Web) -> None:
    gateway = gateway_over(web.house, [], sandbox=False, token_key=None)
    async with client_of(gateway) as client:
        answer = await Web(web.house, client).post("/v1/sandbox/players", {"name": "Ada"})
        is_problem(answer, 404, "E-ROUTE")
        paths = (await client.get("/api/docs/openapi.json")).json()["paths"]
        assert "/v1/sandbox/players" not in paths


async def test_what_is_the_players_own_needs_the_players_token(web: Web) -> None:
    await web.player()
    staff = await web.house.identity.appoint("Grace", None)
    strangers: tuple[dict[str, Any], ...] = (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nobody"},
        {"Authorization": "Basic QWRhOng="},
        {"Authorization": b"Bearer \xff\xfe"},
        bearing(staff),
    )
    for headers in strangers:
        for path in ("/v1/wallet", "/v1/wallet/entries", "/v1/bets", "/v1/referrals"):
            answer = await web.client.get(path, headers=headers)
            is_problem(answer, 401, "E-AUTH")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        for path in ("/v1/rooms", "/v1/rooms/1/bets"):
            is_problem(await web.client.post(path, headers=headers), 401, "E-AUTH")


async def test_the_scheme_of_the_token_is_read_in_any_case(web: Web) -> None:
    headers = {"Authorization": f"bEARER {await web.token()}"}
    assert (await web.client.get("/v1/wallet", headers=headers)).status_code == 200


async def test_the_wallet_lists_every_movement_in_parts(web: Web) -> None:
    token = await web.token(fund=10 * ONE)
    room, other = (await web.room())["id"], (await web.room())["id"]
    await web.bet(room, token, stake=2 * ONE)
    await web.bet(other, token, stake=3 * ONE)

    first = (await web.get("/v1/wallet/entries?limit=2", token)).json()
    rest = (await web.get(f"/v1/wallet/entries?limit=2&cursor={first['next']}", token)).json()

    shown = [(each["kind"], each["amount"], each["balance"]) for each in first["items"]]
    assert shown == [("stake", sol(-3 * ONE), sol(5 * ONE)), ("stake", sol(-2 * ONE), sol(8 * ONE))]
    assert [each["kind"] for each in rest["items"]] == ["fund"]
    assert rest["next"] is None
    is_problem(await web.get(f"/v1/bets?cursor={first['next']}", token), 422, "E-INPUT")
    stranger = (
        await web.get(f"/v1/wallet/entries?cursor={first['next']}", await web.token())
    ).json()
    assert stranger == {"items": [], "next": None}
