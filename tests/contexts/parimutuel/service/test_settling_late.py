"""What was confirmed too late decides nothing: found by ``./rooms torture simulate --seed 2012``."""

from datetime import timedelta

from rooms.contexts.parimutuel.api import RoomStatus
from rooms.proof.pool import Side
from tests.houses import ONE, House

MINUTE = timedelta(minutes=1)


async def test_a_touch_of_a_waiting_room_that_is_confirmed_after_the_grace_period_decides_nothing(
    house: House,
) -> None:
    room = (await house.open_room(await house.player())).id
    people = [await house.player(fund=ONE) for _ in Side]
    early, late = [
        await house.bet(room, person, side) for person, side in zip(people, Side, strict=True)
    ]
    await house.let_pass(room, until="settles_at", more=16 * MINUTE)
    view = await house.rooms.room(room)
    hit = view.created_at + 2 * MINUTE
    await house.date_bet(early.id, hit - MINUTE)
    await house.date_bet(late.id, hit + MINUTE)

    ticks = [
        await house.look("164", at=hit - MINUTE),
        await house.look("165", at=hit),
        # The feeds were blind until now.
        await house.look("165", at=view.settles_at + 15 * MINUTE + timedelta(seconds=1)),
    ]
    await house.oracle.tell_touched(room, ticks, t_hit=hit, t_clear=hit - MINUTE)
    await house.deliver()

    view = await house.rooms.room(room)
    assert (view.status, view.reason) == (RoomStatus.VOIDED, "NO_CONSENSUS")
    assert [await house.balance(person) for person in people] == [ONE, ONE]
    assert (await house.verified(room)).verdict == "verified"
