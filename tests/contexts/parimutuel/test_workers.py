import asyncio

from rooms.contexts.parimutuel.api import RoomStatus
from rooms.kernel.ids import RoomId
from rooms.proof.pool import Side
from tests.houses import House


async def a_due_room(house: House) -> RoomId:
    room = (await house.open_room(await house.player(), resolve="at_close")).id
    for side in Side:
        await house.bet(room, await house.player(), side)
    await house.let_pass(room, until="locks_at")
    return room


async def test_a_room_whose_step_fails_does_not_hold_up_the_others(house: House) -> None:
    broken, sound = await a_due_room(house), await a_due_room(house)
    async with house.owner.transaction() as tx:
        await tx.execute(
            "INSERT INTO parimutuel.transitions VALUES ($1, 'LOCKED', clock_timestamp(), 'twice')",
            broken,
        )

    await house.clock.tick()

    assert await house.status(broken) is RoomStatus.OPEN
    assert await house.status(sound) is RoomStatus.LOCKED
    async with house.owner.transaction() as tx:
        await tx.execute(
            "DELETE FROM parimutuel.transitions WHERE room_id = $1 AND cause = 'twice'", broken
        )
    await house.clock.tick()
    assert await house.status(broken) is RoomStatus.LOCKED


async def test_a_clock_that_was_away_catches_up_step_by_step(house: House) -> None:
    room = await a_due_room(house)
    await house.let_pass(room, until="settles_at")

    await house.clock.tick()

    moves = [move.to.value for move in (await house.rooms.room(room)).transitions]
    assert moves == ["QUEUING", "OPEN", "LOCKED", "SETTLING"]


async def test_nothing_happens_before_its_time(house: House) -> None:
    room = (await house.open_room(await house.player())).id

    await house.clock.tick()

    assert await house.status(room) is RoomStatus.QUEUING


async def test_a_room_whose_payout_has_to_wait_does_not_hold_up_the_others(house: House) -> None:
    stuck, sound = await a_due_room(house), await a_due_room(house)
    for room in (stuck, sound):
        await house.let_pass(room, until="settles_at")
        await house.clock.move()
        await house.closed(room, Side.YES)
    ear = house.database.doorbell.listen()

    async def settled(room: RoomId) -> None:
        while await house.status(room) is not RoomStatus.SETTLED:
            await ear.wait()

    async with house.owner.transaction() as tx:
        await tx.execute("SELECT FROM parimutuel.rooms WHERE id = $1 FOR UPDATE", stuck)
        running = asyncio.create_task(house.clock.run())
        await settled(sound)
        assert await house.status(stuck) is RoomStatus.SETTLING
    await settled(stuck)
    running.cancel()
    await asyncio.wait({running})
    ear.close()
    await house.books_are_right()
