"""Rule 3 of pool.md: once the log runs, a bet counts only if a head covered it in time."""

from datetime import timedelta

from rooms.contexts.parimutuel.api import BetReceipt, RoomStatus, RoomView
from rooms.kernel.ids import RoomId
from rooms.platform.clock import SystemClock
from rooms.proof.pool import Side
from tests.houses import ONE, House, Person

YES, NO = Side.YES, Side.NO
SECOND = timedelta(seconds=1)


async def a_room_in_the_log(house: House, resolve: str) -> tuple[RoomId, list[Person]]:
    """A room with 10 SOL on each side, both under a head that was signed long ago."""
    await house.append()
    room = (await house.open_room(await house.player(fund=0), resolve=resolve)).id
    people = [await house.player(fund=10 * ONE) for _ in Side]
    for person, side in zip(people, (YES, NO), strict=True):
        await house.bet(room, person, side, 10 * ONE)
    await house.append()
    await house.date_heads(timedelta(hours=3))
    return room, people


async def another(house: House, room: RoomId, side: Side = YES) -> tuple[Person, BetReceipt]:
    person = await house.player(fund=30 * ONE, referrer=await house.player(fund=0))
    return person, await house.bet(room, person, side, 30 * ONE)


async def touched_in_a_while(house: House, room: RoomId) -> RoomView:
    """Let the room be touched ten seconds from now, clear until then, and be paid."""
    t_hit = SystemClock().now() + 10 * SECOND
    await house.touched(room, t_hit, t_hit - SECOND)
    await house.clock.tick()
    await house.books_are_right()
    report = await house.verified(room)
    assert report.verdict == "verified", report.steps
    return await house.rooms.room(room)


async def test_a_bet_that_no_head_covers_is_refunded_and_the_others_share_without_it(
    house: House,
) -> None:
    room, (winner, loser) = await a_room_in_the_log(house, "touch")
    late, _ = await another(house, room)

    view = await touched_in_a_while(house, room)

    assert (view.status, view.outcome) == (RoomStatus.SETTLED, YES)
    assert await house.balance(late) == 30 * ONE
    assert await house.balance(winner) == 20 * ONE - 20 * ONE * 3 // 100
    assert await house.balance(loser) == 0
    (own,) = await house.rooms.bets(late.id, None, 10)
    assert (own.status, own.payout, own.net) == ("REFUNDED", 30 * ONE, 0)
    settlement = await house.rooms.settlement(room)
    assert (settlement["scratched"], settlement["handle"]) == (1, str(20 * ONE))


async def test_a_bet_whose_head_was_signed_after_the_touch_is_refunded(house: House) -> None:
    room, (winner, _) = await a_room_in_the_log(house, "touch")
    late, _ = await another(house, room)
    await house.let_pass_for(room, timedelta(minutes=1))
    t_hit = SystemClock().now() - SECOND
    await house.append()

    await house.touched(room, t_hit, t_hit - 10 * SECOND)
    await house.clock.tick()

    assert await house.balance(late) == 30 * ONE
    assert await house.balance(winner) > 10 * ONE
    await house.books_are_right()


async def test_a_bet_counts_if_its_head_was_signed_before_the_touch(house: House) -> None:
    room, (winner, _) = await a_room_in_the_log(house, "touch")
    counted, _ = await another(house, room)
    await house.append()

    await touched_in_a_while(house, room)

    net = 50 * ONE - 50 * ONE * 3 // 100
    assert await house.balance(counted) == 30 * ONE * net // (40 * ONE)
    assert await house.balance(winner) == 10 * ONE * net // (40 * ONE)


async def test_at_close_the_head_has_to_be_signed_before_the_settle_time(house: House) -> None:
    room, (winner, _) = await a_room_in_the_log(house, "at_close")
    late, _ = await another(house, room)

    await house.settle(room, YES)

    assert await house.balance(late) == 30 * ONE
    assert await house.balance(winner) == 20 * ONE - 20 * ONE * 3 // 100
    await house.books_are_right()
    assert (await house.verified(room)).verdict == "verified"


async def test_a_room_whose_only_winner_no_head_covers_is_void(house: House) -> None:
    await house.append()
    room = (await house.open_room(await house.player(fund=0), resolve="touch")).id
    loser = await house.player(fund=10 * ONE)
    await house.bet(room, loser, NO, 10 * ONE)
    await house.append()
    late, _ = await another(house, room)

    view = await touched_in_a_while(house, room)

    assert (view.status, view.reason) == (RoomStatus.VOIDED, "NO_WINNER")
    assert await house.balance(late) == 30 * ONE
    assert await house.balance(loser) == 10 * ONE


async def test_bets_of_before_the_log_ran_count(house: House) -> None:
    room = (await house.open_room(await house.player(fund=0), resolve="touch")).id
    people = [await house.player(fund=10 * ONE) for _ in Side]
    for person, side in zip(people, (YES, NO), strict=True):
        await house.bet(room, person, side, 10 * ONE)

    view = await touched_in_a_while(house, room)

    assert view.status is RoomStatus.SETTLED
    assert await house.balance(people[0]) == 20 * ONE - 20 * ONE * 3 // 100


async def test_a_stopped_sequencer_keeps_no_room_from_being_settled(house: House) -> None:
    room, people = await a_room_in_the_log(house, "touch")
    crowd = [await another(house, room, side) for side in (YES, NO, YES)]

    view = await touched_in_a_while(house, room)

    assert view.status is RoomStatus.SETTLED
    assert [await house.balance(person) for person, _ in crowd] == [30 * ONE] * 3
    assert await house.balance(people[1]) == 0
    assert (await house.rooms.settlement(room))["scratched"] == 3
