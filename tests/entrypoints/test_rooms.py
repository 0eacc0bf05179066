import asyncio
import hashlib
import json
from datetime import timedelta

from rooms.kernel.time import parse_rfc3339, rfc3339
from rooms.platform.clock import SystemClock
from tests.entrypoints.conftest import NEW_ROOM, Web, is_problem, sol
from tests.houses import ONE, TOUCH_SOL


async def test_a_room_is_answered_as_the_contract_writes_it(web: Web) -> None:
    host = await web.player()

    room = await web.room(host["access_token"])

    times = {name: parse_rfc3339(room[name]) for name in ("created_at", "locks_at", "settles_at")}
    assert times["settles_at"] - times["created_at"] == timedelta(hours=1)
    assert times["locks_at"] - times["created_at"] == timedelta(minutes=30)
    assert all(rfc3339(times[name]) == room[name] for name in times)
    assert room | dict.fromkeys(times, "") == {
        "id": room["id"],
        "title": NEW_ROOM["title"],
        "status": "QUEUING",
        "reason": None,
        "market": TOUCH_SOL,
        "resolve": "touch",
        "host_id": host["player_id"],
        "min_players": 2,
        "players": 0,
        "pools": {"YES": sol(0), "NO": sol(0)},
        "dividend": {"YES": None, "NO": None},
        "price": {"value": "150", "at": room["price"]["at"]},
        "prices": [{"asset": "SOL", "value": "150", "at": room["price"]["at"]}],
        "outcome": None,
        "created_at": "",
        "locks_at": "",
        "settles_at": "",
        "settled_at": None,
        "terms": {
            "protocol_bps": 200,
            "host_bps": 100,
            "reward_bps": [1500, 500, 200],
            "past_post_window": "3s",
            "settle_grace": "15m",
            "confirmations": 2,
            "token_window": "5m",
        },
        "transitions": [{"to": "QUEUING", "at": room["created_at"], "cause": "created"}],
        "pending_void": None,
        "text_salt": room["text_salt"],
    }
    assert (await web.get(f"/v1/rooms/{room['id']}")).json() == room


async def test_a_rooms_title_is_the_one_that_the_public_log_has_the_hash_of(web: Web) -> None:
    room = await web.room(title="Will SOL touch 165 über Nacht?")
    await web.house.append()

    entries = (await web.get("/v1/log/entries?start=0&end=99")).json()["entries"]

    (opened,) = [each for each in map(json.loads, entries) if each["kind"] == "room.opened"]
    salted = bytes.fromhex(room["text_salt"]) + room["title"].encode()
    assert opened["room"] == room["id"]
    assert opened["text_hash"] == hashlib.sha256(salted).hexdigest()
    assert "über" not in str(entries)


async def test_a_room_sent_again_with_its_key_is_the_same_room_byte_for_byte(web: Web) -> None:
    token = await web.token()

    first = await web.post("/v1/rooms", NEW_ROOM, token, "once")
    reordered = dict(reversed(NEW_ROOM.items()))
    again = await web.post("/v1/rooms", reordered, token, "once")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.headers["Location"] == f"/v1/rooms/{first.json()['id']}"
    assert again.content == first.content
    assert again.headers["Idempotent-Replay"] == "true"
    other = await web.post("/v1/rooms", NEW_ROOM | {"min_players": 3}, token, "once")
    is_problem(other, 422, "E-KEY-REUSED")
    assert len((await web.get("/v1/rooms")).json()["items"]) == 1


async def test_rooms_sent_twice_at_once_are_one_room(web: Web) -> None:
    token = await web.token()

    twins = await asyncio.gather(
        *(web.post("/v1/rooms", NEW_ROOM, token, "twin") for _ in range(5))
    )

    assert {twin.status_code for twin in twins} == {201}
    assert len({twin.content for twin in twins}) == 1


async def test_the_same_key_of_another_host_is_another_room(web: Web) -> None:
    first = await web.post("/v1/rooms", NEW_ROOM, await web.token(), "mine")
    second = await web.post("/v1/rooms", NEW_ROOM, await web.token(), "mine")
    assert first.json()["id"] != second.json()["id"]


async def test_the_settle_time_is_a_duration_or_an_instant_and_the_lock_a_fraction(
    web: Web,
) -> None:
    settles_at = rfc3339(SystemClock().now() + timedelta(hours=2))
    room = await web.room(settles_in=None, settles_at=settles_at, lock_fraction=0.1)
    assert room["settles_at"] == settles_at
    locks_after = parse_rfc3339(room["locks_at"]) - parse_rfc3339(room["created_at"])
    assert timedelta(minutes=11, seconds=50) < locks_after <= timedelta(minutes=12)


MARKET: dict[str, object] = {**TOUCH_SOL}


async def test_what_makes_no_room_is_refused_with_its_code(web: Web) -> None:
    token = await web.token()
    bad: dict[str, list[dict[str, object]]] = {
        "E-ROOM-TITLE": [{"title": "abc"}, {"title": "a\u202ebcdef"}, {"title": "nul \0 here"}],
        "E-ROOM-TARGET": [
            {"market": MARKET | {"target": target}}
            for target in ("0", "-1", "NaN", "1e5", 165, None, "140")
        ],
        "E-ROOM-TIME": [
            {"settles_in": "1m"},
            {"settles_in": "25h"},
            {"settles_in": "soon"},
            {"settles_in": "999999999h"},
            {"settles_in": None},
            {"settles_at": "2026-11-20T15:00:00Z"},
            {"settles_in": None, "settles_at": "2026-11-20T15:00:00"},
            {"settles_in": None, "settles_at": "0001-01-01T00:00:00+23:59"},
            {"settles_in": None, "settles_at": "9999-12-31T23:59:59Z"},
            {"lock_fraction": 0.05},
            {"lock_fraction": 1},
            {"lock_fraction": -1e300},
        ],
        "E-ROOM-MARKET": [
            {"market": None},
            {"market": "SOL"},
            {"market": {"type": "all", "of": []}},
            {"market": MARKET | {"direction": "up"}},
            {"resolve": "someday"},
        ],
        "E-ROOM-PLAYERS": [{"min_players": 0}, {"min_players": 10**30}],
        "E-ASSET-UNKNOWN": [{"market": MARKET | {"asset": asset}} for asset in ("NOPE", "s0l")],
    }
    for code, changes in bad.items():
        for change in changes:
            answer = await web.post("/v1/rooms", NEW_ROOM | change, token)
            is_problem(answer, 422, code)
    wrong: tuple[dict[str, object], ...] = (
        {"title": 5},
        {"lock_fraction": "0.5"},
        {"min_players": 2.5},
        {"min_players": True},
        {"settles_in": 3600},
        {"surprise": 1},
    )
    for change in wrong:
        is_problem(await web.post("/v1/rooms", NEW_ROOM | change, token), 422, "E-INPUT")


async def test_rooms_are_listed_newest_first_in_parts(web: Web) -> None:
    host = await web.player()
    ids = [(await web.room(host["access_token"]))["id"] for _ in range(5)]

    seen, cursor = [], ""
    for _ in range(3):
        part = (await web.get(f"/v1/rooms?limit=2{cursor}")).json()
        seen.append([room["id"] for room in part["items"]])
        cursor = f"&cursor={part['next']}"

    assert seen == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    assert part["next"] is None
    whole = (await web.get(f"/v1/rooms?host={host['player_id']}&status=QUEUING&asset=SOL")).json()
    assert len(whole["items"]) == 5
    for nothing in ("status=OPEN", "asset=BTC", "host=999", f"host={2**63 - 1}"):
        assert (await web.get(f"/v1/rooms?{nothing}")).json() == {"items": [], "next": None}


async def test_a_query_that_cannot_be_read_is_refused(web: Web) -> None:
    wallet_cursor = "ZW50cmllczoxMg"
    for query in (
        *("limit=0", "limit=x", "limit=1.5", "limit=-1", "limit=", f"limit={2**70}"),
        *("cursor=x", "cursor=%00", "cursor=", "cursor=é", "cursor=cm9vbXM6MTt4"),
        *(f"cursor={wallet_cursor}", "cursor=cm9vbXM6LTE", "cursor=" + "A" * 5000),
        *("status=open", "status=", "host=x", f"host={2**63}", "host=-1"),
        *("asset=%00", "asset=a%20b", "asset=" + "A" * 65, "asset="),
        "&".join(f"a{n}=1" for n in range(60)),
    ):
        is_problem(await web.get(f"/v1/rooms?{query}"), 422, "E-INPUT")


async def test_a_quote_says_what_a_stake_would_be_paid_now(web: Web) -> None:
    room = (await web.room())["id"]
    await web.bet(room, await web.token(), "YES", 90 * ONE)
    await web.bet(room, await web.token(), "NO", 50 * ONE)

    quote = (await web.get(f"/v1/rooms/{room}/quote?side=YES&stake={10 * ONE}")).json()

    assert quote == {
        "side": "YES",
        "stake": sol(10 * ONE),
        "dividend": "1.4550",
        "payout": sol(14_550_000_000),
        "indicative": True,
    }


async def test_a_quote_that_cannot_be_made_is_refused(web: Web) -> None:
    room = (await web.room())["id"]
    for stake in ("", "1.5", "-5", "1e9", "x", "9" * 5000, "0", "1"):
        answer = await web.get(f"/v1/rooms/{room}/quote?side=YES&stake={stake}")
        is_problem(answer, 422, "E-STAKE")
    for query in ("", "side=YES", f"stake={ONE}", f"side=yes&stake={ONE}"):
        is_problem(await web.get(f"/v1/rooms/{room}/quote?{query}"), 422, "E-INPUT")
    is_problem(await web.get(f"/v1/rooms/77/quote?side=YES&stake={ONE}"), 404, "E-ROOM-UNKNOWN")


async def test_a_room_under_any_other_name_is_not_found(web: Web) -> None:
    for name in ("1", str(2**63 - 1), str(2**63), "9" * 400, "-1", "01", "x", "%00", "%F0%9F"):
        is_problem(await web.get(f"/v1/rooms/{name}"), 404, "E-ROOM-UNKNOWN")
        is_problem(await web.get(f"/v1/rooms/{name}/settlement"), 404, "E-ROOM-UNKNOWN")
        is_problem(await web.get(f"/v1/rooms/{name}/settlement/file"), 404, "E-ROOM-UNKNOWN")
