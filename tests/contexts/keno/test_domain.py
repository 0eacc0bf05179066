from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from rooms.contexts.fairness.api import NewChain
from rooms.contexts.keno.domain import (
    Band,
    Limits,
    Schedule,
    Terms,
    require_terms,
    terms_problem,
)
from rooms.kernel.refusal import Refusal
from rooms.proof.chain import ChainTerms
from rooms.proof.paytable import Paytable, parse_spots

PAYTABLE = parse_spots({"1": ["0", "3.8"], "2": ["0", "1", "9.5"]})
LIMITS = Limits(
    spots=(1, 2),
    stake_min=10,
    stake_max=1_000,
    stake_step=10,
    max_win=9_500,
    round_limit=100_000,
)
BAND = Band(lowest=Fraction(9, 10), highest=Fraction(97, 100))


def chain(**changes: Any) -> ChainTerms:
    terms = ChainTerms(
        game="keno",
        chain=1,
        length=100,
        terminal=bytes(32),
        first_round=1,
        epoch_ms=1_000_000,
        interval_ms=5_000,
        lead_ms=1_000,
        guard_ms=2_000,
        numbers=80,
        drawn=20,
        entropy="none",
        paytable_hash=PAYTABLE.hash,
    )
    return replace(terms, **changes)


def terms(**changes: Any) -> Terms:
    return Terms(chain(**changes), 1, PAYTABLE, LIMITS)


ONE_CHAIN = Schedule((terms(),))
# From round 11 on every 2 seconds, where the first chain would have gone on every 5.
TWO_CHAINS = Schedule(
    (terms(), terms(chain=2, first_round=11, epoch_ms=1_050_000, interval_ms=2_000, length=50))
)


@pytest.mark.parametrize(
    ("now", "locked"),
    [
        (999_999, 0),
        (1_003_999, 0),
        (1_004_000, 1),
        (1_008_999, 1),
        (1_009_000, 2),
        (1_004_000 + 99 * 5_000, 100),
        (10**12, 100),
    ],
)
def test_a_round_is_locked_from_its_lock_time_on(now: int, locked: int) -> None:
    assert ONE_CHAIN.locked_at(now, 0) == locked


def test_what_is_locked_stays_locked_when_a_clock_is_set_back() -> None:
    assert ONE_CHAIN.locked_at(0, 7) == 7
    assert ONE_CHAIN.first_open(0, 7) == 8


@pytest.mark.parametrize(
    ("now", "opened"), [(999_999, 0), (1_000_000, 1), (1_004_999, 1), (1_005_000, 2)]
)
def test_a_round_opens_in_its_slot(now: int, opened: int) -> None:
    assert ONE_CHAIN.opened_at(now) == opened


def test_new_terms_go_on_where_those_before_them_end() -> None:
    assert TWO_CHAINS.of(10) is TWO_CHAINS.terms[0]
    assert TWO_CHAINS.of(11) is TWO_CHAINS.terms[1]
    assert TWO_CHAINS.locked_at(1_049_000, 0) == 10
    assert TWO_CHAINS.locked_at(1_050_999, 0) == 10
    assert TWO_CHAINS.locked_at(1_051_000, 0) == 11
    assert TWO_CHAINS.locked_at(1_055_000, 0) == 13
    assert TWO_CHAINS.ended(0, 9) == []
    assert TWO_CHAINS.ended(9, 12) == [(1, 10)]
    assert TWO_CHAINS.ended(10, 60) == [(2, 60)]


def test_what_time_has_done_to_rounds_is_told_at_once() -> None:
    # Rounds of 5 s lock one second before they end, those of the second chain every 2 s.
    assert ONE_CHAIN.passed(1_000_000, 0) == (0, 0, 0, 1_004_000, [])
    assert ONE_CHAIN.passed(1_004_030, 0) == (1, 0, 30, 1_009_000, [])
    assert ONE_CHAIN.passed(1_009_000, 0) == (2, 1, 0, 1_014_000, [])
    assert ONE_CHAIN.passed(1_013_999, 2) == (2, 2, 0, 1_014_000, [])
    assert TWO_CHAINS.passed(1_053_000, 9) == (12, 11, 0, 1_055_000, [(1, 10)])
    assert ONE_CHAIN.passed(10**12, 98).following is None


def test_no_round_lies_beyond_the_last_chain() -> None:
    assert ONE_CHAIN.of(101) is None
    assert ONE_CHAIN.first_open(10**12, 0) is None
    assert ONE_CHAIN.shown_to(1_000_000, 120) == 100
    assert ONE_CHAIN.shown_to(1_000_000, 50) == 51


def test_the_stake_that_fits_is_the_largest_on_the_step() -> None:
    each = terms()
    assert each.top_prize(2, 100) == 950
    assert each.stake_for(2, 950) == 100
    assert each.stake_for(2, 949) == 90
    assert each.stake_for(2, 94) == 0
    assert each.stake_for(2, 10**9) == 1_000
    assert each.stake_for(1, 38) == 10


def wanted(**changes: Any) -> NewChain:
    fields = {name: getattr(chain(), name) for name in NewChain.__slots__}
    return NewChain(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"interval_ms": 1_999}, "interval"),
        ({"interval_ms": 60_001}, "interval"),
        ({"lead_ms": 5_000}, "open for some time"),
        ({"lead_ms": -1}, "open for some time"),
        ({"guard_ms": -1}, "guard"),
        ({"numbers": 81}, "80 numbers"),
        ({"drawn": 0}, "80 numbers"),
        ({"drawn": 1}, "spots than numbers"),
    ],
)
def test_rounds_cannot_be_played_on_these_times_and_numbers(
    changes: dict[str, Any], problem: str
) -> None:
    assert problem in str(terms_problem(wanted(**changes), PAYTABLE, LIMITS))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"spots": ()}, "prizes in the paytable"),
        ({"spots": (1, 3)}, "prizes in the paytable"),
        ({"spots": (1, 1)}, "prizes in the paytable"),
        ({"stake_min": 0}, "stakes go"),
        ({"stake_min": 15}, "stakes go"),
        ({"stake_max": 1_005}, "stakes go"),
        ({"stake_min": 2_000}, "stakes go"),
        ({"max_win": 100_001}, "wins at most"),
        ({"round_limit": 10**18 + 1}, "wins at most"),
        ({"stake_max": 10**18}, "64 bits"),
    ],
)
def test_rounds_cannot_be_played_for_these_stakes(changes: dict[str, Any], problem: str) -> None:
    assert problem in str(terms_problem(wanted(), PAYTABLE, replace(LIMITS, **changes)))


def test_good_terms_are_accepted() -> None:
    require_terms(wanted(), PAYTABLE, LIMITS, BAND)


@pytest.mark.parametrize(
    ("spots", "step", "why"),
    [
        ({"1": ["0", "3.85"]}, 10, "not whole"),
        ({"1": ["0", "3.9"]}, 10, "outside of the band"),
        ({"1": ["0", "3.5"]}, 10, "outside of the band"),
        ({"1": ["0", "3.8"], "2": ["0", "1", "50"]}, 10, "return of 2 spots"),
    ],
)
def test_a_paytable_out_of_the_band_or_off_the_step_is_refused(
    spots: dict[str, list[str]], step: int, why: str
) -> None:
    paytable: Paytable = parse_spots(spots)
    limits = replace(LIMITS, spots=(1,), stake_step=step)

    with pytest.raises(Refusal, match="E-PAYTABLE") as caught:
        require_terms(wanted(), paytable, limits, BAND)

    assert why in str(caught.value.data["why"])
