from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from rooms.contexts.ledger.api import ROOM_POOLS
from rooms.contexts.parimutuel.api import RoomStatus
from rooms.contexts.parimutuel.service.lean import Answers
from rooms.contexts.parimutuel.service.placing import Asked
from rooms.kernel.ids import BetId, RoomId
from rooms.kernel.money import SOL
from rooms.kernel.refusal import Refusal
from rooms.platform.clock import SystemClock
from rooms.proof.pool import Side
from tests.contexts.parimutuel.service.test_placing import asked
from tests.houses import LIMITS, ONE, TERMS, TOUCH_SOL, House, Person


async def open_rooms(house: House, how_many: int) -> list[RoomId]:
    """Rooms that are open and were seen so, by a bet of 1 SOL in each."""
    host, bettor = await house.player(), await house.player(fund=100 * ONE)
    rooms = [(await house.open_room(host, min_players=1)).id for _ in range(how_many)]
    for room in rooms:
        await house.bet(room, bettor, Side.YES)
    seen = house.rooms.betting.lean.seen
    async with house.database.transaction() as tx:
        for opened in await house.rooms.opening.rooms.rooms_of(tx, set(rooms)):
            seen.note_room(replace(opened, priced_on=seen.rooms[opened.id].priced_on))
    assert all(seen.looks_open(room) for room in rooms)
    return rooms


async def place(house: House, *batch: Asked) -> Answers:
    async with house.database.transaction() as tx:
        pool = await house.ledger.open_account(tx, SOL, ROOM_POOLS, "0")
    return await house.rooms.betting.lean.place(batch, [pool] * len(batch))


async def bettors(house: House, how_many: int, fund: int = 10 * ONE) -> list[Person]:
    return [await house.player(fund=fund) for _ in range(how_many)]


async def bets_since(house: House, first: BetId) -> Sequence[tuple[int, int, str]]:
    """Number, player and transaction of each bet from this one on."""
    async with house.database.snapshot() as tx:
        rows = await tx.fetch(
            "SELECT id, player_id, xmin::text FROM parimutuel.bets WHERE id >= $1 ORDER BY id",
            first,
        )
    return [tuple(row) for row in rows]


async def count(house: House, table: str) -> int:
    async with house.database.snapshot() as tx:
        return int(await tx.value(f"SELECT count(*) FROM {table}"))


async def test_plain_bets_are_placed_together_and_numbered_in_the_order_of_the_batch(
    house: House,
) -> None:
    (room, other), people = await open_rooms(house, 2), await bettors(house, 4)
    batch = [
        await asked(house, which, who, (n + 1) * ONE)
        for n, (which, who) in enumerate(zip([room, other, other, room], people, strict=True))
    ]

    placed = await place(house, *batch)

    receipts = [answer.value for answer in placed if answer is not None]
    assert [(each.room_id, each.side, each.stake) for each in receipts] == [
        (bet.command.room, bet.command.side, bet.command.stake) for bet in batch
    ]
    written = await bets_since(house, receipts[0].id)
    assert [(bet, player) for bet, player, _ in written] == [
        (receipt.id, who.id) for receipt, who in zip(receipts, people, strict=True)
    ]
    assert len({transaction for *_, transaction in written}) == 1
    assert len({receipt.placed_at for receipt in receipts}) == 1
    assert [await house.balance(who) for who in people] == [9 * ONE, 8 * ONE, 7 * ONE, 6 * ONE]
    await house.books_are_right()


async def test_of_a_players_bets_in_one_batch_the_first_is_plain(house: House) -> None:
    (room, other), (alice, bob) = await open_rooms(house, 2), await bettors(house, 2)
    batch = [await asked(house, *bet) for bet in ((room, alice), (other, alice), (other, bob))]

    placed = await place(house, *batch)

    assert [answer is not None for answer in placed] == [True, False, True]
    assert await house.balance(alice) == 9 * ONE


async def test_a_bet_that_is_in_the_books_undoes_the_whole_and_each_has_to_be_looked_at(
    house: House,
) -> None:
    (room,), (alice, bob) = await open_rooms(house, 1), await bettors(house, 2)
    await house.bet(room, alice, Side.YES)
    before = [await count(house, table) for table in ("ledger.entries", "platform.outbox")]

    placed = await place(house, await asked(house, room, bob), await asked(house, room, alice))

    assert placed == [None, None]
    assert await house.balance(bob) == 10 * ONE
    after = [await count(house, table) for table in ("ledger.entries", "platform.outbox")]
    assert after == before


async def test_who_cannot_pay_undoes_the_whole(house: House) -> None:
    (room,), (alice,) = await open_rooms(house, 1), await bettors(house, 1)
    poor = await house.player(fund=ONE)

    placed = await place(
        house, await asked(house, room, alice), await asked(house, room, poor, ONE + 1)
    )

    assert placed == [None, None]
    assert (await house.balance(alice), await house.balance(poor)) == (10 * ONE, ONE)
    await house.books_are_right()


async def test_what_somebody_has_locked_is_not_waited_for(house: House) -> None:
    (room, other), (alice, bob) = await open_rooms(house, 2), await bettors(house, 2)

    async with house.database.transaction() as tx:
        await house.rooms.opening.rooms.room_alone(tx, room)
        assert await place(house, await asked(house, room, alice)) == [None]
    async with house.database.transaction() as tx:
        await house.ledger.spendable(tx, [alice.account], wait=True)
        batch = [await asked(house, other, alice), await asked(house, other, bob)]
        assert await place(house, *batch) == [None, None]

    assert None not in await place(house, *batch)


async def test_newer_prices_are_looked_at_and_the_batch_goes_on(house: House) -> None:
    (room,), (alice,) = await open_rooms(house, 1), await bettors(house, 1)
    await house.look("151")

    assert await place(house, await asked(house, room, alice)) != [None]


async def test_a_price_that_is_too_old_stops_plain_bets_until_there_is_a_newer_one(
    house: House,
) -> None:
    (room,), (alice,) = await open_rooms(house, 1), await bettors(house, 1)
    bet = await asked(house, room, alice)
    await house.look("150", at=SystemClock().now() - timedelta(seconds=11))
    assert await place(house, bet) == [None]
    await house.look("150")

    assert await place(house, bet) != [None]


async def test_a_price_that_meets_the_target_stops_plain_bets_until_a_bet_is_looked_at(
    house: House,
) -> None:
    (room,), (alice, bob) = await open_rooms(house, 1), await bettors(house, 2)
    bet = await asked(house, room, alice)
    await house.look(TOUCH_SOL["target"])
    assert await place(house, bet) == [None]
    await house.look("150")
    assert await place(house, bet) == [None]

    await house.bet(room, bob, Side.YES)

    assert await place(house, bet) != [None]


async def test_prices_of_before_the_clock_was_set_back_are_not_bet_on_plainly_or_looked_at(
    house: House,
) -> None:
    (room,), (alice, bob) = await open_rooms(house, 1), await bettors(house, 2)
    bet = await asked(house, room, alice)

    await house.look("150", at=SystemClock().now() + timedelta(minutes=1))
    assert await place(house, bet) == [None]
    with pytest.raises(Refusal, match="E-PRICE-STALE"):
        await house.bet(room, bob, Side.YES)

    await house.look("150")
    await house.bet(room, bob, Side.YES)
    assert await place(house, bet) != [None]


async def test_a_price_on_other_terms_says_nothing_about_a_room_plainly_or_looked_at(
    house: House,
) -> None:
    changed = replace(TERMS.oracle, quorum_coin=TERMS.oracle.quorum_coin - 1)
    (room,), (alice, bob) = await open_rooms(house, 1), await bettors(house, 2)
    bet = await asked(house, room, alice)

    await house.look("150", at=SystemClock().now() - timedelta(seconds=11))
    await house.oracle.look("SOL", terms=changed)
    assert await place(house, bet) == [None]
    with pytest.raises(Refusal, match="E-PRICE-STALE"):
        await house.bet(room, bob, Side.YES)

    await house.look(TOUCH_SOL["target"])
    house.oracle.say("SOL", "150")
    await house.oracle.look("SOL", terms=changed)
    assert await place(house, bet) == [None]
    with pytest.raises(Refusal, match="E-TARGET-MET"):
        await house.bet(room, bob, Side.YES)

    await house.look("150")
    house.oracle.say("SOL", TOUCH_SOL["target"])
    await house.oracle.look("SOL", terms=changed)
    await house.bet(room, bob, Side.YES)
    assert await place(house, bet) != [None]
    assert [seen.value for seen in (await house.rooms.room(room)).prices] == [150]


async def test_a_room_that_has_locked_takes_no_plain_bet(house: House) -> None:
    (room, other), (alice, bob) = await open_rooms(house, 2), await bettors(house, 2)
    batch = [await asked(house, room, alice), await asked(house, other, bob)]
    await house.let_pass(room, until="locks_at")
    assert await place(house, *batch) == [None, None]
    await house.clock.tick()
    assert await house.status(room) is RoomStatus.LOCKED

    assert await place(house, *batch) == [None, None]
    assert await house.balance(alice) == 10 * ONE


async def test_a_stake_out_of_bounds_is_not_plain(house: House) -> None:
    (room,), (alice,) = await open_rooms(house, 1), await bettors(house, 1)

    for stake in (0, LIMITS.stake_min - 1, LIMITS.stake_max + 1, 2**70):
        assert await place(house, await asked(house, room, alice, stake)) == [None]


async def test_who_was_refused_or_sent_a_bet_again_is_looked_at_for_a_while(house: House) -> None:
    (room, other), (bob,) = await open_rooms(house, 2), await bettors(house, 1)
    alice, poor = await house.player(fund=10 * ONE), await house.player(fund=ONE)
    for _ in range(2):
        await house.bet(room, alice, Side.YES, ONE, key="twice")
    with pytest.raises(Refusal, match="E-BAL-LOW"):
        await house.bet(room, poor, Side.YES, 2 * ONE)
    batch = [await asked(house, other, who) for who in (alice, poor, bob)]

    assert [answer is not None for answer in await place(house, *batch)] == [False, False, True]


async def test_rooms_that_are_not_there_are_not_remembered(house: House) -> None:
    seen = house.rooms.betting.lean.seen

    assert not any(seen.looks_open(RoomId(number)) for number in range(10**6, 10**6 + 100))

    assert not seen._open
