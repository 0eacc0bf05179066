import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.pool import (
    Settlement,
    Side,
    Stake,
    Terms,
    cutoff,
    depth_exceeded,
    dividends,
    fees,
    identity,
    payout,
    quote,
    refunded,
    settle,
    terms_problem,
)

VECTORS = json.loads(Path("docs/spec/vectors/pool.json").read_text())
USUAL = Terms(protocol_bps=200, host_bps=100)
SOL = 1_000_000_000

stakes = st.integers(1, 10**15)
sides = st.sampled_from(Side)
terms = st.builds(Terms, protocol_bps=st.integers(0, 1000), host_bps=st.integers(0, 1000)).filter(
    lambda each: terms_problem(each) is None
)
rooms = st.lists(st.tuples(sides, stakes), min_size=1, max_size=60).map(
    lambda bets: [Stake(str(number), *bet) for number, bet in enumerate(bets)]
)


@pytest.mark.parametrize("vector", VECTORS["vectors"])
def test_the_published_vectors_hold(vector: dict[str, Any]) -> None:
    bets = [Stake(bet["id"], Side(bet["side"]), int(bet["stake"])) for bet in vector["bets"]]
    found = settle(
        bets,
        Side(vector["outcome"]),
        Terms(protocol_bps=vector["protocol_bps"], host_bps=vector["host_bps"]),
    )

    assert found.void == vector["void"]
    assert found.payouts == {bet: int(paid) for bet, paid in vector["payouts"].items()}
    assert found.rewards == {
        bet: tuple(int(level) for level in levels) for bet, levels in vector["rewards"].items()
    }
    for name in ("takeout", "host_fee", "protocol_fee", "breakage"):
        assert getattr(found, name) == int(vector[name])


def test_there_are_thirty_one_vectors() -> None:
    assert len(VECTORS["vectors"]) == 31


def test_a_payout_is_right_where_a_rounded_quotient_is_not() -> None:
    division = {name: int(value) for name, value in VECTORS["division"].items()}

    paid = payout(division["stake"], division["net"], division["w"])

    assert paid == division["payout"]


def test_the_worked_example_pays_out_of_the_whole_pool() -> None:
    bets = [
        Stake("mine", Side.YES, 10 * SOL),
        Stake("others", Side.YES, 90 * SOL),
        Stake("against", Side.NO, 50 * SOL),
    ]

    found = settle(bets, Side.YES, USUAL)

    assert found.payouts["mine"] == 14_550_000_000
    assert (found.takeout, found.net) == (4_500_000_000, 145_500_000_000)
    assert (found.protocol_fee, found.host_fee) == (3_000_000_000, 1_500_000_000)
    assert found.rewards["mine"] == (45_000_000, 15_000_000, 6_000_000)


def test_a_one_sided_room_gives_every_stake_back_and_takes_no_fee() -> None:
    found = settle([Stake("a", Side.YES, 7), Stake("b", Side.YES, 8)], Side.YES, USUAL)

    assert not found.void
    assert found.payouts == {"a": 7, "b": 8}
    assert found.takeout == 0


def test_a_takeout_shrinks_to_a_losing_pool_that_is_smaller() -> None:
    found = settle([Stake("a", Side.YES, 1_000), Stake("b", Side.NO, 10)], Side.YES, USUAL)

    assert (found.takeout, found.payouts["a"]) == (10, 1_000)


def test_a_room_that_takes_nothing_divides_by_nothing() -> None:
    free = Terms(protocol_bps=0, host_bps=0)

    found = settle([Stake("a", Side.YES, 10), Stake("b", Side.NO, 5)], Side.YES, free)

    assert (found.takeout, found.host_fee, found.protocol_fee) == (0, 0, 0)
    assert found.payouts == {"a": 15, "b": 0}


def test_a_room_without_bets_is_void() -> None:
    assert settle([], Side.YES, USUAL) == Settlement(void=True, handle=0, winning=0)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (USUAL, None),
        (Terms(protocol_bps=0, host_bps=0), None),
        (Terms(protocol_bps=700, host_bps=300), None),
        (Terms(protocol_bps=701, host_bps=300), "takeout"),
        (Terms(protocol_bps=66, host_bps=234), None),
        (Terms(protocol_bps=65, host_bps=234), "rewards"),
        (Terms(protocol_bps=0, host_bps=1), "rewards"),
        (Terms(protocol_bps=-1, host_bps=1), "negative"),
        (Terms(protocol_bps=1, host_bps=1, reward_bps=(-1,)), "negative"),
    ],
)
def test_terms_that_cannot_pay_their_rewards_are_refused(asked: Terms, problem: str) -> None:
    assert terms_problem(asked) == problem


def total(found: Settlement) -> int:
    return sum(found.payouts.values())


@given(bets=rooms, outcome=sides, agreed=terms)
def test_every_lamport_is_paid_out_taken_or_broken(
    bets: list[Stake], outcome: Side, agreed: Terms
) -> None:
    found = settle(bets, outcome, agreed)

    assert identity(
        payouts=0 if found.void else total(found),
        refunds=total(found) if found.void else 0,
        host_fee=found.host_fee,
        protocol_fee=found.protocol_fee,
        breakage=found.breakage,
        stakes=sum(bet.stake for bet in bets),
    )
    winners = sum(1 for bet in bets if bet.side is outcome)
    assert 0 <= found.breakage < max(winners, 1)


@given(bets=rooms, outcome=sides, agreed=terms)
def test_no_winner_is_paid_less_than_the_stake(
    bets: list[Stake], outcome: Side, agreed: Terms
) -> None:
    found = settle(bets, outcome, agreed)

    assert all(found.payouts[bet.id] >= bet.stake for bet in bets if bet.side is outcome)


@given(bets=rooms, outcome=sides, agreed=terms)
def test_rewards_never_exceed_the_protocols_fee(
    bets: list[Stake], outcome: Side, agreed: Terms
) -> None:
    found = settle(bets, outcome, agreed)

    assert sum(map(sum, found.rewards.values())) <= found.protocol_fee


@given(bets=rooms, outcome=sides, agreed=terms, data=st.data())
def test_the_order_of_bets_does_not_matter(
    bets: list[Stake], outcome: Side, agreed: Terms, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(bets))

    assert settle(shuffled, outcome, agreed) == settle(bets, outcome, agreed)


@given(bets=rooms, agreed=terms)
def test_a_void_refunds_everybody_and_rewards_nobody(bets: list[Stake], agreed: Terms) -> None:
    found = refunded(bets, agreed)

    assert found.payouts == {bet.id: bet.stake for bet in bets}
    assert set(found.rewards.values()) == {(0, 0, 0)}


@given(bets=rooms, stake=stakes, side=sides, agreed=terms)
def test_a_quote_is_what_a_settlement_with_this_bet_would_pay(
    bets: list[Stake], stake: int, side: Side, agreed: Terms
) -> None:
    pools = {each: sum(bet.stake for bet in bets if bet.side is each) for each in Side}

    offered = quote(stake, side, pools[Side.YES], pools[Side.NO], agreed)

    settled = settle([*bets, Stake("mine", side, stake)], side, agreed)
    assert offered.payout == settled.payouts["mine"]
    assert Decimal(offered.dividend) >= 1


def test_a_dividend_has_four_decimals_and_a_side_without_bets_has_none() -> None:
    assert dividends(100 * SOL, 50 * SOL, USUAL) == {Side.YES: "1.4550", Side.NO: "2.9100"}
    assert dividends(100, 0, USUAL) == {Side.YES: "1.0000", Side.NO: None}
    assert dividends(0, 0, USUAL) == {Side.YES: None, Side.NO: None}
    assert quote(10 * SOL, Side.YES, 90 * SOL, 50 * SOL, USUAL).dividend == "1.4550"


def test_fees_of_totals_are_the_fees_of_the_bets() -> None:
    found = settle([Stake("a", Side.YES, 999), Stake("b", Side.NO, 998)], Side.NO, USUAL)

    assert fees(1997, 998, USUAL).takeout == found.takeout == 1997 * 300 // 10_000


def test_bets_are_scratched_from_the_earlier_of_window_and_last_clear_time() -> None:
    hit = datetime(2026, 1, 1, tzinfo=UTC)
    window = timedelta(seconds=3)

    assert cutoff(hit, hit - timedelta(seconds=1), window) == hit - window
    assert cutoff(hit, hit - timedelta(seconds=60), window) == hit - timedelta(seconds=60)


@given(
    handle=st.integers(1, 10**15),
    reserve=st.integers(0, 10**15),
    price=st.decimals("0.000001", "1000000", places=6),
    target=st.decimals("0.000001", "1000000", places=6),
)
def test_the_depth_rule_is_that_of_the_root(
    handle: int, reserve: int, price: Decimal, target: Decimal
) -> None:
    ratio = max(Fraction(price) / Fraction(target), Fraction(target) / Fraction(price))
    scale = 10**40
    root_below = Fraction(isqrt(ratio.numerator * scale**2 // ratio.denominator), scale)
    root_above = root_below + Fraction(1, scale)
    most = [Fraction(200 * reserve, 10_000) * (root - 1) for root in (root_below, root_above)]

    refused = depth_exceeded(
        handle_with_stake=handle, quote_reserve=reserve, price=price, target=target, bps=200
    )

    assert refused == (handle > most[0]) or refused == (handle > most[1])


def test_the_depth_rule_lets_the_limit_itself_pass() -> None:
    def refused(handle: int) -> bool:
        return depth_exceeded(
            handle_with_stake=handle,
            quote_reserve=10_000,
            price=Decimal(1),
            target=Decimal(4),
            bps=200,
        )

    assert not refused(200)
    assert refused(201)
