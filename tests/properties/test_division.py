import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms.proof.pool import Side, Terms, terms_problem
from tests.houses import House
from tests.properties.division import Divided, Laid, Table, divide, expected, lay

PUBLISHED = json.loads(Path("docs/spec/vectors/pool.json").read_text())
VECTORS, DIVISION = PUBLISHED["vectors"], PUBLISHED["division"]
REFERRERS = 5

sides = st.sampled_from(Side)
terms = st.builds(Terms, protocol_bps=st.integers(0, 1000), host_bps=st.integers(0, 1000)).filter(
    lambda each: terms_problem(each) is None
)
upline = st.none() | st.integers(0, REFERRERS - 1)
laid = st.builds(
    Laid,
    side=sides,
    stake=st.integers(1, 10**15) | st.integers(1, 50),
    uplines=st.tuples(upline, upline, upline),
    late=st.sampled_from([False, False, False, True]),
)


def bets_of(most: int) -> st.SearchStrategy[list[Laid]]:
    """Rooms of every size; hypothesis alone would seldom make large ones."""
    sizes = st.one_of(st.integers(1, 10), st.integers(1, most))
    return sizes.flatmap(lambda size: st.lists(laid, min_size=size, max_size=size))


# One house serves all examples: every example is a room of its own in it.
in_one_house = settings(
    max_examples=max(settings().max_examples // 3, 1),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def require_equal(table: Table, outcome: Side, found: Divided) -> None:
    """The row and every entry are those of ``proof.pool``, and nothing was made or lost."""
    row, due = expected(table, outcome)
    assert {name: found.row[name] for name in row} == row
    people = {*table.bettors, *table.referrers, table.host}
    assert {account: sum_ for account, sum_ in found.moved.items() if account in people} == due
    rewards = sum(due.get(account, 0) for account in table.referrers)
    assert found.row["rewards"] == rewards == found.by_kind.get("referral", 0)
    assert found.by_kind.get("protocol_fee", 0) == row["protocol_fee"] - rewards
    assert found.by_kind.get("breakage", 0) == row["breakage"]
    assert sum(found.moved.values()) == 0
    assert -found.by_kind["settle"] == sum(bet.stake for bet in table.bets)


def require_no_winner_loses(table: Table, outcome: Side, found: Divided) -> None:
    for bet, account in zip(table.bets, table.bettors, strict=True):
        if bet.late or bet.side is outcome or found.row["reason"] is not None:
            assert found.moved[account] >= bet.stake


async def test_the_published_vectors_hold_in_the_database(
    house: House, subtests: pytest.Subtests
) -> None:
    for number, vector in enumerate(VECTORS):
        with subtests.test(vector=number):
            await require_vector(house, vector)
    await house.books_are_right()


async def require_vector(house: House, vector: dict[str, Any]) -> None:
    bets = [
        Laid(Side(bet["side"]), int(bet["stake"]), (3 * n, 3 * n + 1, 3 * n + 2))
        for n, bet in enumerate(vector["bets"])
    ]
    terms = Terms(protocol_bps=vector["protocol_bps"], host_bps=vector["host_bps"])
    table = await lay(house, bets, terms, referrers=3 * len(bets))

    found = await divide(house, table, Side(vector["outcome"]))

    for n, bet in enumerate(vector["bets"]):
        assert found.moved.get(table.bettors[n], 0) == int(vector["payouts"][bet["id"]])
        levels = [found.moved.get(table.referrers[3 * n + level], 0) for level in range(3)]
        assert levels == [int(amount) for amount in vector["rewards"][bet["id"]]]
    for name in ("takeout", "host_fee", "protocol_fee", "breakage"):
        assert found.row[name] == int(vector[name])
    assert (found.row["reason"] == "NO_WINNER") == vector["void"]
    require_equal(table, Side(vector["outcome"]), found)


@in_one_house
@given(bets=bets_of(200), agreed=terms, outcome=sides, data=st.data())
async def test_the_database_divides_a_room_as_the_published_arithmetic_does(
    house: House, bets: list[Laid], agreed: Terms, outcome: Side, data: st.DataObject
) -> None:
    table = await lay(house, bets, agreed, referrers=REFERRERS)
    order = data.draw(st.permutations(range(len(bets))))
    shuffled = await lay(house, [bets[n] for n in order], agreed, referrers=REFERRERS)

    found = await divide(house, table, outcome)
    again = await divide(house, shuffled, outcome)

    require_equal(table, outcome, found)
    require_equal(shuffled, outcome, again)
    require_no_winner_loses(table, outcome, found)
    for place, n in enumerate(order):
        assert again.moved.get(shuffled.bettors[place]) == found.moved.get(table.bettors[n])
    await house.books_are_right()


@pytest.mark.parametrize("outcome", Side)
@pytest.mark.parametrize("most", [3, 10**15])
async def test_a_room_of_five_thousand_bets_is_divided_exactly(
    house: House, outcome: Side, most: int
) -> None:
    chance = Random(most)
    bets = [
        Laid(
            chance.choice(list(Side)),
            chance.randint(1, most),
            tuple(chance.sample([None, *range(REFERRERS)], 3)),
            late=chance.random() < 0.1,
        )
        for _ in range(5_000)
    ]
    table = await lay(house, bets, Terms(protocol_bps=200, host_bps=100), referrers=REFERRERS)

    found = await divide(house, table, outcome)

    require_equal(table, outcome, found)
    require_no_winner_loses(table, outcome, found)
    await house.books_are_right()


async def test_the_published_division_is_right_where_a_rounded_quotient_is_not(
    house: House,
) -> None:
    division = {name: int(value) for name, value in DIVISION.items()}
    async with house.database.snapshot() as tx:
        paid = await tx.value(
            "SELECT parimutuel.payout('YES', $1, now(), 'YES', NULL, $2, $3)",
            division["stake"],
            division["net"],
            division["w"],
        )

    assert paid == division["payout"]
