import asyncio
from dataclasses import replace
from typing import Any

import pytest

from rooms.kernel.money import Asset, Money
from rooms.kernel.refusal import Refusal
from tests.houses import ONE, Person
from tests.keno_houses import GAME, SPOTS, TERMS, KenoHouse

STAKE = 1_000_000


async def refused(keno: KenoHouse, person: Person, *picks: Any, **asked: Any) -> Refusal:
    """Buy in vain; nothing was taken."""
    before = await keno.house.balance(person)
    with pytest.raises(Refusal) as caught:
        await keno.buy(person, *picks, **asked)
    assert await keno.house.balance(person) == before
    return caught.value


async def test_a_ticket_is_paid_at_once_and_its_stake_held(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player(10 * ONE)

    bought = await keno.buy(ada, (17, 3), stake=2 * STAKE, rounds=3)

    assert (bought.first_round, bought.rounds, bought.picks) == (1, 3, (3, 17))
    assert await keno.house.balance(ada) == 10 * ONE - 6 * STAKE
    assert await keno.house.balances_of("keno_stakes") == 6 * STAKE
    assert [each.number for each in await keno.tickets(bought)] == [1, 2, 3]
    await keno.books_are_right()


async def test_the_house_picks_different_numbers_of_the_game(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()

    bought = [await keno.buy(ada, 10) for _ in range(5)]

    for each in bought:
        assert len(set(each.picks)) == 10
        assert set(each.picks) <= set(range(1, 81))
    assert len({each.picks for each in bought}) == 5


@pytest.mark.parametrize(
    ("picks", "why"),
    [
        ((1, 2, 3), "3 numbers"),
        ((), "0 numbers"),
        ((5, 5), "a number stands there twice"),
        ((0, 1), "0 is not one of 1 to 80"),
        ((80, 81), "81 is not one of 1 to 80"),
        (3, "3 numbers"),
        (0, "0 numbers"),
        (-1, "-1 numbers"),
    ],
)
async def test_numbers_that_are_none_of_the_game_are_refused(
    keno: KenoHouse, picks: Any, why: str
) -> None:
    await keno.open_game()

    refusal = await refused(keno, await keno.player(), picks)

    assert (refusal.code, refusal.data["why"]) == ("E-PICKS", why)


@pytest.mark.parametrize("stake", [0, STAKE - 1, STAKE + 1, ONE + STAKE, -STAKE])
async def test_a_stake_off_the_bounds_or_the_step_is_refused(keno: KenoHouse, stake: int) -> None:
    await keno.open_game()

    assert (await refused(keno, await keno.player(), stake=stake)).code == "E-STAKE"


@pytest.mark.parametrize("rounds", [0, -1, 101, 10**12])
async def test_so_many_rounds_are_not_sold(keno: KenoHouse, rounds: int) -> None:
    await keno.open_game()

    assert (await refused(keno, await keno.player(), rounds=rounds)).code == "E-ROUNDS"


async def test_a_stake_in_another_asset_is_refused(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()
    command = replace(keno.command(ada), stake=Money(STAKE, Asset("BTC")))

    with pytest.raises(Refusal, match="E-STAKE"):
        await keno.keno.buy(command)


async def test_a_game_that_is_not_there_sells_nothing(keno: KenoHouse) -> None:
    assert (await refused(keno, await keno.player(), game="no-such")).code == "E-GAME-UNKNOWN"


async def test_nobody_stakes_what_they_do_not_have(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player(5 * STAKE)

    refusal = await refused(keno, ada, stake=2 * STAKE, rounds=3)

    assert refusal.code == "E-BAL-LOW"
    assert refusal.data == {"available": 5 * STAKE, "needed": 6 * STAKE}
    await keno.buy(ada, stake=STAKE, rounds=5)
    assert await keno.house.balance(ada) == 0


async def test_the_same_purchase_sent_again_is_the_same_purchase(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player(10 * ONE)
    first = await keno.answer(ada, 2, rounds=4, key="mine")

    again = await keno.answer(ada, 2, rounds=4, key="mine")

    assert (first.replayed, again.replayed) == (False, True)
    assert again.value == first.value
    assert await keno.house.balance(ada) == 10 * ONE - 4 * STAKE


@pytest.mark.parametrize(
    "other",
    [
        {"rounds": 2},
        {"stake": 2 * STAKE},
        {"picks": (1, 3)},
        {"picks": 2},
        {"first_round": 2},
    ],
)
async def test_a_key_that_asks_for_something_else_is_refused(
    keno: KenoHouse, other: dict[str, Any]
) -> None:
    await keno.open_game()
    ada = await keno.player()
    await keno.buy(ada, (1, 2), key="mine")

    asked: dict[str, Any] = {"picks": (1, 2), **other}
    assert (await refused(keno, ada, key="mine", **asked)).code == "E-KEY-REUSED"


async def test_twins_that_arrive_together_are_one_purchase(keno: KenoHouse) -> None:
    await keno.open_game()
    ada, bob = await keno.player(10 * ONE), await keno.player(10 * ONE)

    answers = await asyncio.gather(
        *(keno.answer(ada, 1, rounds=3, key="twin") for _ in range(20)),
        keno.answer(bob, (1, 2), key="twin"),
    )

    assert len({each.value.first_ticket for each in answers}) == 2
    assert sum(not each.replayed for each in answers) == 2
    assert await keno.house.balance(ada) == 10 * ONE - 3 * STAKE
    await keno.books_are_right()


async def test_many_purchases_at_once_are_each_answered_by_the_rules(keno: KenoHouse) -> None:
    await keno.open_game()
    people = [await keno.player(3 * STAKE) for _ in range(12)]

    answers = await asyncio.gather(
        *(keno.buy(each, (1, 2), rounds=2) for each in people for _ in range(2)),
        return_exceptions=True,
    )

    refusals = [each for each in answers if isinstance(each, BaseException)]
    assert [str(each).split()[0] for each in refusals] == ["E-BAL-LOW"] * 12
    for each in people:
        assert await keno.house.balance(each) == STAKE
    await keno.books_are_right()


async def test_a_round_of_ones_choice_is_bought_ahead_but_never_after_its_lock(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    ada = await keno.player()
    assert (await keno.buy(ada, first_round=7)).first_round == 7

    await keno.pass_rounds(2)

    late = await refused(keno, ada, first_round=2)
    assert (late.code, late.data["next_round"]) == ("E-ROUND-CLOSED", 3)
    for beyond in ({"first_round": 103}, {"first_round": 102, "rounds": 2}, {"rounds": 101}):
        assert (await refused(keno, ada, **beyond)).code == "E-ROUNDS"
    assert (await keno.buy(ada)).first_round == 3


async def test_a_round_takes_no_ticket_after_its_lock_time_even_if_the_clock_is_away(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    ada = await keno.player()

    await keno.let_pass(milliseconds=4_000)  # the round locks a second before the next opens

    assert (await refused(keno, ada, first_round=1)).code == "E-ROUND-CLOSED"
    assert (await keno.buy(ada)).first_round == 2


async def test_a_paused_game_sells_nothing(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()
    await keno.move("PAUSED")

    assert (await refused(keno, ada)).code == "E-GAME-PAUSED"


async def test_a_prize_above_what_a_ticket_may_win_is_refused_with_the_stake_that_fits(
    keno: KenoHouse,
) -> None:
    await keno.open_game(terms=replace(TERMS, max_win=50_000 * STAKE))
    ada = await keno.player()

    refusal = await refused(keno, ada, 10, stake=4 * STAKE)

    assert (refusal.code, refusal.data["fits"]) == ("E-EXPOSURE", 3 * STAKE)
    await keno.buy(ada, 10, stake=3 * STAKE)


async def test_a_rounds_limit_refuses_and_says_what_still_fits(keno: KenoHouse) -> None:
    limit = 100 * STAKE
    await keno.open_game(terms=replace(TERMS, max_win=limit, round_limit=limit))
    ada, bob = await keno.player(), await keno.player()
    await keno.buy(ada, (1, 2), stake=8 * STAKE)  # 76 of 100

    refusal = await refused(keno, bob, (3, 4), stake=3 * STAKE)

    assert (refusal.code, refusal.data["fits"]) == ("E-EXPOSURE", 2 * STAKE)
    await keno.buy(bob, (3, 4), stake=2 * STAKE)
    assert (await refused(keno, ada, (5, 6))).data["fits"] == 0
    await keno.buy(ada, (5, 6), first_round=2)
    await keno.books_are_right()


async def test_all_unsettled_prizes_together_never_exceed_the_bankroll(keno: KenoHouse) -> None:
    await keno.open_game(funds=40 * STAKE)
    ada = await keno.player()
    await keno.buy(ada, (1, 2), rounds=3)  # three times 9.5

    refusal = await refused(keno, ada, (1, 2), stake=2 * STAKE)

    assert (refusal.code, refusal.data["fits"]) == ("E-BANKROLL", STAKE)
    await keno.buy(ada, (1, 2))
    assert (await refused(keno, ada, 1)).code == "E-BANKROLL"
    await keno.books_are_right()


async def test_lanes_that_reach_for_the_last_of_a_bankroll_do_not_take_it_twice(
    keno: KenoHouse,
) -> None:
    await keno.open_game(funds=95 * STAKE)
    people = [await keno.player() for _ in range(16)]

    answers = await asyncio.gather(
        *(keno.buy(each, (1, 2)) for each in people), return_exceptions=True
    )

    refusals = [each for each in answers if isinstance(each, BaseException)]
    assert [str(each).split()[0] for each in refusals] == ["E-BANKROLL"] * 6
    (bankroll,) = await keno.keno.bankrolls()
    assert (bankroll.funds, bankroll.exposure) == (95 * STAKE, 95 * STAKE)


async def test_games_of_one_operator_share_its_bankroll(keno: KenoHouse) -> None:
    await keno.open_game(funds=19 * STAKE)
    await keno.open_game("keno-other", funds=0)
    ada = await keno.player()
    await keno.buy(ada, (1, 2))
    await keno.buy(ada, (1, 2), game="keno-other")

    assert (await refused(keno, ada, (1, 2))).code == "E-BANKROLL"


async def test_purchases_are_told_as_a_fact(keno: KenoHouse) -> None:
    await keno.open_game()
    ada = await keno.player()
    bought = await keno.buy(ada, (1, 2), rounds=2)

    async with keno.database.snapshot() as tx:
        body = await tx.value("SELECT body FROM platform.outbox WHERE kind = 'TicketsSold'")

    assert body == {
        "tickets": [bought.first_ticket],
        "games": [GAME],
        "first_rounds": [1],
        "rounds": [2],
        "players": [ada.id],
        "spots": [2],
        "stakes": [STAKE],
    }


async def test_every_round_of_a_purchase_is_sold_on_its_own_terms_however_many_it_crosses(
    keno: KenoHouse,
) -> None:
    await keno.open_game()
    ada = await keno.player()
    for top, least in (("3.6", 2 * STAKE), ("3.8", STAKE)):
        paytable = {**SPOTS, "1": ["0", top]}
        await keno.keno.change_game(GAME, {"paytable": paytable, "stake_min": least}, by=None)
    async with keno.database.snapshot() as tx:
        begun = await tx.fetch("SELECT first_round FROM keno.terms ORDER BY first_round")
    before, between, after = (row[0] for row in begun)
    assert before < between < after
    await keno.pass_rounds(between - 10)

    with pytest.raises(Refusal, match="E-STAKE"):
        await keno.buy(ada, [1], rounds=20 + after - between)
    await keno.buy(ada, [1], stake=2 * STAKE, rounds=20 + after - between)

    async with keno.database.snapshot() as tx:
        sold = await tx.fetch("SELECT number, exposure FROM keno.rounds WHERE tickets > 0")
    covered = {row["number"]: row["exposure"] for row in sold}
    assert {covered[number] for number in range(between, after)} == {7_200_000}
    assert covered[between - 1] == covered[after] == 7_600_000
    await keno.books_are_right()
