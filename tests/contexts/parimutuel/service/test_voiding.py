import asyncio
from datetime import timedelta

import pytest

from rooms.contexts.identity.api import Administrator
from rooms.contexts.parimutuel.api import RoomStatus, VoidRequest
from rooms.kernel.ids import RoomId
from rooms.kernel.refusal import Refusal
from rooms.proof.pool import Side
from tests.houses import ONE, House, Person

REASON = "the feeds of this coin were attacked"
DELAY = timedelta(minutes=10)


async def a_room(house: House) -> tuple[RoomId, list[Person]]:
    """An open room with 1 SOL of two people on each side."""
    room = (await house.open_room(await house.player(fund=0), resolve="at_close")).id
    people = [await house.player(fund=ONE) for _ in Side]
    for person, side in zip(people, Side, strict=True):
        await house.bet(room, person, side)
    return room, people


async def ask(
    house: House, room: RoomId, staff: Administrator, reason: str = REASON
) -> VoidRequest | str:
    try:
        return await house.rooms.request_void(room, staff, reason)
    except Refusal as refusal:
        return refusal.code


async def audit(house: House) -> list[tuple[str, str]]:
    async with house.database.snapshot() as tx:
        rows = await tx.fetch(
            "SELECT action, subject FROM identity.audit WHERE action <> 'staff.token' ORDER BY id"
        )
    return [(row["action"], row["subject"]) for row in rows]


async def test_two_administrators_void_a_room_after_the_public_delay(house: House) -> None:
    room, people = await a_room(house)
    ada, ben = [await house.administrator(name) for name in ("Ada", "Ben")]

    first, second = await ask(house, room, ada), await ask(house, room, ben)

    assert first == VoidRequest(room, 1, None)
    assert isinstance(second, VoidRequest)
    pending = (await house.rooms.room(room)).pending_void
    assert pending is not None
    assert pending.effective_at == second.effective_at
    await house.let_pass_for(room, DELAY - timedelta(seconds=5))
    await house.clock.tick()
    assert await house.status(room) is RoomStatus.OPEN
    await house.let_pass_for(room, timedelta(seconds=5))
    await house.clock.tick()

    view = await house.rooms.room(room)
    assert (view.status, view.reason) == (RoomStatus.VOIDED, "ADMIN")
    assert [await house.balance(person) for person in people] == [ONE, ONE]
    assert (await house.verified(room)).verdict == "verified"
    subject = f"room:{room}"
    assert await audit(house) == [("room.void", subject)] * 2 + [("room.voided", subject)]
    await house.books_are_right()


async def test_one_administrator_is_not_enough(house: House) -> None:
    room, _ = await a_room(house)
    ada = await house.administrator("Ada")

    await ask(house, room, ada)
    assert await ask(house, room, ada) == "E-VOID-TWICE"
    await house.let_pass_for(room, 2 * DELAY)
    await house.clock.tick()

    view = await house.rooms.room(room)
    assert (view.status, view.pending_void) == (RoomStatus.OPEN, None)
    assert await audit(house) == [("room.void", f"room:{room}")]


async def test_of_two_administrators_at_once_the_second_starts_the_delay(house: House) -> None:
    room, _ = await a_room(house)
    staff = [await house.administrator(name) for name in ("Ada", "Ben")]

    answers = await asyncio.gather(*(ask(house, room, each) for each in staff))

    asked = [answer for answer in answers if isinstance(answer, VoidRequest)]
    assert sorted(answer.asked_by for answer in asked) == [1, 2]
    assert [answer.effective_at is None for answer in asked].count(True) == 1


async def test_a_third_administrator_does_not_start_the_delay_again(house: House) -> None:
    room, _ = await a_room(house)
    staff = [await house.administrator(name) for name in ("Ada", "Ben", "Cleo")]
    answers = [await ask(house, room, each) for each in staff]
    pending = (await house.rooms.room(room)).pending_void

    assert answers[2] == VoidRequest(room, 3, None)
    assert pending is not None
    assert isinstance(answers[1], VoidRequest)
    assert pending.effective_at == answers[1].effective_at


async def test_an_administrator_with_a_bet_in_the_room_may_not_ask(house: House) -> None:
    room, people = await a_room(house)
    other, _ = await a_room(house)
    ada = await house.administrator("Ada", people[0])

    assert await ask(house, room, ada) == "E-VOID-BET"
    assert isinstance(await ask(house, other, ada), VoidRequest)


async def test_an_administrator_who_bets_after_asking_has_no_say_any_more(house: House) -> None:
    room, _ = await a_room(house)
    late = await house.player(fund=ONE)
    ada = await house.administrator("Ada", late)
    ben, cleo = [await house.administrator(name) for name in ("Ben", "Cleo")]
    await ask(house, room, ada)
    await ask(house, room, ben)
    await house.look("150")
    await house.bet(room, late, Side.YES, ONE)
    await house.let_pass_for(room, 2 * DELAY)
    await house.look("150")
    await house.clock.tick()
    assert (await house.rooms.room(room)).status is RoomStatus.OPEN

    answer = await ask(house, room, cleo)

    assert isinstance(answer, VoidRequest)
    assert (answer.asked_by, answer.effective_at is None) == (2, False)
    # The delay of the two who do count has only begun.
    await house.clock.tick()
    (view,) = await house.rooms.rooms()
    assert view.status is RoomStatus.OPEN
    assert view.pending_void is not None
    assert view.pending_void.effective_at == answer.effective_at
    await house.let_pass_for(room, DELAY)
    await house.clock.tick()
    assert (await house.rooms.room(room)).reason == "ADMIN"


@pytest.mark.parametrize("reason", ["", "why?", "    why?   ", "x" * 501])
async def test_a_void_needs_a_reason(house: House, reason: str) -> None:
    room, _ = await a_room(house)

    assert await ask(house, room, await house.administrator("Ada"), reason) == "E-VOID-REASON"


async def test_a_void_may_not_be_asked_for_from_the_settle_time_on(house: House) -> None:
    room, _ = await a_room(house)
    ada = await house.administrator("Ada")
    assert await ask(house, RoomId(404), ada) == "E-ROOM-UNKNOWN"
    await house.let_pass(room, until="settles_at")

    assert await ask(house, room, ada) == "E-VOID-LATE"
    await house.settle(room, Side.YES)
    assert await ask(house, room, ada) == "E-VOID-LATE"


async def test_an_outcome_that_comes_before_the_delay_is_over_stands(house: House) -> None:
    room, people = await a_room(house)
    for name in ("Ada", "Ben"):
        await ask(house, room, await house.administrator(name))
    await house.let_pass(room, until="settles_at")
    await house.closed(room, Side.YES)

    await house.clock.tick()
    await house.clock.tick()

    view = await house.rooms.room(room)
    assert (view.status, view.outcome) == (RoomStatus.SETTLED, Side.YES)
    assert [await house.balance(person) for person in people] == [1_940_000_000, 0]
    assert "room.voided" not in dict(await audit(house))


async def test_an_outcome_that_is_still_on_its_way_stands_too(house: House) -> None:
    room, _ = await a_room(house)
    for name in ("Ada", "Ben"):
        await ask(house, room, await house.administrator(name))
    await house.let_pass(room, until="settles_at")
    settles_at = (await house.rooms.room(room)).settles_at
    tick = await house.look("164", at=settles_at)
    await house.oracle.tell_closed(room, [tick], met=False)
    await house.clock.tick()
    assert await house.status(room) is RoomStatus.SETTLING

    await house.deliver()
    await house.clock.tick()

    assert (await house.rooms.room(room)).outcome is Side.NO


async def test_a_void_that_takes_effect_after_the_settle_time_ends_a_waiting_room(
    house: House,
) -> None:
    room, _ = await a_room(house)
    await house.let_pass(room, until="settles_at", more=-timedelta(minutes=5))
    for name in ("Ada", "Ben"):
        await ask(house, room, await house.administrator(name))
    await house.let_pass(room, until="settles_at")
    await house.clock.tick()
    assert await house.status(room) is RoomStatus.SETTLING
    await house.let_pass_for(room, DELAY)

    await house.clock.tick()

    assert (await house.rooms.room(room)).reason == "ADMIN"
    await house.books_are_right()


async def test_a_room_waiting_for_players_is_voided_too(house: House) -> None:
    room = (await house.open_room(await house.player())).id
    for name in ("Ada", "Ben"):
        await ask(house, room, await house.administrator(name))
    await house.let_pass_for(room, DELAY)

    await house.clock.tick()

    assert (await house.rooms.room(room)).reason == "ADMIN"
