import asyncio
from collections import Counter
from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest

from rooms.contexts.parimutuel.api import BetReceipt, RoomStatus
from rooms.contexts.parimutuel.settlement_storage import POOL_SHARDS
from rooms.kernel.ids import RoomId
from rooms.kernel.refusal import Refusal
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database
from rooms.proof.pool import Side
from tests.houses import LIMITS, MINT, ONE, TOUCH_SOL, House, Person, wire
from tests.platform.lock_waits import until_it_waits_for_a_lock

TOKEN = {**TOUCH_SOL, "type": "token_market_cap", "asset": MINT, "target": "4000000"}
# The room locks half a second from now by the clock that decides, which is awaited in the database.
UNTIL_LOCK_TIME = (
    "SELECT pg_sleep(greatest(0, extract(epoch FROM locks_at - clock_timestamp()))) "
    "FROM parimutuel.rooms WHERE id = $1"
)


async def code_of(house: House, *bet: Any, **more: Any) -> str | None:
    """The code with which a bet is refused, if it is."""
    try:
        await house.bet(*bet, **more)
    except Refusal as refusal:
        return refusal.code
    return None


async def pools_of(house: House) -> Counter[str]:
    """What each shard of the pools has."""
    async with house.database.snapshot() as tx:
        rows = await tx.fetch(
            "SELECT owner, balance FROM ledger.accounts WHERE kind = 'room_pools'"
        )
    return Counter(dict(map(tuple, rows)))


async def an_open_room(house: House, **changes: Any) -> RoomId:
    """A room with one bet of 1 SOL on each side."""
    room = await house.open_room(await house.player(), **changes)
    for side in Side:
        await house.bet(room.id, await house.player(), side)
    return room.id


async def test_a_bet_moves_the_stake_into_the_rooms_pool_and_is_answered(house: House) -> None:
    room, alice = await an_open_room(house), await house.player(fund=10 * ONE)
    before = SystemClock().now()

    receipt = await house.bet(room, alice, Side.YES, 4 * ONE)

    assert (receipt.room_id, receipt.side, receipt.stake) == (room, Side.YES, 4 * ONE)
    assert before <= receipt.placed_at <= SystemClock().now()
    assert receipt.placed_at.microsecond % 1000 == 0
    assert await house.balance(alice) == 6 * ONE
    view = await house.rooms.room(room)
    assert (view.players, view.pools) == (3, {Side.YES: 5 * ONE, Side.NO: ONE})
    (own,) = await house.rooms.bets(alice.id, None, 10)
    assert (own.id, own.status, own.payout, own.net) == (receipt.id, "ACCEPTED", None, None)
    await house.books_are_right()


async def test_stakes_that_are_taken_together_go_each_to_the_shard_of_its_player(
    house: House,
) -> None:
    room = await an_open_room(house)
    people = [await house.player(fund=20 * ONE) for _ in range(9)]
    await house.bet(room, await house.player(), Side.YES)
    before = await pools_of(house)

    await asyncio.gather(
        *(house.bet(room, who, Side.NO, (n + 1) * ONE) for n, who in enumerate(people))
    )

    async with house.database.snapshot() as tx:
        staked = await tx.fetch(
            "SELECT account_id, sum(stake)::bigint FROM parimutuel.bets "
            "WHERE player_id = ANY ($1) GROUP BY account_id",
            [who.id for who in people],
        )
    wanted = Counter(before)
    for account, stake in staked:
        wanted[str(account % POOL_SHARDS)] += stake
    assert await pools_of(house) == wanted
    assert len(wanted) == POOL_SHARDS
    await house.books_are_right()


async def test_a_room_opens_with_its_last_missing_player(house: House) -> None:
    room = await house.open_room(await house.player(), min_players=3)

    statuses = []
    for side in (Side.YES, Side.YES, Side.NO, Side.NO):
        await house.bet(room.id, await house.player(), side)
        statuses.append(await house.status(room.id))

    waiting, opened = RoomStatus.QUEUING, RoomStatus.OPEN
    assert statuses == [waiting, waiting, opened, opened]
    view = await house.rooms.room(room.id)
    assert [(move.to, move.cause) for move in view.transitions] == [
        (waiting, "created"),
        (opened, "enough players"),
    ]


async def test_the_two_first_bettors_at_the_same_instant_open_the_room_once(house: House) -> None:
    for _ in range(5):
        room = await house.open_room(await house.player(), min_players=2)
        bettors = [await house.player() for _ in range(2)]

        await asyncio.gather(
            *(house.bet(room.id, each, side) for each, side in zip(bettors, Side, strict=True))
        )

        moves = (await house.rooms.room(room.id)).transitions
        assert [move.to for move in moves] == [RoomStatus.QUEUING, RoomStatus.OPEN]


async def test_a_second_bet_of_a_player_in_a_room_is_refused_and_moves_nothing(
    house: House,
) -> None:
    room, alice = await an_open_room(house), await house.player(fund=10 * ONE)
    await house.bet(room, alice, Side.YES, 4 * ONE)

    for side in Side:
        assert await code_of(house, room, alice, side, ONE) == "E-BET-DUP"

    assert await house.balance(alice) == 6 * ONE
    await house.books_are_right()


@pytest.mark.parametrize("opened", [True, False])
async def test_of_twenty_bets_of_a_player_at_once_one_is_accepted(
    house: House, opened: bool
) -> None:
    room = await an_open_room(house) if opened else (await house.open_room(await house.player())).id
    alice = await house.player(fund=100 * ONE)

    codes = await asyncio.gather(
        *(code_of(house, room, alice, side, ONE) for side, _ in zip(cycle(Side), range(20)))
    )

    assert Counter(codes) == {None: 1, "E-BET-DUP": 19}
    assert await house.balance(alice) == 99 * ONE
    await house.books_are_right()


@pytest.mark.parametrize("opened", [True, False])
async def test_twins_with_one_key_are_one_bet_and_get_one_answer(
    house: House, opened: bool
) -> None:
    room = await an_open_room(house) if opened else (await house.open_room(await house.player())).id
    alice = await house.player(fund=100 * ONE)

    receipts: list[BetReceipt] = await asyncio.gather(
        *(house.bet(room, alice, Side.YES, ONE, key="one key") for _ in range(20))
    )

    assert receipts == [receipts[0]] * 20
    assert await house.balance(alice) == 99 * ONE
    await house.books_are_right()


async def test_a_twin_that_waited_for_the_room_gets_the_first_ones_answer(house: House) -> None:
    room, alice = (await house.open_room(await house.player())).id, await house.player()
    houses = house, wire(house.database, house.owner)
    async with house.database.transaction() as tx:
        await house.rooms.opening.rooms.room_alone(tx, room)
        twins = [
            asyncio.create_task(each.bet(room, alice, Side.YES, ONE, key="key")) for each in houses
        ]
        await until_it_waits_for_a_lock(house.database, waiters=2)

    first, second = await asyncio.gather(*twins)

    assert first == second


async def test_a_bet_sent_again_later_gets_its_first_answer_whatever_has_happened(
    house: House,
) -> None:
    room, alice = await an_open_room(house), await house.player(fund=ONE)
    receipt = await house.bet(room, alice, Side.YES, ONE, key="key")
    house.oracle.say("SOL", "170")
    await house.settle(room, Side.YES)
    stricter = wire(house.database, house.owner, limits={"stake_max": ONE - 1})

    again = await stricter.bet(room, alice, Side.YES, ONE, key="key")

    assert (again.id, again.side, again.stake) == (receipt.id, receipt.side, receipt.stake)
    assert await house.balance(alice) == 1_455_000_000


async def test_a_key_used_for_another_bet_is_refused(house: House) -> None:
    room, other = await an_open_room(house), await an_open_room(house)
    alice, bob = await house.player(), await house.player()
    await house.bet(room, alice, Side.YES, ONE, key="key")

    assert await code_of(house, room, alice, Side.YES, 2 * ONE, key="key") == "E-KEY-REUSED"
    assert await code_of(house, room, alice, Side.NO, ONE, key="key") == "E-KEY-REUSED"
    assert await code_of(house, other, alice, Side.YES, ONE, key="key") == "E-KEY-REUSED"
    assert await code_of(house, room, bob, Side.YES, ONE, key="key") is None


async def test_one_key_for_two_rooms_at_once_places_one_bet(house: House) -> None:
    rooms, alice = [await an_open_room(house) for _ in range(2)], await house.player()

    codes = await asyncio.gather(
        *(code_of(house, room, alice, Side.YES, ONE, key="key") for room in rooms)
    )

    assert Counter(codes) == {None: 1, "E-KEY-REUSED": 1}
    await house.books_are_right()


async def test_a_refused_bet_may_be_sent_again_with_its_key(house: House) -> None:
    room, alice = await an_open_room(house), await house.player()
    await house.look("165")
    assert await code_of(house, room, alice, Side.YES, key="key") == "E-TARGET-MET"
    await house.look("164")

    assert await code_of(house, room, alice, Side.YES, key="key") is None


async def test_a_hosts_bet_in_the_own_room_is_marked(house: House) -> None:
    host = await house.player()
    room, other = await house.open_room(host), await an_open_room(house)

    await house.bet(room.id, host, Side.YES)
    await house.bet(other, host, Side.YES)

    marked = {bet.room_id: bet.by_host for bet in await house.rooms.bets(host.id, None, 10)}
    assert marked == {room.id: True, other: False}


async def test_a_player_cannot_stake_more_than_there_is(house: House) -> None:
    room, alice = await an_open_room(house), await house.player(fund=ONE)

    assert await code_of(house, room, alice, Side.YES, ONE + 1) == "E-BAL-LOW"
    assert await code_of(house, room, alice, Side.YES, ONE) is None

    assert await house.balance(alice) == 0
    await house.books_are_right()


async def test_a_player_cannot_stake_the_same_money_in_many_rooms_at_once(house: House) -> None:
    rooms, alice = [await an_open_room(house) for _ in range(8)], await house.player(fund=3 * ONE)

    codes = await asyncio.gather(*(code_of(house, room, alice, Side.YES, ONE) for room in rooms))

    assert Counter(codes) == {None: 3, "E-BAL-LOW": 5}
    await house.books_are_right()


async def test_a_stake_outside_of_the_bounds_is_refused(house: House) -> None:
    room, alice = await an_open_room(house), await house.player(fund=LIMITS.stake_max + 1)

    for stake in (LIMITS.stake_min - 1, LIMITS.stake_max + 1, 0, -1, 2**70):
        assert await code_of(house, room, alice, Side.YES, stake) == "E-STAKE"
    assert await code_of(house, room, alice, Side.YES, LIMITS.stake_max) is None


async def test_a_room_that_is_not_there_takes_no_bet(house: House) -> None:
    assert await code_of(house, RoomId(404), await house.player(), Side.YES) == "E-ROOM-UNKNOWN"


async def test_a_bet_is_refused_from_the_lock_time_by_the_databases_clock(house: House) -> None:
    room, (alice, bob) = await an_open_room(house), [await house.player() for _ in range(2)]
    await house.let_pass(room, until="locks_at", more=-timedelta(seconds=30))
    assert await code_of(house, room, alice, Side.YES) is None
    await house.let_pass(room, until="locks_at")

    # Nobody has moved the room to LOCKED yet: the clock alone decides.
    assert await house.status(room) is RoomStatus.OPEN
    assert await code_of(house, room, bob, Side.YES) == "E-BET-LOCKED"


async def test_a_bet_that_waited_for_the_room_past_its_lock_time_is_refused(house: House) -> None:
    room, alice = (await house.open_room(await house.player())).id, await house.player()
    await house.let_pass(room, until="locks_at", more=-timedelta(milliseconds=500))
    async with house.database.transaction() as tx:
        await house.rooms.opening.rooms.room_alone(tx, room)
        waiting = asyncio.create_task(code_of(house, room, alice, Side.YES))
        await until_it_waits_for_a_lock(house.database)
        await tx.execute(UNTIL_LOCK_TIME, room)

    assert await waiting == "E-BET-LOCKED"


async def test_a_locked_room_takes_no_bet(house: House) -> None:
    room = await an_open_room(house)
    await house.let_pass(room, until="locks_at")
    await house.clock.tick()

    assert await house.status(room) is RoomStatus.LOCKED
    assert await code_of(house, room, await house.player(), Side.YES) == "E-BET-LOCKED"


async def test_a_room_that_was_seen_open_takes_no_bet_once_it_has_ended(house: House) -> None:
    room = await an_open_room(house)
    await house.bet(room, await house.player(), Side.YES)
    hit = SystemClock().now()
    await house.touched(room, hit, hit)
    await house.clock.tick()
    await house.look("150")

    # Its lock time has not come, and the price is below the target again: the status decides.
    assert await code_of(house, room, await house.player(), Side.NO) == "E-BET-LOCKED"
    await house.books_are_right()


async def test_no_bet_slips_in_while_a_room_is_being_closed(house: House) -> None:
    room, bettors = await an_open_room(house), [await house.player() for _ in range(20)]
    await house.let_pass(room, until="settles_at")

    async def close() -> None:
        await house.clock.tick()
        await house.closed(room, Side.YES)
        await house.clock.tick()

    codes = await asyncio.gather(
        close(), *(code_of(house, room, each, Side.YES) for each in bettors)
    )

    assert set(codes[1:]) == {"E-BET-LOCKED"}
    await house.books_are_right()


async def test_who_wants_a_room_alone_waits_for_earlier_bets_and_not_for_later_ones(
    house: House,
) -> None:
    room, storage, order = await an_open_room(house), house.rooms.opening.rooms, list[str]()

    async def close() -> None:
        async with house.database.transaction() as tx:
            await storage.room_alone(tx, room)
            order.append("closed")

    async def later_bet() -> None:
        async with house.database.transaction() as tx:
            await storage.lock_for_bets(tx, {room: False}, wait=True)
            order.append("later bet")

    async with house.database.transaction() as tx:
        await storage.lock_for_bets(tx, {room: False}, wait=True)
        closing = asyncio.create_task(close())
        await until_it_waits_for_a_lock(house.database)
        betting = asyncio.create_task(later_bet())
        await until_it_waits_for_a_lock(house.database, waiters=2)
        order.append("earlier bet")
    await asyncio.gather(closing, betting)

    assert order == ["earlier bet", "closed", "later bet"]


async def test_a_room_takes_no_bet_on_a_price_older_than_ten_seconds(house: House) -> None:
    room, alice = await an_open_room(house), await house.player()
    now = SystemClock().now()
    await house.look(at=now - timedelta(seconds=11))
    assert await code_of(house, room, alice, Side.YES) == "E-PRICE-STALE"
    await house.look()

    assert await code_of(house, room, alice, Side.YES) is None


async def test_a_combined_room_needs_a_fresh_price_of_every_asset(house: House) -> None:
    house.oracle.say("BTC", "50000")
    parts = [TOUCH_SOL, {**TOUCH_SOL, "asset": "BTC", "target": "60000"}]
    room = await an_open_room(house, market={"type": "all", "of": parts})
    alice = await house.player()
    await house.oracle.look("BTC", at=SystemClock().now() - timedelta(seconds=11))

    assert await code_of(house, room, alice, Side.YES) == "E-PRICE-STALE"


async def test_a_touch_room_takes_no_bet_once_its_target_is_met(house: House) -> None:
    touch, close = await an_open_room(house), await an_open_room(house, resolve="at_close")
    alice = await house.player()
    await house.look("165")

    assert await code_of(house, touch, alice, Side.YES) == "E-TARGET-MET"
    assert await code_of(house, close, alice, Side.YES) is None


async def test_a_token_rooms_handle_stays_below_what_pushing_its_pool_costs(house: House) -> None:
    house.oracle.say_token(MINT, "1", reserve=250 * ONE)
    room = await an_open_room(house, market=TOKEN)
    alice, bob = await house.player(), await house.player()

    # At a quarter of the target 2 % of the reserve is the most: 5 SOL, of which 2 are taken.
    assert await code_of(house, room, alice, Side.YES, 3 * ONE + 1) == "E-DEPTH"
    assert await code_of(house, room, alice, Side.YES, 3 * ONE) is None
    assert await code_of(house, room, bob, Side.NO, LIMITS.stake_min) == "E-DEPTH"


async def test_bets_at_once_do_not_bring_a_token_room_over_its_depth(house: House) -> None:
    house.oracle.say_token(MINT, "1", reserve=250 * ONE)
    room, bettors = (
        await an_open_room(house, market=TOKEN),
        [await house.player() for _ in range(10)],
    )

    codes = await asyncio.gather(*(code_of(house, room, each, Side.YES, ONE) for each in bettors))

    assert Counter(codes) == {None: 3, "E-DEPTH": 7}


async def test_a_token_room_takes_no_stake_while_its_pool_is_thin(house: House) -> None:
    house.oracle.say_token(MINT, "1", reserve=250 * ONE)
    room, alice = await an_open_room(house, market=TOKEN), await house.player()
    house.oracle.say_token(MINT, "1", reserve=50 * ONE - 1)
    await house.oracle.look(MINT)

    assert await code_of(house, room, alice, Side.YES, LIMITS.stake_min) == "E-DEPTH"


async def test_uplines_are_written_on_the_bet_as_deep_as_the_depth_in_force(
    house: House, database: Database, owner: Database
) -> None:
    line: list[Person] = [await house.player()]
    for _ in range(3):
        line.append(await house.player(referrer=line[-1]))
    three, two, one, bettor = line
    expected: dict[int, list[Person | None]] = {
        3: [one, two, three],
        1: [one, None, None],
        0: [None, None, None],
    }

    for depth, uplines in expected.items():
        house = wire(database, owner, depth=depth)
        room = await an_open_room(house)
        receipt = await house.bet(room, bettor, Side.YES)
        async with database.snapshot() as tx:
            row = await tx.row(
                "SELECT upline_1, upline_2, upline_3 FROM parimutuel.bets WHERE id = $1",
                receipt.id,
            )
        assert row is not None
        written = [upline.account if upline else None for upline in uplines]
        assert [row[f"upline_{level}"] for level in (1, 2, 3)] == written
