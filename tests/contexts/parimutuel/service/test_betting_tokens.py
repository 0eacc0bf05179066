"""A bet is placed for a token that stands, and for no other: its own transaction makes sure."""

import asyncio
from itertools import count
from typing import Any

import pytest

from rooms.contexts.identity.api import Standing
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet
from rooms.kernel.ids import RoomId
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered
from rooms.proof.pool import Side
from tests.contexts.parimutuel.service.test_lean import bettors, open_rooms, place
from tests.contexts.parimutuel.service.test_placing import asked
from tests.houses import ONE, House, Person
from tests.platform.lock_waits import until_it_waits_for_a_lock

REVOKE = "DELETE FROM identity.tokens WHERE player_id = $1"

_keys = count(1)


async def standing_of(house: House, person: Person) -> Standing:
    bearer = await house.identity.bearer_of(person.token)
    assert bearer is not None
    return bearer.standing


async def revoke(house: House, person: Person) -> None:
    async with house.database.transaction() as tx:
        assert await tx.execute(REVOKE, person.id) == 1


async def shown(house: House, room: RoomId, person: Person) -> PlaceBet:
    """A bet of 1 SOL by the player's token."""
    return PlaceBet(
        room=room,
        player=person.id,
        side=Side.YES,
        stake=ONE,
        key=f"shown-{next(_keys)}",
        standing=await standing_of(house, person),
    )


async def bets_of(house: House, person: Person) -> int:
    async with house.database.snapshot() as tx:
        return int(
            await tx.value("SELECT count(*) FROM parimutuel.bets WHERE player_id = $1", person.id)
        )


async def test_a_token_that_stands_places_plain_bets_beside_bets_without_one(house: House) -> None:
    (room,), (alice, bob) = await open_rooms(house, 1), await bettors(house, 2)
    by_token = await asked(house, room, alice, standing=await standing_of(house, alice))

    assert None not in await place(house, by_token, await asked(house, room, bob))

    assert (await house.balance(alice), await house.balance(bob)) == (9 * ONE, 9 * ONE)


async def test_a_token_of_somebody_else_places_no_plain_bet(house: House) -> None:
    (room,), (alice, bob) = await open_rooms(house, 1), await bettors(house, 2)
    by_another = await asked(house, room, alice, standing=await standing_of(house, bob))

    assert await place(house, by_another) == [None]

    assert await house.balance(alice) == 10 * ONE


async def test_of_a_batch_only_the_bet_whose_token_is_revoked_is_refused(house: House) -> None:
    (room,), (alice, bob) = await open_rooms(house, 1), await bettors(house, 2)
    bets = [await shown(house, room, alice), await shown(house, room, bob)]
    await revoke(house, alice)

    refused, placed = await asyncio.gather(
        *(house.rooms.place_bet(bet) for bet in bets), return_exceptions=True
    )

    assert isinstance(refused, Refusal)
    assert refused.code == "E-AUTH"
    assert isinstance(placed, Answered)
    assert (await house.balance(alice), await house.balance(bob)) == (10 * ONE, 9 * ONE)
    assert house.identity.remembered(alice.token) is None
    assert house.identity.remembered(bob.token) is not None
    await house.books_are_right()


async def test_a_bet_placed_before_is_not_told_to_a_token_that_is_revoked(house: House) -> None:
    (room,), (alice,) = await open_rooms(house, 1), await bettors(house, 1)
    bet = await shown(house, room, alice)
    await house.rooms.place_bet(bet)
    await revoke(house, alice)

    with pytest.raises(Refusal) as refused:
        await house.rooms.place_bet(bet)

    assert refused.value.code == "E-AUTH"
    assert await bets_of(house, alice) == 1


async def test_a_bet_waits_for_a_revocation_that_is_under_way_and_for_none_of_another(
    house: House,
) -> None:
    (room,), (alice, bob, cleo) = await open_rooms(house, 1), await bettors(house, 3)
    bets = [await shown(house, room, each) for each in (alice, bob, cleo)]

    async with house.database.transaction() as tx:
        await tx.execute(REVOKE, alice.id)
        revoked = asyncio.create_task(house.rooms.place_bet(bets[0]))
        await until_it_waits_for_a_lock(house.database)
        assert (await house.rooms.place_bet(bets[1])).replayed is False
    with pytest.raises(Refusal, match="E-AUTH"):
        await revoked

    async with house.database.connection() as connection:
        undone = connection.transaction()
        await undone.start()
        await connection.execute(REVOKE, cleo.id)
        stands = asyncio.create_task(house.rooms.place_bet(bets[2]))
        await until_it_waits_for_a_lock(house.database)
        await undone.rollback()
    assert (await stands).replayed is False
    balances = [await house.balance(each) for each in (alice, bob, cleo)]
    assert balances == [10 * ONE, 9 * ONE, 9 * ONE]


async def test_no_bet_of_a_token_comes_after_its_revocation_was_answered(house: House) -> None:
    rooms, crowd = await open_rooms(house, 6), await bettors(house, 6)
    standings = {each.id: await standing_of(house, each) for each in crowd}

    async def bet(person: Person, room: RoomId) -> Answered[BetReceipt] | BaseException:
        told: asyncio.Future[Answered[BetReceipt] | BaseException] = asyncio.Future()
        key, standing = f"raced-{next(_keys)}", standings[person.id]
        command = PlaceBet(
            room=room, player=person.id, side=Side.NO, stake=ONE, key=key, standing=standing
        )
        house.rooms.begin_bet(command, told.set_result)
        return await told

    async def revoked(person: Person) -> int:
        await revoke(house, person)
        return await bets_of(house, person)

    async def race(person: Person, turn: int) -> tuple[int, list[Any]]:
        """Bet in each room, and revoke the token beside one of these bets."""
        told = []
        for n, room in enumerate(rooms):
            if n == turn:
                revoking = asyncio.create_task(revoked(person))
            told.append(await bet(person, room))
        return await revoking, told

    races = await asyncio.gather(*(race(each, turn) for turn, each in enumerate(crowd)))

    for person, (then, told) in zip(crowd, races, strict=True):
        assert [isinstance(each, Answered) for each in told] == [n < then for n in range(len(told))]
        assert {each.code for each in told[then:]} <= {"E-AUTH"}
        assert await bets_of(house, person) == then
        assert await house.balance(person) == (10 - then) * ONE
    # The first one was revoked beside its first bet: at least the last of six came later.
    assert races[0][0] < len(rooms)
    await house.books_are_right()
