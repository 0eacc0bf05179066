import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from rooms.contexts.parimutuel.api import RoomStatus, RoomView
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database
from rooms.proof.pool import Side, Terms
from tests.houses import MINT, ONE, TERMS, TOUCH_SOL, House, Person, a_key, wire

HOUR = timedelta(hours=1)


async def code_of(house: House, host: Person, **changes: Any) -> str | None:
    """The code with which opening a room is refused, if it is."""
    try:
        await house.open_room(host, **changes)
    except Refusal as refusal:
        return refusal.code
    return None


async def test_a_new_room_waits_for_players_and_says_all_of_its_terms(house: House) -> None:
    host = await house.player()

    room = await house.open_room(host, title="  SOL at 165 today  ", lock_fraction=Decimal("0.25"))

    assert (room.title, room.status, room.host_id) == (
        "SOL at 165 today",
        RoomStatus.QUEUING,
        host.id,
    )
    assert room.settles_at - room.created_at == HOUR
    assert room.locks_at - room.created_at == HOUR / 4
    assert room.market == TOUCH_SOL
    assert (room.terms["protocol_bps"], room.terms["host_bps"]) == (200, 100)
    assert room.terms["past_post_ms"] == 3000
    assert [(move.to, move.cause, move.at) for move in room.transitions] == [
        (RoomStatus.QUEUING, "created", room.created_at)
    ]
    assert room.pools == {Side.YES: 0, Side.NO: 0}
    assert room == await house.rooms.room(room.id)


async def test_a_room_stores_its_first_observation_and_is_watched_from_then_on(
    house: House,
) -> None:
    room = await house.open_room(await house.player())

    async with house.database.snapshot() as tx:
        first = await tx.row(
            """
            SELECT observation.price, watch.subject, watch.created_at, watch.settles_at
            FROM parimutuel.rooms AS room
            JOIN oracle.watches AS watch ON watch.first_tick = room.first_tick
            JOIN oracle.observations AS observation ON observation.tick_id = room.first_tick
            WHERE room.id = $1
            """,
            room.id,
        )
    assert first is not None
    assert dict(first) == {
        "price": Decimal(150),
        "subject": f"room:{room.id}",
        "created_at": room.created_at,
        "settles_at": room.settles_at,
    }
    assert [price.value for price in room.prices] == [Decimal(150)]


async def test_what_is_asked_wrongly_is_refused_and_nothing_is_stored(house: House) -> None:
    host = await house.player()
    refused: dict[str, dict[str, Any]] = {
        "E-ROOM-TITLE": {"title": "SOL\u202e165"},
        "E-ROOM-TIME": {"settles_in": timedelta(minutes=14)},
        "E-ROOM-PLAYERS": {"min_players": 0},
        "E-ROOM-TARGET": {"market": {**TOUCH_SOL, "target": "-1"}},
        "E-ROOM-MARKET": {"resolve": "some day"},
        "E-ASSET-UNKNOWN": {"market": {**TOUCH_SOL, "asset": "NOSUCH"}},
    }

    assert {code: await code_of(house, host, **asked) for code, asked in refused.items()} == {
        code: code for code in refused
    }
    assert await house.rooms.rooms(host=host.id) == []


async def test_a_coin_that_the_sources_do_not_agree_on_now_is_refused(house: House) -> None:
    host = await house.player()
    house.oracle.silence("SOL", "binance", failure="timeout")

    assert await code_of(house, host) == "E-ASSET-UNPRICED"

    house.oracle.say("SOL", "150")
    assert await code_of(house, host) is None


@pytest.mark.parametrize(("direction", "met"), [("at_or_above", "165"), ("at_or_below", "165.00")])
async def test_a_touch_room_whose_target_is_met_already_is_refused(
    house: House, direction: str, met: str
) -> None:
    host = await house.player()
    house.oracle.say("SOL", met)
    market = {**TOUCH_SOL, "direction": direction}

    assert await code_of(house, host, market=market) == "E-ROOM-TARGET"
    assert await code_of(house, host, market=market, resolve="at_close") is None


async def test_a_combined_room_is_open_while_one_part_is_not_met(house: House) -> None:
    host = await house.player()
    house.oracle.say("SOL", "170")
    house.oracle.say("BTC", "50000")
    parts = [TOUCH_SOL, {**TOUCH_SOL, "asset": "BTC", "target": "60000"}]

    assert await code_of(house, host, market={"type": "any", "of": parts}) == "E-ROOM-TARGET"
    room = await house.open_room(host, market={"type": "all", "of": parts})

    assert [(price.asset, price.value) for price in room.prices] == [
        ("SOL", Decimal(170)),
        ("BTC", Decimal(50000)),
    ]


async def test_a_token_rooms_supply_is_fixed_whatever_the_host_writes(house: House) -> None:
    host = await house.player()
    house.oracle.say_token(MINT, "1.5", reserve=1000 * ONE, supply="2000000")
    market = {**TOUCH_SOL, "type": "token_market_cap", "asset": MINT, "target": "4000000"}

    room = await house.open_room(host, market={**market, "supply": "1"})

    assert room.market == {**market, "supply": "2000000"}
    assert [price.value for price in room.prices] == [Decimal(3_000_000)]


async def test_a_token_is_refused_unless_two_origins_price_it(house: House) -> None:
    host = await house.player()
    market = {**TOUCH_SOL, "type": "token_market_cap", "asset": MINT, "target": "4000000"}

    assert await code_of(house, host, market=market) == "E-ASSET-UNKNOWN"
    house.oracle.say_token(MINT, "1", reserve=1000 * ONE)
    house.oracle.silence(MINT, "dexscreener", failure="timeout")
    assert await code_of(house, host, market=market) == "E-ASSET-UNPRICED"


async def test_a_host_has_ten_rooms_at_most_until_one_of_them_ends(house: House) -> None:
    host, bettors = await house.player(), [await house.player() for _ in range(2)]
    rooms = [await house.open_room(host) for _ in range(10)]

    assert await code_of(house, host) == "E-ROOM-LIMIT"
    assert await code_of(house, bettors[0]) is None
    for bettor, side in zip(bettors, Side, strict=True):
        await house.bet(rooms[0].id, bettor, side)
    await house.settle(rooms[0].id, Side.NO)

    assert await code_of(house, host) is None
    assert await code_of(house, host) == "E-ROOM-LIMIT"


async def test_only_so_many_assets_that_nobody_asked_for_before_are_looked_up_in_a_minute(
    database: Database, owner: Database
) -> None:
    house = wire(database, owner, limits={"new_assets_per_host": 3, "new_assets": 5})
    first, second = await house.player(), await house.player()

    def about(number: int) -> dict[str, Any]:
        return {**TOUCH_SOL, "asset": f"NEW{number}"}

    told = [await code_of(house, first, market=about(number)) for number in range(4)]
    assert told == ["E-ASSET-UNKNOWN"] * 3 + ["E-ROOM-RATE"]
    told = [await code_of(house, second, market=about(number)) for number in range(3)]
    assert told == ["E-ASSET-UNKNOWN"] * 2 + ["E-ROOM-RATE"]
    await house.look("150")
    assert await code_of(house, first) is None


async def test_a_host_with_all_his_rooms_is_refused_before_any_source_is_asked(
    database: Database, owner: Database
) -> None:
    house = wire(database, owner, limits={"rooms_per_host": 1})
    host = await house.player()
    await house.open_room(host)
    unknown = {**TOUCH_SOL, "asset": "NOBODY"}

    assert await code_of(house, host, market=unknown) == "E-ROOM-LIMIT"


async def test_of_twenty_rooms_opened_at_once_ten_are_opened(house: House) -> None:
    host = await house.player()

    codes = Counter(await asyncio.gather(*(code_of(house, host) for _ in range(20))))

    assert codes == {None: 10, "E-ROOM-LIMIT": 10}
    assert len(await house.rooms.rooms(host=host.id)) == 10


async def test_opening_a_room_twice_with_one_key_opens_one_and_answers_the_same(
    house: House,
) -> None:
    host, key = await house.player(), a_key()

    first = await house.open_room(host, key=key)
    again = await house.open_room(host, key=key)

    assert again == first
    assert len(await house.rooms.rooms(host=host.id)) == 1
    assert await code_of(house, host, key=a_key(key=key.key, body=b"another")) == "E-KEY-REUSED"


async def test_of_ten_twins_one_opens_a_room_and_all_get_its_answer(house: House) -> None:
    host, key = await house.player(), a_key()

    rooms: list[RoomView] = await asyncio.gather(
        *(house.open_room(host, key=key) for _ in range(10))
    )

    assert {room.id for room in rooms} == {rooms[0].id}
    assert len(await house.rooms.rooms(host=host.id)) == 1


async def test_a_refused_room_may_be_asked_for_again_with_its_key(house: House) -> None:
    host, key = await house.player(), a_key()
    house.oracle.say("SOL", "170")
    assert await code_of(house, host, key=key) == "E-ROOM-TARGET"
    house.oracle.say("SOL", "150")

    assert await code_of(house, host, key=key) is None


async def test_no_room_is_opened_on_terms_that_could_not_pay_their_rewards(
    database: Database, owner: Database
) -> None:
    house = wire(database, owner, terms=replace(TERMS, pool=Terms(protocol_bps=0, host_bps=100)))

    assert await code_of(house, await house.player()) == "E-ROOM-TERMS"


async def test_a_room_keeps_the_terms_it_was_opened_with(
    house: House, database: Database, owner: Database
) -> None:
    room = await house.open_room(await house.player())
    later = wire(database, owner, terms=replace(TERMS, pool=Terms(protocol_bps=300, host_bps=0)))

    assert (await later.rooms.room(room.id)).terms["protocol_bps"] == 200
