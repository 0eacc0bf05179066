"""Numbers and times of strangers: read exactly, or refused in one word."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import UnusableError
from rooms.kernel.time import from_millis
from rooms.proof.decimals import plain, written
from tests.contracts.outside import RECEIVED


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("165.01000000", "165.01000000"),
        (165, "165"),
        ("1.6501e2", "165.01"),
        (Decimal("1.65E+5"), "165000"),
        ("4.2E-9", "0.0000000042"),
    ],
)
def test_a_number_is_read_exactly(value: object, price: str) -> None:
    assert strict.positive(value) == Decimal(price)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "wrong_type"),
        (True, "wrong_type"),
        (165.01, "wrong_type"),
        ([165], "wrong_type"),
        ("", "wrong_type"),
        (" 165", "wrong_type"),
        ("165,01", "wrong_type"),
        ("1_000", "wrong_type"),
        ("١٦٥", "wrong_type"),
        ("0x10", "wrong_type"),
        ("NaN", "wrong_type"),
        (Decimal("NaN"), "wrong_type"),
        (Decimal("sNaN"), "wrong_type"),
        ("Infinity", "wrong_type"),
        (Decimal("Infinity"), "wrong_type"),
        ("1e9999", "wrong_type"),
        (0, "not_positive"),
        ("0.000", "not_positive"),
        ("-0", "not_positive"),
        (-165, "not_positive"),
        ("1e30", "absurd"),
        ("1e-30", "absurd"),
        (Decimal("1E+99999999"), "absurd"),
        ("1." + "0" * 39 + "1", "absurd"),
    ],
)
def test_what_is_not_a_price_is_refused_in_one_word(value: object, reason: str) -> None:
    with pytest.raises(UnusableError) as refused:
        strict.positive(value)
    assert refused.value.reason == reason


@given(value=st.decimals(allow_nan=True, allow_infinity=True) | st.text() | st.integers())
def test_a_number_that_is_accepted_can_be_published_and_read_again(value: object) -> None:
    try:
        price = strict.positive(value)
    except UnusableError:
        return
    assert price > 0
    assert plain(written(price)) == price


def test_times_are_cut_to_the_millisecond_never_rounded_up() -> None:
    at = from_millis(1_763_650_000_123)
    assert strict.moment("1763650000.1239999", RECEIVED) == at
    assert strict.moment(1_763_650_000_123, RECEIVED, per_second=1_000) == at
    assert strict.written_moment("2025-11-20T14:46:40.123999Z", RECEIVED) == at
    assert strict.written_moment("2025-11-20T15:46:40.123999+01:00", RECEIVED) == at


@pytest.mark.parametrize(
    "value", [None, "soon", "2025-11-20T14:46:40", "2025-13-20T14:46:40Z", 5, "0001-01-01T00:00Z+1"]
)
def test_what_is_not_a_time_is_refused(value: Any) -> None:
    with pytest.raises(UnusableError):
        strict.written_moment(value, RECEIVED)


def test_a_time_more_than_two_seconds_ahead_is_refused() -> None:
    ahead = RECEIVED + timedelta(seconds=2)
    assert strict.written_moment(ahead.isoformat(), RECEIVED) == ahead
    for late in ((ahead + timedelta(milliseconds=1)).isoformat(), "9999-12-31T23:59:59Z"):
        with pytest.raises(UnusableError) as refused:
            strict.written_moment(late, RECEIVED)
        assert refused.value.reason == "future"
    with pytest.raises(UnusableError):
        strict.moment("9e23", RECEIVED)
