from datetime import timedelta

import pytest

from rooms.contexts.parimutuel.api import RoomStatus
from rooms.kernel.ids import BetId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.proof.pool import Side, dividends
from tests.houses import ONE, TERMS, TOUCH_SOL, House

YES, NO = Side.YES, Side.NO


async def a_room(house: House) -> RoomId:
    """An open room decided at its close with 100 SOL on YES and 50 on NO."""
    room = (await house.open_room(await house.player(), resolve="at_close")).id
    for side, stake in ((YES, 100 * ONE), (NO, 50 * ONE)):
        await house.bet(room, await house.player(fund=stake), side, stake)
    return room


async def test_a_room_shows_its_pools_its_dividends_and_the_price_now(house: House) -> None:
    room = await a_room(house)
    tick_price = "151.25"
    await house.look(tick_price)

    view = await house.rooms.room(room)

    assert view.pools == {YES: 100 * ONE, NO: 50 * ONE}
    assert view.dividend == dividends(100 * ONE, 50 * ONE, TERMS.pool)
    assert view.dividend == {YES: "1.4550", NO: "2.9100"}
    assert [str(price.value) for price in view.prices] == [tick_price]
    assert (view.players, view.outcome, view.settled_at) == (2, None, None)


async def test_a_quote_is_what_the_bet_is_then_paid(house: House) -> None:
    room, alice = await a_room(house), await house.player(fund=10 * ONE)

    quoted = await house.rooms.quote(room, YES, 10 * ONE)
    await house.bet(room, alice, YES, 10 * ONE)
    await house.settle(room, YES)

    assert quoted.payout == await house.balance(alice)
    assert quoted.dividend == "1.4109"


async def test_a_quote_is_refused_for_what_could_not_be_bet(house: House) -> None:
    room = await a_room(house)
    for wanted, stake, code in (
        (room, 1, "E-STAKE"),
        (RoomId(404), ONE, "E-ROOM-UNKNOWN"),
    ):
        with pytest.raises(Refusal, match=code):
            await house.rooms.quote(wanted, YES, stake)
    await house.let_pass(room, until="locks_at")
    await house.clock.tick()
    with pytest.raises(Refusal, match="E-BET-LOCKED"):
        await house.rooms.quote(room, YES, ONE)


async def test_rooms_are_listed_newest_first_by_status_asset_and_host(house: House) -> None:
    host, other = await house.player(), await house.player()
    house.oracle.say("BTC", "50000")
    bitcoin = {**TOUCH_SOL, "asset": "BTC", "target": "60000"}
    first = (await house.open_room(host)).id
    second = (await house.open_room(other, market=bitcoin)).id
    third = (await house.open_room(host, market={"type": "any", "of": [TOUCH_SOL, bitcoin]})).id
    opened = await a_room(house)

    async def listed(**wanted: object) -> list[RoomId]:
        return [room.id for room in await house.rooms.rooms(**wanted)]  # type: ignore[arg-type]

    assert await listed() == [opened, third, second, first]
    assert await listed(host=host.id) == [third, first]
    assert await listed(asset="BTC") == [third, second]
    assert await listed(status=RoomStatus.OPEN) == [opened]
    assert await listed(before=third, limit=1) == [second]


async def test_own_bets_say_what_became_of_them(house: House) -> None:
    alice = await house.player(fund=10 * ONE)
    won, lost, live = [await a_room(house) for _ in range(3)]
    lone = (await house.open_room(await house.player())).id
    for room in (won, lost, live, lone):
        await house.bet(room, alice, YES)
    await house.settle(won, YES)
    await house.settle(lost, NO)
    await house.let_pass(lone, until="locks_at")
    await house.clock.tick()

    bets = await house.rooms.bets(alice.id, None, 10)

    # 151 SOL less 3 % for 101 SOL of winning stakes.
    paid = 146_470_000_000 * ONE // (101 * ONE)
    assert [(bet.room_id, bet.status, bet.payout, bet.net) for bet in bets] == [
        (lone, "REFUNDED", ONE, 0),
        (live, "ACCEPTED", None, None),
        (lost, "LOST", 0, -ONE),
        (won, "WON", paid, paid - ONE),
    ]
    assert await house.rooms.bets(alice.id, bets[1].id, 10) == bets[2:]


async def test_a_preview_says_what_settling_would_do_and_does_nothing(house: House) -> None:
    room = await a_room(house)

    before = await house.rooms.preview(room)

    assert not before.decided
    assert before.outcomes["YES"] == {
        "bets": 2,
        "scratched": 0,
        "handle": 150 * ONE,
        "winning": 100 * ONE,
        "net": 145_500_000_000,
        "takeout": 4_500_000_000,
        "host_fee": 1_500_000_000,
        "protocol_fee": 3_000_000_000,
    }
    assert before.outcomes["NO"]["winning"] == 50 * ONE
    assert await house.status(room) is RoomStatus.OPEN


async def test_a_preview_of_an_outcome_without_bets_is_a_void(house: House) -> None:
    room = (await house.open_room(await house.player())).id
    await house.bet(room, await house.player(), YES)

    preview = await house.rooms.preview(room)

    assert preview.outcomes["NO"] == {"void": "NO_WINNER", "refunded": ONE, "bets": 1}


async def test_staff_pay_a_decided_room_now_and_no_other(house: House) -> None:
    room = await a_room(house)
    with pytest.raises(Refusal, match="E-ROOM-UNDECIDED"):
        await house.rooms.settle(room)
    await house.let_pass(room, until="settles_at")
    await house.clock.tick()
    with pytest.raises(Refusal, match="E-ROOM-UNDECIDED"):
        await house.rooms.settle(room)
    await house.closed(room, YES)

    staff = await house.administrator("Ada")
    assert (await house.rooms.settle(room, staff)).status is RoomStatus.SETTLED
    assert (await house.rooms.settle(room, staff)).status is RoomStatus.SETTLED
    async with house.database.snapshot() as tx:
        acts = await tx.fetch("SELECT action, staff_id FROM identity.audit WHERE staff_id > 0")
    assert [tuple(act) for act in acts] == [("room.settle", staff.id)]
    await house.books_are_right()


async def test_the_settlement_of_an_unsettled_room_is_refused(house: House) -> None:
    with pytest.raises(Refusal, match="E-ROOM-UNSETTLED"):
        await house.rooms.settlement(await a_room(house))
    with pytest.raises(Refusal, match="E-ROOM-UNKNOWN"):
        await house.rooms.settlement(RoomId(404))


async def test_a_settlement_file_names_no_player_and_keeps_no_order_of_betting(
    house: House,
) -> None:
    room = (await house.open_room(await house.player(), resolve="at_close")).id
    people = [await house.player() for _ in range(12)]
    receipts = [
        await house.bet(room, person, YES if n % 2 else NO) for n, person in enumerate(people)
    ]
    await house.settle(room, YES)

    lines = [line async for line in house.rooms.settlement_file(room)][1:]

    refs = [house.rooms.bet_ref(receipt.id) for receipt in receipts]
    assert [line.split(b'"ref":"')[1][:32].decode() for line in lines] == sorted(refs) != refs
    assert not [line for line in lines if b"player" in line or b"account" in line]
    assert house.rooms.bet_ref(BetId(1)) != house.rooms.bet_ref(BetId(2))
    assert (await house.verified(room)).verdict == "verified"


async def test_a_room_knows_when_it_was_settled(house: House) -> None:
    room = await a_room(house)

    view = await house.settle(room, NO)

    assert view.settled_at is not None
    assert timedelta() <= view.settled_at - view.settles_at < timedelta(minutes=5)
    assert view.settled_at == view.transitions[-1].at
