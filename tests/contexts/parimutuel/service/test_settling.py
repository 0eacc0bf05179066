import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from rooms.contexts.ledger.api import BREAKAGE, PROTOCOL_REVENUE
from rooms.contexts.oracle.events import ConditionMet, ConditionNotMet
from rooms.contexts.parimutuel.api import RoomStatus, RoomView
from rooms.kernel.ids import RoomId
from rooms.kernel.time import to_millis
from rooms.platform.clock import SystemClock
from rooms.proof.pool import Side
from tests.houses import ONE, House, Person

YES, NO = Side.YES, Side.NO
MOMENT, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)


async def bettors(
    house: House, room: RoomId, *stakes: tuple[Side, int]
) -> list[tuple[Person, Side, int]]:
    """New players with just enough, and their bets."""
    placed = []
    for side, stake in stakes:
        person = await house.player(fund=stake)
        await house.bet(room, person, side, stake)
        placed.append((person, side, stake))
    return placed


async def balances(house: House, placed: Sequence[tuple[Person, Side, int]]) -> list[int]:
    return [await house.balance(person) for person, _, _ in placed]


async def ended(house: House, room: RoomId) -> RoomView:
    """What became of a room, with books that are right and a file that anybody can verify."""
    await house.books_are_right()
    view = await house.rooms.room(room)
    report = await house.verified(room)
    assert report.verdict == "verified", report.steps
    return view


async def fact_told_by(house: House, kind: str) -> dict[str, Any]:
    async with house.database.snapshot() as tx:
        body: dict[str, Any] = await tx.value(
            "SELECT body FROM platform.outbox WHERE kind = $1 ORDER BY id DESC LIMIT 1", kind
        )
    return body


async def test_winners_share_the_pool_and_the_host_and_the_house_take_their_part(
    house: House,
) -> None:
    host = await house.player(fund=0)
    room = (await house.open_room(host, resolve="at_close")).id
    placed = await bettors(house, room, (YES, 10 * ONE), (YES, 90 * ONE), (NO, 50 * ONE))

    await house.settle(room, YES)

    view = await ended(house, room)
    assert (view.status, view.outcome, view.reason) == (RoomStatus.SETTLED, YES, None)
    assert [move.to.value for move in view.transitions] == [
        *("QUEUING", "OPEN", "LOCKED", "SETTLING", "SETTLED")
    ]
    assert await balances(house, placed) == [14_550_000_000, 130_950_000_000, 0]
    assert await house.balance(host) == 1_500_000_000
    assert await house.balances_of(PROTOCOL_REVENUE) == 3_000_000_000
    assert await house.balances_of(BREAKAGE) == 0
    assert await fact_told_by(house, "RoomSettled") == {
        "room_id": room,
        "outcome": "YES",
        "handle": 150 * ONE,
        "takeout": 4_500_000_000,
        "bets": 3,
    }


async def test_what_rounding_leaves_over_goes_to_breakage(house: House) -> None:
    room = (await house.open_room(await house.player(), resolve="at_close")).id
    stakes = [(YES, 1_000_001), (YES, 1_000_003), (YES, 1_000_007), (NO, 2_000_001)]
    placed = await bettors(house, room, *stakes)

    await house.settle(room, YES)

    head = await house.rooms.settlement(room)
    left_over = int(head["breakage"])
    assert 0 < left_over < 3
    assert await house.balances_of(BREAKAGE) == left_over
    takeout = 5_000_012 * 300 // 10_000
    assert sum(await balances(house, placed)) == 5_000_012 - takeout - left_over
    await ended(house, room)


async def test_three_levels_of_referrers_are_rewarded_for_bets_won_and_lost(
    house: House,
) -> None:
    three = await house.player(fund=0)
    two = await house.player(fund=0, referrer=three)
    one = await house.player(fund=0, referrer=two)
    winner, loser = [await house.player(10 * ONE, referrer=one) for _ in range(2)]
    room = (await house.open_room(await house.player(fund=0), resolve="at_close")).id
    await house.bet(room, winner, YES, 10 * ONE)
    await house.bet(room, loser, NO, 10 * ONE)

    await house.settle(room, YES)

    # 3 % of 10 SOL are 0.3 SOL of each bet: 15 %, 5 % and 2 % of it, twice.
    assert [await house.balance(each) for each in (one, two, three)] == [
        *(90_000_000, 30_000_000, 12_000_000)
    ]
    assert await house.balances_of(PROTOCOL_REVENUE) == 400_000_000 - 132_000_000
    for person, level, people in ((one, 1, 2), (two, 2, 2), (three, 3, 2)):
        summary = await house.referral.summary(person.id)
        earned = {each.level: (each.players, each.earned) for each in summary.levels}
        assert earned[level] == (people, {"SOL": await house.balance(person)})
    await ended(house, room)


async def test_a_room_where_all_bet_on_the_outcome_gives_stakes_back_and_takes_no_fee(
    house: House,
) -> None:
    host = await house.player(fund=0)
    room = (await house.open_room(host, resolve="at_close")).id
    placed = await bettors(house, room, (YES, 3 * ONE), (YES, 4 * ONE))

    await house.settle(room, YES)

    view = await ended(house, room)
    assert (view.status, view.outcome) == (RoomStatus.SETTLED, YES)
    assert await balances(house, placed) == [3 * ONE, 4 * ONE]
    assert await house.balance(host) == 0


async def test_a_room_where_nobody_bet_on_the_outcome_is_void(house: House) -> None:
    room = (await house.open_room(await house.player(), resolve="at_close")).id
    placed = await bettors(house, room, (YES, 3 * ONE), (YES, 4 * ONE))

    await house.settle(room, NO)

    view = await ended(house, room)
    assert (view.status, view.outcome, view.reason) == (RoomStatus.VOIDED, None, "NO_WINNER")
    assert await balances(house, placed) == [3 * ONE, 4 * ONE]
    assert await fact_told_by(house, "RoomVoided") == {
        "room_id": room,
        "reason": "NO_WINNER",
        "bets": 2,
    }


@pytest.mark.parametrize("count", [0, 1])
async def test_a_room_with_too_few_players_at_its_lock_time_is_void(
    house: House, count: int
) -> None:
    room = (await house.open_room(await house.player())).id
    placed = await bettors(house, room, *[(YES, ONE)] * count)
    await house.clock.tick()
    assert await house.status(room) is RoomStatus.QUEUING
    await house.let_pass(room, until="locks_at")

    await house.clock.tick()

    view = await ended(house, room)
    assert (view.status, view.reason) == (RoomStatus.VOIDED, "MIN_PLAYERS")
    assert await balances(house, placed) == [ONE] * count
    assert not await house.oracle.tell_closed(room, [1], met=True)


async def test_a_room_whose_target_is_touched_while_it_waits_for_players_is_void(
    house: House,
) -> None:
    room = await house.open_room(await house.player())
    placed = await bettors(house, room.id, (YES, ONE))
    await house.let_pass_for(room.id, timedelta(minutes=10))
    hit = room.created_at - timedelta(minutes=1)

    await house.touched(room.id, hit, hit - SECOND)

    view = await ended(house, room.id)
    assert (view.status, view.reason) == (RoomStatus.VOIDED, "TARGET_MET_QUEUING")
    assert await balances(house, placed) == [ONE]


async def test_who_came_after_the_touch_does_not_open_the_room(house: House) -> None:
    room = await house.open_room(await house.player(), min_players=3)
    placed = await bettors(house, room.id, (YES, 10 * ONE), (NO, 50 * ONE))
    await house.let_pass_for(room.id, timedelta(minutes=1))
    hit = SystemClock().now()
    placed += await bettors(house, room.id, (YES, ONE))

    await house.touched(room.id, hit, hit - SECOND)

    view = await ended(house, room.id)
    assert (view.status, view.reason) == (RoomStatus.VOIDED, "TARGET_MET_QUEUING")
    assert await balances(house, placed) == [10 * ONE, 50 * ONE, ONE]


async def a_touched_room(
    house: House, clear_before: timedelta, *stakes: tuple[Side, timedelta]
) -> tuple[RoomId, list[tuple[Person, Side, int]]]:
    """A room touched a minute ago, with bets of 1 SOL so long before the touch."""
    room = (await house.open_room(await house.player(fund=0))).id
    placed, receipts = [], []
    for side, _ in stakes:
        person = await house.player(fund=ONE)
        receipts.append(await house.bet(room, person, side))
        placed.append((person, side, ONE))
    await house.let_pass_for(room, timedelta(minutes=20))
    hit = receipts[0].placed_at - timedelta(minutes=1)
    for receipt, (_, before) in zip(receipts, stakes, strict=True):
        await house.date_bet(receipt.id, hit - before)
    await house.touched(room, hit, hit - clear_before)
    await house.clock.tick()
    return room, placed


async def test_bets_from_three_seconds_before_the_touch_are_scratched(house: House) -> None:
    room, placed = await a_touched_room(
        house,
        SECOND,
        (YES, 3 * SECOND + MOMENT),
        (YES, 3 * SECOND),
        (NO, 60 * SECOND),
        (NO, -SECOND),
    )

    view = await ended(house, room)
    assert (view.status, view.outcome) == (RoomStatus.SETTLED, YES)
    assert await balances(house, placed) == [1_940_000_000, ONE, 0, ONE]
    head = await house.rooms.settlement(room)
    assert (head["handle"], head["scratched"], head["bets_count"]) == (str(2 * ONE), 2, 4)


async def test_bets_from_the_last_clear_look_on_are_scratched_when_feeds_were_blind(
    house: House,
) -> None:
    blind = 40 * SECOND
    room, placed = await a_touched_room(
        house, blind, (YES, blind + MOMENT), (YES, blind), (NO, blind + MOMENT), (NO, 4 * SECOND)
    )

    assert await balances(house, placed) == [1_940_000_000, ONE, 0, ONE]
    own = await house.rooms.bets(placed[1][0].id, None, 1)
    assert [(bet.status, bet.payout, bet.net) for bet in own] == [("REFUNDED", ONE, 0)]
    await ended(house, room)


async def test_a_room_whose_winning_bets_are_all_scratched_is_void(house: House) -> None:
    room, placed = await a_touched_room(house, SECOND, (YES, SECOND), (NO, 60 * SECOND))

    view = await ended(house, room)
    assert (view.status, view.reason) == (RoomStatus.VOIDED, "NO_WINNER")
    assert await balances(house, placed) == [ONE, ONE]


async def test_players_are_counted_before_bets_are_scratched(house: House) -> None:
    room, placed = await a_touched_room(house, SECOND, (YES, 60 * SECOND), (NO, SECOND))

    view = await ended(house, room)
    assert (view.status, view.outcome) == (RoomStatus.SETTLED, YES)
    assert await balances(house, placed) == [ONE, ONE]


async def test_a_room_decided_at_its_settle_time_scratches_nothing(house: House) -> None:
    room = (await house.open_room(await house.player())).id
    placed = await bettors(house, room, (YES, ONE), (NO, ONE))

    await house.settle(room, NO)

    assert await balances(house, placed) == [0, 1_940_000_000]
    assert (await house.rooms.settlement(room))["scratched"] == 0


async def a_locked_room(house: House) -> tuple[RoomId, list[tuple[Person, Side, int]]]:
    """A room past its settle time that nobody has decided, with 1 SOL on each side."""
    room = (await house.open_room(await house.player(fund=0), resolve="at_close")).id
    placed = await bettors(house, room, (YES, ONE), (NO, ONE))
    await house.let_pass(room, until="settles_at")
    await house.clock.tick()
    return room, placed


async def test_a_room_waits_for_a_consensus_until_the_grace_period_is_over(house: House) -> None:
    room, placed = await a_locked_room(house)
    await house.let_pass_for(room, timedelta(minutes=15) - 5 * SECOND)
    await house.clock.tick()
    assert await house.status(room) is RoomStatus.SETTLING
    assert await balances(house, placed) == [0, 0]
    await house.let_pass_for(room, 5 * SECOND)

    await house.clock.tick()

    view = await ended(house, room)
    assert (view.status, view.reason) == (RoomStatus.VOIDED, "NO_CONSENSUS")
    assert await balances(house, placed) == [ONE, ONE]


async def test_a_consensus_within_the_grace_period_settles_however_late_it_is_heard(
    house: House,
) -> None:
    room, placed = await a_locked_room(house)
    await house.let_pass_for(room, timedelta(minutes=16))
    settles_at = (await house.rooms.room(room)).settles_at
    tick = await house.look("170", at=settles_at + timedelta(minutes=15))
    await house.oracle.tell_closed(room, [tick], met=True)
    # The fact waits on the outbox past the grace period; the condition was decided before.
    await house.clock.tick()
    assert await house.status(room) is RoomStatus.SETTLING

    await house.deliver()
    await house.clock.tick()

    assert await house.status(room) is RoomStatus.SETTLED
    assert await balances(house, placed) == [1_940_000_000, 0]


async def test_a_first_observation_after_the_grace_period_decides_nothing(house: House) -> None:
    room, placed = await a_locked_room(house)
    settles_at = (await house.rooms.room(room)).settles_at

    await house.closed(room, YES, at=settles_at + timedelta(minutes=15) + MOMENT)

    view = await house.rooms.room(room)
    assert (view.status, view.reason) == (RoomStatus.VOIDED, "NO_CONSENSUS")
    assert await balances(house, placed) == [ONE, ONE]


async def tell_again(house: House, fact: ConditionMet | ConditionNotMet) -> None:
    async with house.database.transaction() as tx:
        await tx.publish(fact)
    await house.deliver()
    await house.clock.tick()


@pytest.mark.parametrize("paid", [True, False])
async def test_an_outcome_told_twice_or_against_itself_decides_once(
    house: House, paid: bool
) -> None:
    room, placed = await a_locked_room(house)
    await house.closed(room, YES)
    if paid:
        await house.clock.tick()
    subject, ticks = f"room:{room}", [1]
    hit = to_millis((await house.rooms.room(room)).created_at)

    await tell_again(house, ConditionNotMet(subject=subject, trigger="close", ticks=ticks))
    await tell_again(
        house, ConditionMet(subject=subject, trigger="touch", ticks=ticks, t_hit=hit, t_clear=hit)
    )

    view = await ended(house, room)
    assert (view.status, view.outcome) == (RoomStatus.SETTLED, YES)
    assert await balances(house, placed) == [1_940_000_000, 0]


async def test_a_room_is_paid_once_though_twenty_try_at_once(house: House) -> None:
    room, placed = await a_locked_room(house)
    await house.closed(room, YES)

    paid = await asyncio.gather(*(house.rooms.settling.pay(room) for _ in range(20)))

    assert sorted(paid) == [False] * 19 + [True]
    assert await balances(house, placed) == [1_940_000_000, 0]
    await ended(house, room)


async def test_a_crash_between_decision_and_payout_is_resumed(house: House) -> None:
    room, placed = await a_locked_room(house)
    await house.closed(room, YES)
    assert await house.status(room) is RoomStatus.SETTLING
    assert (await house.rooms.preview(room)).decided

    await house.clock.tick()

    assert await balances(house, placed) == [1_940_000_000, 0]
    await ended(house, room)


async def test_a_payout_that_breaks_in_the_middle_leaves_nothing_and_is_done_again(
    house: House,
) -> None:
    room, placed = await a_locked_room(house)
    await house.closed(room, YES)
    async with house.owner.transaction() as tx:
        await tx.execute("ALTER TABLE parimutuel.settlements ADD CONSTRAINT broken CHECK (false)")

    with pytest.raises(asyncpg.CheckViolationError):
        await house.rooms.settling.pay(room)
    assert await balances(house, placed) == [0, 0]
    assert await house.status(room) is RoomStatus.SETTLING
    async with house.owner.transaction() as tx:
        await tx.execute("ALTER TABLE parimutuel.settlements DROP CONSTRAINT broken")
    await house.clock.tick()

    assert await balances(house, placed) == [1_940_000_000, 0]
    await ended(house, room)


async def test_a_touch_settles_an_open_room_and_its_betting_ends(house: House) -> None:
    room, _ = await a_touched_room(house, SECOND, (YES, 60 * SECOND), (NO, 60 * SECOND))

    moves = [(move.to.value, move.cause) for move in (await house.rooms.room(room)).transitions]

    assert moves == [
        ("QUEUING", "created"),
        ("OPEN", "enough players"),
        ("SETTLING", "the target was touched"),
        ("SETTLED", "YES"),
    ]


async def test_rooms_are_settled_at_once_without_waiting_for_each_other_for_ever(
    house: House,
) -> None:
    people = [await house.player(fund=20 * ONE) for _ in range(4)]
    rooms = [(await house.open_room(people[n % 4], resolve="at_close")).id for n in range(8)]
    for room in rooms:
        await asyncio.gather(
            *(house.bet(room, person, YES if n % 2 else NO, ONE) for n, person in enumerate(people))
        )
        await house.let_pass(room, until="settles_at")
    await house.clock.tick()
    for room in rooms:
        await house.closed(room, YES)

    await asyncio.gather(*(house.rooms.settling.pay(room) for room in rooms))

    assert {await house.status(room) for room in rooms} == {RoomStatus.SETTLED}
    await house.books_are_right()


async def test_the_evidence_of_a_settlement_is_in_its_head(house: House) -> None:
    room, _ = await a_touched_room(house, SECOND, (YES, 60 * SECOND), (NO, 60 * SECOND))

    head = await house.rooms.settlement(room)

    prices = [observation["price"] for observation in head["observations"]]
    assert prices == ["164", "165", "165"]
    assert head["trigger"] == "touch"
    used = {quote["source"]: quote["used"] for quote in head["observations"][1]["quotes"]}
    assert used == {"binance": True, "coinbase": True, "kraken": True, "coingecko": False}
