import asyncio
import json
from pathlib import Path

import pytest

from rooms.cli.main import run
from rooms.contexts.fairness.api import Accepted
from rooms.entrypoints.gateway.calls import parse_body
from rooms.entrypoints.gateway.messages import NewBet
from rooms.kernel.ids import RoomId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import parse_rfc3339
from rooms.proof.pool import Side
from rooms.proof.signature import is_signed
from tests.entrypoints.conftest import Web, is_problem, sol
from tests.houses import ONE
from tests.proof import hand_merkle


async def test_a_bet_is_answered_with_its_receipt_and_moves_the_stake(web: Web) -> None:
    token = await web.token(fund=10 * ONE)
    room = await web.room()

    answer = await web.bet(room["id"], token, "YES", 4 * ONE)

    assert answer.status_code == 201
    bet = answer.json()
    receipt = bet["receipt"]
    assert bet | {"id": "", "ref": "", "placed_at": ""} == {
        "id": "",
        "ref": "",
        "room_id": room["id"],
        "side": "YES",
        "stake": sol(4 * ONE),
        "placed_at": "",
        "status": "ACCEPTED",
        "payout": None,
        "receipt": receipt,
    }
    wallet = (await web.get("/v1/wallet", token)).json()
    assert wallet["balances"] == [
        {"asset": "SOL", "available": sol(6 * ONE), "held": sol(0), "posted": sol(6 * ONE)}
    ]
    shown = (await web.get(f"/v1/rooms/{room['id']}")).json()
    assert shown["pools"] == {"YES": sol(4 * ONE), "NO": sol(0)}


async def test_a_bets_receipt_is_signed_by_the_published_key_and_its_entry_is_in_the_log(
    web: Web,
) -> None:
    room = (await web.room())["id"]
    tokens = [await web.token() for _ in range(5)]
    answers = await asyncio.gather(*(web.bet(room, token) for token in tokens))
    await web.house.append()

    public = bytes.fromhex((await web.get("/v1/log/key")).json()["receipt_public_key"])
    entries = (await web.get("/v1/log/entries?start=0&end=99")).json()["entries"]
    leaves = [entry for entry in map(json.loads, entries) if entry["kind"] == "accepted"]

    assert sum(leaf["count"] for leaf in leaves) == len(tokens)
    for bet in (answer.json() for answer in answers):
        receipt, entry = bet["receipt"], bytes.fromhex(bet["receipt"]["entry"])
        path = [bytes.fromhex(each) for each in receipt["path"]]
        root = hand_merkle.root_from_path(entry, receipt["index"], receipt["size"], path)
        assert root is not None
        assert is_signed(public, bytes.fromhex(receipt["signature"]), b"rooms/receipt/1|" + root)
        assert entry[1:17].hex() == bet["ref"]
        placed = parse_rfc3339(bet["placed_at"])
        binding = await web.house.log.binding(Accepted.BET, int(bet["id"]), placed)
        assert binding is not None
        assert binding.entry == entry


async def test_anyone_who_knows_a_bets_reference_sees_where_it_stands_in_the_log(
    web: Web, tmp_path: Path
) -> None:
    token, room = await web.token(), (await web.room())["id"]
    bets = [(await web.bet(room, each)).json() for each in (token, await web.token())]
    mine, ref = bets[0]["id"], bets[0]["ref"]
    waits = (await web.get(f"/v1/bets/{mine}/proof?ref={ref}")).json()
    await web.house.append()

    proof = (await web.get(f"/v1/bets/{mine}/proof?ref={ref}")).json()

    assert waits == proof | {"binding": None}
    assert proof["receipt"] == bets[0]["receipt"]
    assert proof == (await web.get(f"/v1/bets/{mine}/proof", token)).json()
    key = tmp_path / "key.json"
    key.write_bytes((await web.get("/v1/log/key")).content)
    for forged, code in (({}, 0), ({"stake": "1"}, 3), ({"side": "NO"}, 3), ({"binding": None}, 1)):
        file = tmp_path / "bet.json"
        file.write_text(json.dumps(proof | forged))
        assert run(["verify", "bet", str(file), "--key", str(key)]) == code
    for path in (f"{mine}/proof?ref={bets[1]['ref']}", f"{bets[1]['id']}/proof", "x/proof?ref=1"):
        is_problem(await web.get(f"/v1/bets/{path}", token), 404, "E-BET-UNKNOWN")
    is_problem(await web.get(f"/v1/bets/{mine}/proof"), 401, "E-AUTH")


async def test_a_receipt_asked_for_again_later_is_the_same(web: Web) -> None:
    token, room = await web.token(), (await web.room())["id"]
    others = [await web.token() for _ in range(4)]
    first, *_ = await asyncio.gather(
        web.bet(room, token, key="mine"), *(web.bet(room, other) for other in others)
    )
    await web.house.append()

    again = await web.bet(room, token, key="mine")

    assert again.content == first.content
    assert first.json()["receipt"] is not None


async def test_a_bet_sent_again_with_its_key_is_the_same_bet_byte_for_byte(web: Web) -> None:
    token, room = await web.token(fund=10 * ONE), (await web.room())["id"]

    first = await web.bet(room, token, key="once")
    again = await web.bet(room, token, key="once")

    assert again.status_code == 201
    assert again.content == first.content
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    assert (await web.get("/v1/wallet", token)).json()["balances"][0]["available"] == sol(9 * ONE)


async def test_twins_sent_at_once_are_one_bet(web: Web) -> None:
    token, room = await web.token(fund=10 * ONE), (await web.room())["id"]

    twins = await asyncio.gather(*(web.bet(room, token, key="twin") for _ in range(6)))

    assert {twin.status_code for twin in twins} == {201}
    assert len({twin.content for twin in twins}) == 1
    assert len((await web.get("/v1/bets", token)).json()["items"]) == 1


async def test_a_key_belongs_to_one_bet_only(web: Web) -> None:
    token, room, other = await web.token(), (await web.room())["id"], (await web.room())["id"]
    await web.bet(room, token, key="mine")

    is_problem(await web.bet(room, token, "NO", key="mine"), 422, "E-KEY-REUSED")
    is_problem(await web.bet(room, token, stake=2 * ONE, key="mine"), 422, "E-KEY-REUSED")
    is_problem(await web.bet(other, token, key="mine"), 422, "E-KEY-REUSED")
    assert (await web.bet(room, await web.token(), key="mine")).status_code == 201


async def test_a_refused_bet_may_be_sent_again_with_its_key(web: Web) -> None:
    room, host = await web.room(), await web.token(fund=0)
    refused = await web.bet(room["id"], host, key="k")
    problem = is_problem(refused, 409, "E-BAL-LOW")
    assert "0.0000\N{NO-BREAK SPACE}SOL" in problem["detail"]
    assert "1.0000\N{NO-BREAK SPACE}SOL" in problem["detail"]

    rich = await web.token()
    problem = is_problem(await web.bet(room["id"], rich, stake=1, key="k"), 422, "E-STAKE")
    assert "0.0010\N{NO-BREAK SPACE}SOL" in problem["detail"]
    assert (await web.bet(room["id"], rich, key="k")).status_code == 201


async def test_a_second_bet_in_a_room_is_refused_with_the_first_one(web: Web) -> None:
    token, room = await web.token(), (await web.room())["id"]
    await web.bet(room, token, "NO", 3 * ONE)

    problem = is_problem(await web.bet(room, token, "YES"), 409, "E-BET-DUP")

    assert "3.0000\N{NO-BREAK SPACE}SOL on NO" in problem["detail"]


async def test_a_stake_is_whole_lamports_of_sol(web: Web) -> None:
    token, room = await web.token(), (await web.room())["id"]
    path = f"/v1/rooms/{room}/bets"
    for amount in ("1.5", "-1000000000", "1e9", "", " 1", "0x10", "9" * 40, "1" * 5000, "٣"):
        body = {"side": "YES", "stake": {"amount": amount, "asset": "SOL"}}
        is_problem(await web.post(path, body, token), 422, "E-STAKE")
    stakes: tuple[object, ...] = (
        1_000_000_000,
        1.5,
        "1000000000",
        None,
        {"amount": 1, "asset": "SOL"},
        {},
        [],
    )
    for stake in stakes:
        is_problem(await web.post(path, {"side": "YES", "stake": stake}, token), 422, "E-INPUT")
    for asset in ("BTC", "sol", ""):
        body = {"side": "YES", "stake": {"amount": "1000000000", "asset": asset}}
        is_problem(await web.post(path, body, token), 422, "E-STAKE")
    for side in ("yes", "MAYBE", "", None, 1):
        is_problem(await web.post(path, {"side": side, "stake": sol(ONE)}, token), 422, "E-INPUT")
    assert (await web.get("/v1/bets", token)).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    "body",
    [
        '{"side":"YES","side":"NO","stake":{"amount":"1","asset":"SOL"}}',
        '{"side":"YES","stake":{"amount":"1","asset":"SOL"},"s\\u0069de":"NO"}',
        '{"side":"YES","stake":{"amount":"1","asset":"SOL","amount":"2"}}',
        '{"side":"YES","stake":{"amount":"1","asset":"SOL"},"stake":{"amount":"2","asset":"SOL"}}',
    ],
)
def test_a_body_that_says_a_thing_twice_is_refused(body: str) -> None:
    with pytest.raises(Refusal, match="E-INPUT"):
        parse_body(body.encode(), NewBet)


def test_a_colon_within_a_text_is_no_field() -> None:
    body = b'{"side":"YES","stake":{"amount":"1","asset":":::"}}'
    assert parse_body(body, NewBet).stake.asset == ":::"


async def test_a_bet_in_a_room_that_is_not_there_is_not_found(web: Web) -> None:
    token = await web.token()
    for room in ("999", str(2**63), str(2**200), "0", "-1", "x", "%00", "1.0", "٣"):
        is_problem(await web.bet(room, token), 404, "E-ROOM-UNKNOWN")


async def test_own_bets_show_the_net_result_once_the_room_has_ended(web: Web) -> None:
    winner, loser = await web.token(), await web.token()
    room = await web.room()
    await web.bet(room["id"], winner, "YES", 10 * ONE)
    await web.bet(room["id"], loser, "NO", 10 * ONE)
    open_bet = (await web.get("/v1/bets", winner)).json()["items"][0]
    assert (open_bet["status"], open_bet["payout"], open_bet["net"]) == ("ACCEPTED", None, None)
    await web.house.settle(RoomId(int(room["id"])), Side.YES)

    won = (await web.get("/v1/bets", winner)).json()["items"][0]
    lost = (await web.get("/v1/bets", loser)).json()["items"][0]

    assert (won["status"], won["payout"], won["net"]) == (
        "WON",
        sol(19_400_000_000),
        sol(9_400_000_000),
    )
    assert (lost["status"], lost["payout"], lost["net"]) == ("LOST", sol(0), sol(-10 * ONE))
    assert won["room_title"] == room["title"]
