from collections.abc import Sequence
from itertools import count

from rooms.contexts.identity.api import Standing
from rooms.contexts.ledger.api import ROOM_POOLS
from rooms.contexts.parimutuel.api import PlaceBet
from rooms.contexts.parimutuel.service.placing import Answer, Asked, Busy
from rooms.kernel.ids import RoomId
from rooms.kernel.money import SOL
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered
from rooms.platform.database import Tx
from rooms.proof.pool import Side
from tests.houses import ONE, House, Person

_keys = count(1)


async def asked(
    house: House,
    room: RoomId,
    person: Person,
    stake: int = ONE,
    *,
    standing: Standing | None = None,
) -> Asked:
    command = PlaceBet(
        room=room,
        player=person.id,
        side=Side.YES,
        stake=stake,
        key=f"placed-{next(_keys)}",
        standing=standing,
    )
    return Asked(command, await house.referral.member_of(person.id))


async def place(house: House, tx: Tx, *batch: Asked, shard: int = 0) -> Sequence[Answer]:
    """Look at a batch without waiting for locks; stakes go into the shard that is given."""
    pool = await house.ledger.open_account(tx, SOL, ROOM_POOLS, str(shard))
    return await house.rooms.betting.placing.place(tx, batch, pool, wait=False)


async def open_rooms(house: House, how_many: int) -> list[RoomId]:
    host = await house.player()
    return [(await house.open_room(host, min_players=1)).id for _ in range(how_many)]


async def test_the_bets_of_a_batch_are_paid_out_of_one_balance(house: House) -> None:
    rooms, alice = await open_rooms(house, 3), await house.player(fund=2 * ONE)
    batch = [await asked(house, room, alice) for room in rooms]

    async with house.database.transaction() as tx:
        answers = await place(house, tx, *batch)

    assert [isinstance(answer, Answered) for answer in answers] == [True, True, False]
    assert isinstance(answers[2], Refusal)
    assert (answers[2].code, answers[2].data) == ("E-BAL-LOW", {"available": 0, "needed": ONE})
    assert await house.balance(alice) == 0


async def test_a_room_that_queues_is_in_one_batch_at_a_time(house: House) -> None:
    room = (await house.open_room(await house.player(), min_players=2)).id
    alice, bob = [await asked(house, room, await house.player()) for _ in range(2)]

    async with house.database.transaction() as tx, house.database.transaction() as other:
        first = await place(house, tx, alice)
        second = await place(house, other, bob, shard=1)

    assert isinstance(first[0], Answered)
    assert second == [Busy("room", room)]


async def test_an_account_is_in_one_batch_at_a_time(house: House) -> None:
    rooms, alice = await open_rooms(house, 2), await house.player(fund=ONE)
    here, there = [await asked(house, room, alice) for room in rooms]

    async with house.database.transaction() as tx, house.database.transaction() as other:
        first = await place(house, tx, here)
        second = await place(house, other, there, shard=1)

    assert isinstance(first[0], Answered)
    assert second == [Busy("account", alice.account)]
    await house.books_are_right()
