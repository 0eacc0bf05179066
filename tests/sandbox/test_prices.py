"""Play prices: the same for the same seed and time, gentle, and near where they start."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from statistics import pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.kernel.time import from_millis, to_millis
from rooms.sandbox import names
from rooms.sandbox.prices import STARTS, Script, as_seen_by, walk

NOON = from_millis(1_763_640_000_000)


def test_the_walk_needs_no_memory() -> None:
    assert walk(7, "SOL", NOON) == walk(7, "SOL", NOON)
    assert walk(7, "SOL", NOON) == walk(7, "SOL", NOON + timedelta(milliseconds=999))
    assert walk(7, "SOL", NOON) != walk(7, "SOL", NOON + timedelta(seconds=1))
    assert walk(7, "SOL", NOON) != walk(8, "SOL", NOON)


@pytest.mark.parametrize("asset", STARTS)
def test_the_walk_is_gentle_and_stays_near_its_start(asset: str) -> None:
    prices = [walk(7, asset, NOON + timedelta(seconds=second)) for second in range(4_000)]
    moves = [float(after / before - 1) for before, after in pairwise(prices)]

    assert 0.0001 < pstdev(moves) < 0.0003
    assert all(abs(price / STARTS[asset] - 1) < Decimal("0.04") for price in prices)


@given(
    price=st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("1e12"), places=14),
    source=st.sampled_from(names.SOURCES),
    seed=st.integers(0, 1_000),
)
def test_no_source_is_off_by_more_than_a_hundredth_of_a_percent(
    price: Decimal, source: str, seed: int
) -> None:
    seen = as_seen_by(seed, source, "SOL", price)
    assert abs(Fraction(seen) / Fraction(price) - 1) <= Fraction(1, 10_000)


def test_sources_differ_from_each_other() -> None:
    assert len({as_seen_by(7, source, "SOL", Decimal(150)) for source in names.SOURCES}) > 5


def test_each_step_of_a_script_holds_until_the_next_and_the_last_for_good() -> None:
    script = Script(to_millis(NOON), ((1_000, Decimal(164)), (5_000, Decimal("165.2"))))
    seen = [script.price(NOON + timedelta(milliseconds=at)) for at in (999, 1_000, 4_999, 5_000)]
    assert seen == [None, 164, 164, Decimal("165.2")]
    assert script.price(NOON + timedelta(days=30)) == Decimal("165.2")


def test_the_named_token_and_every_made_up_pool_are_addresses() -> None:
    assert names.is_mint(names.MINT)
    assert names.is_mint("11111111111111111111111111111111")
    assert names.is_mint(names.WRAPPED_SOL)
    assert all(names.is_mint(names.pool_address(names.MINT, label)) for label in "abcdef")
    assert not names.is_mint("1" * 33)
    assert not names.is_mint("0" * 32)
    assert not names.is_mint("SOL")
