import asyncio
from datetime import timedelta

import asyncpg
import pytest

from rooms.contexts.ledger.api import PLAYER, ROOM_POOLS, WORLD, Movement, Payment
from rooms.contexts.ledger.checks import check_books
from rooms.contexts.ledger.service import LedgerService
from rooms.kernel.ids import AccountId, PlayerId
from rooms.kernel.money import SOL
from rooms.kernel.refusal import Refusal
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database, Tx
from tests.platform.lock_waits import until_it_waits_for_a_lock

SOON = timedelta(minutes=5)


async def funded(ledger: LedgerService, tx: Tx, owner: int, amount: int) -> AccountId:
    account = await ledger.open_account(tx, SOL, PLAYER, str(owner))
    world = await ledger.open_account(tx, SOL, WORLD, "play")
    await ledger.post(
        tx,
        f"fund:{owner}",
        [Movement(world, -amount, "fund", "test"), Movement(account, amount, "fund", "test")],
    )
    return account


async def pay(
    ledger: LedgerService, tx: Tx, key: str, source: AccountId, target: AccountId, amount: int
) -> int:
    return await ledger.post(
        tx, key, [Movement(source, -amount, "stake", "t"), Movement(target, amount, "stake", "t")]
    )


async def books_are_right(database: Database) -> None:
    async with database.snapshot() as tx:
        wrong = {finding.name: finding.wrong for finding in await check_books(tx) if finding.wrong}
    assert wrong == {}


async def test_a_journal_moves_money_and_leaves_the_books_balanced(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        bob = await funded(ledger, tx, 2, 500)
        await pay(ledger, tx, "a-b", alice, bob, 300)

    assert [b.available for b in await ledger.balances(PlayerId(1))] == [700]
    assert [b.available for b in await ledger.balances(PlayerId(2))] == [800]
    await books_are_right(database)


async def test_a_player_cannot_spend_more_than_there_is_and_nothing_moves(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        bob = await funded(ledger, tx, 2, 1)

    with pytest.raises(Refusal) as refused:
        async with database.transaction() as tx:
            await pay(ledger, tx, "too-much", alice, bob, 1001)

    assert refused.value.code == "E-BAL-LOW"
    assert refused.value.data == {"available": 1000, "needed": 1001}
    assert [b.posted for b in await ledger.balances(PlayerId(1))] == [1000]
    await books_are_right(database)


async def test_many_payments_at_once_never_bring_an_account_below_zero(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        bob = await funded(ledger, tx, 2, 1)

    async def attempt(number: int) -> str:
        try:
            async with database.transaction() as tx:
                await pay(ledger, tx, f"race:{number}", alice, bob, 300)
        except Refusal as refusal:
            return refusal.code
        return "paid"

    answers = await asyncio.gather(*(attempt(number) for number in range(20)))

    assert sorted(answers) == ["E-BAL-LOW"] * 17 + ["paid"] * 3
    assert [b.posted for b in await ledger.balances(PlayerId(1))] == [100]
    await books_are_right(database)


async def test_the_same_key_is_the_same_journal_and_another_body_is_refused(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        bob = await funded(ledger, tx, 2, 1)
        first = await pay(ledger, tx, "once", alice, bob, 100)
    async with database.transaction() as tx:
        again = await pay(ledger, tx, "once", alice, bob, 100)
    with pytest.raises(Refusal, match="E-KEY-REUSED"):
        async with database.transaction() as tx:
            await pay(ledger, tx, "once", alice, bob, 101)

    assert again == first
    assert [b.posted for b in await ledger.balances(PlayerId(1))] == [900]


async def test_a_statement_walks_an_account_newest_first_with_its_running_balance(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        bob = await funded(ledger, tx, 2, 1)
        for number in range(5):
            await pay(ledger, tx, f"n:{number}", alice, bob, 10)

    page = await ledger.statement(PlayerId(1), None, 4)
    rest = await ledger.statement(PlayerId(1), page[-1].id, 4)

    assert [(line.amount, line.balance) for line in page + rest] == [
        (-10, 950),
        (-10, 960),
        (-10, 970),
        (-10, 980),
        (-10, 990),
        (1000, 1000),
    ]


async def test_a_hold_reserves_is_posted_in_part_and_frees_the_rest(
    database: Database, ledger: LedgerService
) -> None:
    expires_at = SystemClock().now() + SOON
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        bob = await funded(ledger, tx, 2, 1)
        hold = await ledger.reserve(tx, "h", alice, 800, ref="w:1", expires_at=expires_at)
        same = await ledger.reserve(tx, "h", alice, 800, ref="w:1", expires_at=expires_at)
    assert same == hold
    assert [(b.posted, b.held, b.available) for b in await ledger.balances(PlayerId(1))] == [
        (1000, 800, 200)
    ]
    with pytest.raises(Refusal, match="E-BAL-LOW"):
        async with database.transaction() as tx:
            await pay(ledger, tx, "held", alice, bob, 201)
    with pytest.raises(Refusal, match="E-HOLD"):
        async with database.transaction() as tx:
            await ledger.post_hold(
                tx, hold, "p", [Movement(alice, -801, "w", "w"), Movement(bob, 801, "w", "w")]
            )

    async with database.transaction() as tx:
        await ledger.post_hold(
            tx, hold, "p", [Movement(alice, -500, "w", "w"), Movement(bob, 500, "w", "w")]
        )

    assert [(b.posted, b.held) for b in await ledger.balances(PlayerId(1))] == [(500, 0)]
    async with database.transaction() as tx:
        assert not await ledger.release(tx, hold)
    await books_are_right(database)


async def test_a_hold_is_released_or_expires_and_can_no_longer_be_posted(
    database: Database, ledger: LedgerService
) -> None:
    past = SystemClock().now() - SOON
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        released = await ledger.reserve(tx, "r", alice, 10, ref="r", expires_at=past + 2 * SOON)
        expiring = await ledger.reserve(tx, "e", alice, 20, ref="e", expires_at=past)
        assert await ledger.release(tx, released)

    assert await ledger.expire_holds() == 1

    assert [b.held for b in await ledger.balances(PlayerId(1))] == [0]
    with pytest.raises(Refusal, match="E-HOLD"):
        async with database.transaction() as tx:
            await ledger.post_hold(tx, expiring, "late", [])
    await books_are_right(database)


async def test_a_hold_that_is_posted_waits_for_its_accounts_in_the_order_of_every_journal(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        low, middle, high = [await funded(ledger, tx, owner, 1000) for owner in (1, 2, 3)]
        hold = await ledger.reserve(
            tx, "h", high, 500, ref="w", expires_at=SystemClock().now() + SOON
        )

    async def post_hold() -> None:
        async with database.transaction() as tx:
            movements = [Movement(high, -500, "w", "w"), Movement(low, 500, "w", "w")]
            await ledger.post_hold(tx, hold, "p", movements)

    async with database.transaction() as tx:
        await pay(ledger, tx, "first", low, middle, 1)
        posting = asyncio.create_task(post_hold())
        await until_it_waits_for_a_lock(database)
        await pay(ledger, tx, "second", middle, high, 1)
    await posting

    assert [b.posted for b in await ledger.balances(PlayerId(3))] == [501]
    await books_are_right(database)


async def test_holds_that_expire_wait_for_their_accounts_in_the_order_of_every_journal(
    database: Database, ledger: LedgerService
) -> None:
    past = SystemClock().now() - SOON
    async with database.transaction() as tx:
        low, middle, high = [await funded(ledger, tx, owner, 1000) for owner in (1, 2, 3)]
        for account in (high, low):
            await ledger.reserve(tx, f"h{account}", account, 5, ref="w", expires_at=past)

    async with database.transaction() as tx:
        await pay(ledger, tx, "first", low, middle, 1)
        expiring = asyncio.create_task(ledger.expire_holds())
        await until_it_waits_for_a_lock(database)
        await pay(ledger, tx, "second", middle, high, 1)

    assert await expiring == 2
    await books_are_right(database)


async def test_releasing_a_hold_and_letting_another_of_the_account_expire_do_not_meet(
    database: Database, ledger: LedgerService
) -> None:
    now = SystemClock().now()
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        first, second = [
            await ledger.reserve(tx, key, alice, 5, ref="w", expires_at=now - SOON)
            for key in ("a", "b")
        ]

    async def release() -> bool:
        async with database.transaction() as tx:
            return await ledger.release(tx, second)

    async with database.transaction() as tx:
        assert await ledger.release(tx, first)
        releasing = asyncio.create_task(release())
        await until_it_waits_for_a_lock(database)
        assert await ledger.release(tx, second)

    assert not await releasing
    assert [b.held for b in await ledger.balances(PlayerId(1))] == [0]


@pytest.mark.parametrize("missing", [0, 10**12])
async def test_money_never_moves_to_an_account_that_is_not_there(
    database: Database, ledger: LedgerService, missing: int
) -> None:
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
    with pytest.raises(asyncpg.PostgresError, match="not there"):
        async with database.transaction() as tx:
            await pay(ledger, tx, "lost", alice, AccountId(missing), 1)
    assert [b.posted for b in await ledger.balances(PlayerId(1))] == [1000]


async def test_an_unbalanced_journal_is_refused_by_the_database(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
    with pytest.raises(asyncpg.PostgresError, match="sum to zero"):
        async with database.transaction() as tx:
            await ledger.post(tx, "invented", [Movement(alice, 1, "gift", "nobody")])
    assert [b.posted for b in await ledger.balances(PlayerId(1))] == [1000]


async def test_what_is_collected_never_brings_an_account_below_what_is_held_on_it(
    database: Database, ledger: LedgerService
) -> None:
    async with database.transaction() as tx:
        alice = await funded(ledger, tx, 1, 1000)
        pool = await ledger.open_account(tx, SOL, ROOM_POOLS, "0")
        await ledger.reserve(tx, "h", alice, 400, ref="w", expires_at=SystemClock().now() + SOON)
    # Whoever collects has looked what is there; the database does not rely on it.
    with pytest.raises(asyncpg.CheckViolationError, match="never_below_zero"):
        async with database.transaction() as tx:
            await ledger.collect(tx, "c", "stake", [Payment(alice, 601, "room:1")], pool)

    async with database.transaction() as tx:
        await ledger.collect(tx, "c", "stake", [Payment(alice, 600, "room:1")], pool)
    assert [(b.posted, b.available) for b in await ledger.balances(PlayerId(1))] == [(400, 0)]
    await books_are_right(database)
