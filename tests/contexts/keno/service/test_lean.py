from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from rooms.contexts.keno.service.judging import Asked
from rooms.contexts.keno.service.lean import Bought
from rooms.contexts.keno.service.stakes import STAKE_SHARDS, stake_shard
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import from_millis, to_millis
from tests.houses import ONE, Person
from tests.keno_houses import GAME, TERMS, KenoHouse

STAKE = 1_000_000
FIRST = from_millis(0)


async def open_game(keno: KenoHouse, name: str = GAME, **asked: Any) -> None:
    """A game that somebody has bought a ticket of, so that it was seen."""
    await keno.open_game(name, **asked)
    await keno.buy(await keno.player(), 1, game=name)


async def sell(keno: KenoHouse, *batch: Asked) -> Bought:
    return await keno.keno.selling.lean.sell(batch)


async def asked(keno: KenoHouse, person: Person, *picks: Any, **wanted: Any) -> Asked:
    command = keno.command(person, *picks, **wanted)
    async with keno.database.snapshot() as tx:
        game = await keno.keno.showing.schedules.one(tx, command.game)
    return Asked(command, game, person.account)


async def buyers(keno: KenoHouse, how_many: int) -> list[Person]:
    return [await keno.player(10 * ONE) for _ in range(how_many)]


async def written(keno: KenoHouse) -> Sequence[int]:
    """Count the rows of all that a sale writes, and sum what bankrolls have to stand for."""
    async with keno.database.snapshot() as tx:
        row = await tx.row(
            "SELECT (SELECT count(*) FROM keno.tickets), (SELECT count(*) FROM ledger.entries), "
            "(SELECT count(*) FROM platform.outbox), (SELECT count(*) FROM fairness.pending), "
            "(SELECT sum(tickets) FROM keno.rounds), (SELECT sum(exposure) FROM keno.bankrolls)"
        )
    assert row is not None
    return tuple(row)


async def stakes(keno: KenoHouse) -> Counter[int]:
    """Sum what lies in each shard of the stakes."""
    async with keno.database.snapshot() as tx:
        rows = await tx.fetch(
            "SELECT owner, balance FROM ledger.accounts WHERE kind = 'keno_stakes'"
        )
    return Counter({int(row["owner"]): row["balance"] for row in rows})


async def test_each_stake_of_a_batch_lies_in_the_shard_that_its_round_is_paid_from(
    keno: KenoHouse,
) -> None:
    await open_game(keno)
    people, before = await buyers(keno, STAKE_SHARDS + 1), await stakes(keno)
    wanted = Counter[int]()
    batch = []
    for place, person in enumerate(people, 1):
        batch.append(await asked(keno, person, 1, stake=place * STAKE, rounds=2))
        wanted[stake_shard(person.account)] += 2 * place * STAKE

    sold = await sell(keno, *batch)

    assert None not in sold
    assert await stakes(keno) - before == wanted


async def test_plain_purchases_are_sold_together_and_numbered_in_the_order_of_the_batch(
    keno: KenoHouse,
) -> None:
    await keno.open_game("keno-other")
    await open_game(keno)
    people = await buyers(keno, 3)
    await keno.buy(people[1], 1, game="keno-other")
    batch = [
        await asked(keno, people[0], (9, 3), stake=2 * STAKE, rounds=3),
        await asked(keno, people[1], 10, game="keno-other", first_round=4),
        await asked(keno, people[2], (80,)),
    ]

    sold = [each.value for each in await sell(keno, *batch) if each is not None]

    assert [(each.game, each.first_round, each.rounds) for each in sold] == [
        (GAME, 1, 3),
        ("keno-other", 4, 1),
        (GAME, 1, 1),
    ]
    assert [each.first_ticket for each in sold] == sorted(each.first_ticket for each in sold)
    assert len({each.accepted_at for each in sold}) == 1
    shown = [view for each in sold for view in await keno.tickets(each)]
    assert [(view.number, view.picks) for view in shown] == [
        *((number, (3, 9)) for number in (1, 2, 3)),
        (4, sold[1].picks),
        (1, (80,)),
    ]
    async with keno.database.snapshot() as tx:
        ids = await tx.value("SELECT ids FROM fairness.pending ORDER BY id DESC LIMIT 1")
    assert ids == [view.id for view in shown]
    paid = [10 * ONE - await keno.house.balance(person) for person in people]
    assert paid == [6 * STAKE, 2 * STAKE, STAKE]
    await keno.books_are_right()


async def test_a_purchase_that_is_in_the_books_or_cannot_be_paid_undoes_the_whole(
    keno: KenoHouse,
) -> None:
    await open_game(keno)
    ada, bob = await buyers(keno, 2)
    poor = await keno.player(STAKE)
    await keno.buy(ada, key="mine")
    before = await written(keno)

    again = await sell(keno, await asked(keno, bob), await asked(keno, ada, key="mine"))
    beyond = await sell(keno, await asked(keno, bob), await asked(keno, poor, rounds=2))

    assert [again, beyond] == [[None, None]] * 2
    assert await written(keno) == before


async def test_what_a_round_or_a_bankroll_cannot_cover_undoes_the_whole(keno: KenoHouse) -> None:
    limit = 19 * STAKE
    await open_game(keno, terms=replace(TERMS, max_win=limit, round_limit=limit), funds=40 * STAKE)
    ada, bob, eve = await buyers(keno, 3)
    before = await written(keno)

    round_is_full = await sell(keno, await asked(keno, ada, (1, 2)), await asked(keno, bob, (1, 2)))
    bankroll_is_empty = await sell(
        keno, await asked(keno, eve), await asked(keno, bob, (1, 2), first_round=2, rounds=4)
    )

    assert [round_is_full, bankroll_is_empty] == [[None, None]] * 2
    assert await written(keno) == before
    assert None not in await sell(keno, await asked(keno, ada, (1, 2)))
    await keno.books_are_right()


async def test_of_a_batch_only_what_the_rules_allow_is_plain(keno: KenoHouse) -> None:
    await open_game(keno, terms=replace(TERMS, max_win=19 * STAKE))
    ada, bob, eve, joe, sue = await buyers(keno, 5)
    batch = [
        await asked(keno, ada),
        await asked(keno, ada),  # a second one of the same account
        await asked(keno, bob, stake=STAKE + 1),
        await asked(keno, eve, (1, 81)),
        await asked(keno, joe, stake=3 * STAKE),  # 28.5 to win
        await asked(keno, sue, rounds=100),
    ]

    sold = [each is not None for each in await sell(keno, *batch)]

    assert sold == [True, False, False, False, False, True]
    await keno.books_are_right()


async def test_a_game_or_an_account_that_somebody_has_locked_is_not_waited_for(
    keno: KenoHouse,
) -> None:
    await open_game(keno)
    ada, bob = await buyers(keno, 2)
    batch = [await asked(keno, ada), await asked(keno, bob)]

    async with keno.database.transaction() as tx:
        await keno.keno.showing.schedules.games.join_lines(tx, [batch[0].game.id], alone=True)
        assert await sell(keno, *batch) == [None, None]
    async with keno.database.transaction() as tx:
        await keno.house.ledger.spendable(tx, [ada.account], wait=True)
        assert await sell(keno, *batch) == [None, None]

    assert None not in await sell(keno, *batch)


@pytest.mark.parametrize("wrong", ["since", "until", "first_open", "chains"])
async def test_nothing_is_sold_where_time_round_or_terms_are_not_those_that_were_guessed(
    keno: KenoHouse, wrong: str
) -> None:
    await open_game(keno)
    (ada,) = await buyers(keno, 1)
    lean, before = keno.keno.selling.lean, await written(keno)
    guesses = []

    class Watched:
        async def sell(self, *values: Any) -> Any:
            guesses.append(values)
            return None

    plain = await asked(keno, ada)
    await replace(lean, tickets=Watched()).sell([plain])  # type: ignore[arg-type]
    _, rows, stakes, guess = guesses[0]
    moved = {
        "since": guess.until,
        "until": FIRST,
        "first_open": (0,),
        "chains": (2,),
    }
    async with keno.database.transaction() as tx:
        other = guess._replace(**{wrong: moved[wrong]})
        assert await lean.tickets.sell(tx, rows, stakes, other) is None
        assert await written(keno) == before
        assert await lean.tickets.sell(tx, rows, stakes, guess) is not None


async def test_a_round_that_has_locked_and_new_terms_are_looked_at_and_the_batch_goes_on(
    keno: KenoHouse,
) -> None:
    await open_game(keno)
    ada, bob = await buyers(keno, 2)
    plain = await asked(keno, ada)
    number = plain.game.id
    async with keno.database.transaction() as tx:
        (standing,) = await keno.keno.showing.schedules.games.standings_of(tx, [number])
        # The clock of the database was ahead when it locked: the first two rounds are over.
        await keno.clock.rounds.lock(tx, [(number, 2, to_millis(standing.at) + 5_000)])

    (sold,) = await sell(keno, plain)

    assert sold is not None
    assert sold.value.first_round == 3
    await keno.keno.change_game(GAME, {"stake_min": 2 * STAKE}, by=None)
    assert await sell(keno, await asked(keno, bob)) != [None]


async def test_a_game_that_is_paused_sells_nothing(keno: KenoHouse) -> None:
    await open_game(keno)
    (ada,) = await buyers(keno, 1)
    await keno.move("PAUSED")

    assert await sell(keno, await asked(keno, ada)) == [None]


async def test_nothing_is_sold_while_a_beacon_shows_that_our_clock_is_slow(
    keno: KenoHouse,
) -> None:
    await open_game(keno)
    (ada,) = await buyers(keno, 1)
    async with keno.house.owner.transaction() as tx:
        await tx.execute(
            "INSERT INTO fairness.beacons (drand, round, signature, appears_at) "
            "VALUES ('some', 1, $1, clock_timestamp() + interval '1 minute')",
            bytes(48),
        )

    assert await sell(keno, await asked(keno, ada)) == [None]
    with pytest.raises(Refusal, match="E-CLOCK"):
        await keno.buy(ada)


async def test_who_was_refused_or_sent_a_purchase_again_is_looked_at_for_a_while(
    keno: KenoHouse,
) -> None:
    await open_game(keno)
    (ada, bob), poor = await buyers(keno, 2), await keno.player(STAKE)
    for _ in range(2):
        await keno.buy(ada, key="twice")
    with pytest.raises(Refusal, match="E-BAL-LOW"):
        await keno.buy(poor, rounds=2)
    batch = [await asked(keno, who) for who in (ada, poor, bob)]

    assert [each is not None for each in await sell(keno, *batch)] == [False, False, True]
