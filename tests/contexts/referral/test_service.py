import asyncio
import re
from collections.abc import Sequence

import asyncpg
import pytest

from rooms.contexts.referral.api import SignedUp, SignUp
from rooms.kernel.ids import CommandKey, PlayerId
from rooms.kernel.money import Money, lamports
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered
from rooms.platform.database import Database, NotBegunError
from rooms.proof.pool import Side
from tests.conftest import Server
from tests.houses import ONE, House, Person, a_key, wire

YES, NO = Side.YES, Side.NO


async def sign_up(
    house: House,
    *,
    name: str = "Somebody",
    referrer: str | None = None,
    fund: Money | None = None,
    token: str = "a token",
    key: CommandKey | None = None,
) -> Answered[SignedUp]:
    return await house.referral.sign_up(SignUp(name, referrer, fund, token, key or a_key()))


async def players(house: House) -> int:
    async with house.database.snapshot() as tx:
        return int(await tx.value("SELECT count(*) FROM identity.players"))


async def levels(house: House, person: Person) -> list[tuple[int, int, int]]:
    """Level, players, lamports earned."""
    summary = await house.referral.summary(person.id)
    return [(level.level, level.players, sum(level.earned.values())) for level in summary.levels]


async def test_a_new_player_has_a_code_and_the_play_money_and_bears_the_token(
    house: House,
) -> None:
    joined = (await sign_up(house, fund=lamports(5 * ONE))).value

    assert re.fullmatch("REF[A-HJ-NP-Z2-9]{8}", joined.referral_code)
    assert await house.identity.player_of("a token") == joined.player_id
    assert [each.available for each in await house.ledger.balances(joined.player_id)] == [5 * ONE]
    (line,) = await house.ledger.statement(joined.player_id, None, 10)
    assert (line.kind, line.amount, line.balance) == ("fund", 5 * ONE, 5 * ONE)
    await house.books_are_right()


async def test_a_player_without_play_money_begins_with_nothing(house: House) -> None:
    for fund in (None, lamports(0)):
        joined = (await sign_up(house, fund=fund, token=f"token {fund}")).value
        assert [each.posted for each in await house.ledger.balances(joined.player_id)] == [0]


@pytest.mark.parametrize("amount", [-1, 2**63, 2**70])
async def test_play_money_that_no_account_can_hold_is_refused(house: House, amount: int) -> None:
    with pytest.raises(Refusal, match="E-AMOUNT"):
        await sign_up(house, fund=lamports(amount))
    assert await players(house) == 0


@pytest.mark.parametrize(
    "code", ["", "REF", "REFAAAAAAAA", "' OR 1=1 --", "x" * 5000, "REF\x00", "\ud800"]
)
async def test_an_unknown_code_is_refused_and_nobody_joins(house: House, code: str) -> None:
    with pytest.raises(Refusal, match="E-REFERRER"):
        await sign_up(house, referrer=code)
    assert await players(house) == 0


async def test_a_code_is_read_as_people_write_it(house: House) -> None:
    friend = await house.player()

    await sign_up(house, referrer=f"  {friend.code.lower()} ")

    assert await levels(house, friend) == [(1, 1, 0), (2, 0, 0), (3, 0, 0)]


async def test_nobody_is_the_own_referrer(house: House) -> None:
    key = a_key()
    joined = (await sign_up(house, key=key)).value

    # The only way to know the own code is to have joined; the same command again changes nothing.
    again = await sign_up(house, key=key, referrer=joined.referral_code)

    assert again == Answered(joined, replayed=True)
    async with house.database.snapshot() as tx:
        member = await house.referral.member(tx, joined.player_id)
    assert member.uplines == (None, None, None)


async def test_twins_make_one_player(house: House) -> None:
    key = a_key()

    joined = await asyncio.gather(*(sign_up(house, key=key, fund=lamports(ONE)) for _ in range(10)))

    assert {answer.value for answer in joined} == {joined[0].value}
    assert await players(house) == 1
    await house.books_are_right()


async def a_line(house: House, length: int) -> list[Person]:
    """People of whom each brought the next."""
    line = [await house.player()]
    for _ in range(length - 1):
        line.append(await house.player(referrer=line[-1]))
    return line


async def settle_between(house: House, winners: Sequence[Person], losers: Sequence[Person]) -> None:
    room = (await house.open_room(await house.player(), resolve="at_close")).id
    for side, people in ((YES, winners), (NO, losers)):
        for person in people:
            await house.bet(room, person, side)
    await house.settle(room, YES)


async def test_a_player_sees_three_levels_of_people_and_what_each_has_earned(
    house: House,
) -> None:
    line = await a_line(house, 5)
    second_friend = await house.player(referrer=line[0])

    await settle_between(house, line[1:4], [line[4], second_friend])

    # 0.03 SOL of each bet: 15 %, 5 % and 2 % of it.
    one, two, three = 4_500_000, 1_500_000, 600_000
    assert await levels(house, line[0]) == [(1, 2, 2 * one), (2, 1, two), (3, 1, three)]
    assert await levels(house, line[3]) == [(1, 1, one), (2, 0, 0), (3, 0, 0)]
    assert await levels(house, line[4]) == [(1, 0, 0), (2, 0, 0), (3, 0, 0)]
    entries = await house.ledger.statement(line[0].id, None, 10)
    assert sum(entry.amount for entry in entries if entry.kind == "referral") == (
        2 * one + two + three
    )
    await house.books_are_right()


async def test_earnings_add_up_over_rooms(house: House) -> None:
    line = await a_line(house, 2)
    for _ in range(3):
        await settle_between(house, [line[1]], [await house.player()])

    assert (await levels(house, line[0]))[0] == (1, 1, 3 * 4_500_000)


async def test_rewards_are_paid_at_the_depth_that_was_in_force_at_the_bet(
    house: House, database: Database, owner: Database
) -> None:
    line = await a_line(house, 4)
    shallow = wire(database, owner, depth=1)
    room = (await shallow.open_room(await shallow.player(), resolve="at_close")).id
    await shallow.bet(room, line[3], YES)
    await house.bet(room, await house.player(), NO)

    await house.settle(room, YES)

    assert [(await levels(house, person))[0][2] for person in line] == [0, 0, 4_500_000, 0]
    assert (await levels(house, line[1]))[1] == (2, 1, 0)
    assert await levels(shallow, line[2]) == [(1, 1, 4_500_000)]


async def test_a_void_room_earns_nobody_anything(house: House) -> None:
    line = await a_line(house, 2)
    room = (await house.open_room(await house.player())).id
    await house.bet(room, line[1], YES)
    await house.let_pass(room, until="locks_at")
    await house.clock.tick()

    assert (await levels(house, line[0]))[0] == (1, 1, 0)


async def test_a_member_who_never_signed_up_is_a_bug(house: House) -> None:
    async with house.database.snapshot() as tx:
        with pytest.raises(AssertionError):
            await house.referral.member(tx, PlayerId(404))


async def test_a_look_up_that_the_server_breaks_off_says_that_nothing_was_begun(
    house: House, server: Server
) -> None:
    ada = await house.player()
    fresh = wire(house.database, house.owner).referral
    superuser = await asyncpg.connect(server.superuser)
    async with house.owner.transaction() as tx:
        await tx.execute("LOCK TABLE referral.members")
        asked = asyncio.create_task(fresh.member_of(ada.id))
        while not await superuser.fetchval(
            "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND usename = 'rooms_app'"
        ):
            pass
    await superuser.close()

    with pytest.raises(NotBegunError):
        await asked
    assert (await fresh.member_of(ada.id)).player_id == ada.id
