import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import rfc8785

from rooms.contexts.parimutuel.api import RoomStatus
from rooms.kernel.ids import RoomId
from rooms.proof.pool import Side
from tests.houses import ONE, REF_KEY, House
from tests.proof import hand_merkle

YES, NO = Side.YES, Side.NO
TITLE = "SOL touches 165 within the hour"


async def of_kind(house: House, kind: str) -> list[dict[str, Any]]:
    return [each for each in await house.entries() if each["kind"] == kind]


def reference(bet: int) -> bytes:
    return hmac.new(REF_KEY, f"rooms/ref/1|bet|{bet}".encode(), hashlib.sha256).digest()[:16]


async def test_a_rooms_question_and_terms_stand_in_the_log_and_its_title_is_hashed(
    house: House,
) -> None:
    room = await house.open_room(await house.player(fund=0))
    await house.append()

    (opened,) = await of_kind(house, "room.opened")

    salt = hmac.new(REF_KEY, f"rooms/salt/1|room|{room.id}".encode(), hashlib.sha256).digest()[:16]
    assert opened["room"] == str(room.id)
    assert opened["text_hash"] == hashlib.sha256(salt + TITLE.encode()).hexdigest()
    assert (opened["market"], opened["terms"]) == (room.market, room.terms)
    assert TITLE not in json.dumps(opened)


async def test_every_accepted_bet_is_under_an_accepted_leaf(house: House) -> None:
    room = (await house.open_room(await house.player(fund=0))).id
    one, two = [await house.player(fund=5 * ONE) for _ in range(2)]
    first = await house.bet(room, one, YES, 2 * ONE)
    second = await house.bet(room, two, NO, 3 * ONE)
    await house.append()

    (leaf,) = await of_kind(house, "accepted")

    entries = [
        b"\x02"
        + reference(bet.id)
        + (int(bet.placed_at.timestamp() * 1000 + 0.5)).to_bytes(8, "big")
        + bet.stake.to_bytes(8, "big")
        + bytes([bet.side is YES])
        + str(room).encode()
        for bet in (first, second)
    ]
    assert leaf["count"] == 2
    assert leaf["root"] == hand_merkle.mth(entries).hex()


async def settled(house: House, room: RoomId) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Give the log's record of a room and the lines of its file."""
    await house.append()
    (record,) = await of_kind(house, "room.settled")
    lines = [json.loads(line) async for line in house.rooms.settlement_file(room)]
    return record, lines


def payouts_root(lines: list[dict[str, Any]]) -> str:
    paid = [
        bytes.fromhex(each["ref"]) + int(each["payout"]).to_bytes(8, "big") for each in lines[1:]
    ]
    return hand_merkle.mth(paid).hex()


async def test_a_settled_rooms_record_agrees_with_its_file(house: House) -> None:
    room = (await house.open_room(await house.player(fund=0), resolve="at_close")).id
    for number in range(9):
        side = NO if number % 3 == 0 else YES
        await house.bet(room, await house.player(fund=10 * ONE), side, (number + 1) * ONE)
    await house.settle(room, YES)

    record, lines = await settled(house, room)

    head = lines[0]
    observations = hashlib.sha256(rfc8785.dumps(head["observations"])).hexdigest()
    assert record["room"] == str(room)
    assert (record["outcome"], record["reason"], record["trigger"]) == ("YES", None, "close")
    assert (record["bets"], record["scratched"]) == (9, 0)
    assert (record["handle_yes"], record["handle_no"]) == (str(33 * ONE), str(12 * ONE))
    for name in ("takeout", "host_fee", "protocol_fee", "breakage", "t_hit"):
        assert record[name] == head[name]
    assert record["observations_hash"] == observations
    assert record["payouts_root"] == payouts_root(lines)


async def test_a_void_rooms_record_has_its_reason_and_every_refund(house: House) -> None:
    room = (await house.open_room(await house.player(fund=0))).id
    await house.bet(room, await house.player(fund=10 * ONE), YES, 4 * ONE)
    await house.let_pass(room, until="locks_at")
    await house.clock.tick()
    assert await house.status(room) is RoomStatus.VOIDED

    record, lines = await settled(house, room)

    assert (record["outcome"], record["reason"], record["bets"]) == (None, "MIN_PLAYERS", 1)
    assert (record["takeout"], lines[1]["payout"]) == ("0", str(4 * ONE))
    assert record["payouts_root"] == payouts_root(lines)


async def test_what_administrators_do_stands_in_the_log_without_naming_its_subject(
    house: House,
) -> None:
    room = (await house.open_room(await house.player(fund=0), resolve="at_close")).id
    for side in Side:
        await house.bet(room, await house.player(fund=ONE), side)
    for name in ("Ada", "Ben"):
        staff = await house.administrator(name)
        await house.rooms.request_void(room, staff, "the feeds were attacked")
    await house.let_pass_for(room, timedelta(minutes=11))
    await house.clock.tick()
    await house.append()

    every = await of_kind(house, "admin")  # the tokens of Ada and Ben, too
    acts = [each for each in every if each["action"].startswith("room.")]

    assert [each["action"] for each in acts] == ["room.void", "room.void", "room.voided"]
    assert {each["reason"] for each in acts} == {"the feeds were attacked"}
    assert all(len(each["subject_hash"]) == 64 for each in acts)
    assert len({each["subject_hash"] for each in acts}) == len(acts)
    assert f"room:{room}" not in json.dumps(acts)
