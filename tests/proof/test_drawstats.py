import math
import random
from collections.abc import Callable, Sequence
from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.chain import seeds_down
from rooms.proof.draw import draw
from rooms.proof.drawstats import SUSPICIOUS, ChiSquare, judge, upper_tail

Draws = list[list[int]]
ROUNDS = 4_000


@cache
def ours(rounds: int = ROUNDS, first: bytes = bytes(32)) -> Draws:
    seeds = list(seeds_down(first, rounds))[::-1]
    return [list(draw(seed, "keno-main", place, "")) for place, seed in enumerate(seeds)]


def by_name(draws: Draws) -> dict[str, ChiSquare]:
    return {each.name: each for each in judge(draws)}


def suspicious(draws: Draws) -> set[str]:
    return {name for name, each in by_name(draws).items() if each.p < SUSPICIOUS}


def test_our_draws_look_like_chance() -> None:
    found = by_name(ours())

    assert list(found) == ["singles", "pairs", "gaps", "order"]
    assert [each.degrees for each in found.values()] == [79, 3_080, 24, 361]
    assert all(1e-4 < each.p < 1 - 1e-4 for each in found.values())


def test_the_singles_have_the_correction_for_drawing_without_replacement() -> None:
    draws = ours()
    counts = [sum(number in each for each in draws) for number in range(1, 81)]
    plain = sum((count - ROUNDS / 4) ** 2 / (ROUNDS / 4) for count in counts)

    assert math.isclose(by_name(draws)["singles"].statistic, plain * 79 / 60)


def test_over_many_runs_each_statistic_is_as_large_as_its_degrees_and_varies_as_a_chi_square() -> (
    None
):
    chance = random.Random(7)
    runs = 200
    told = [by_name([chance.sample(range(1, 81), 20) for _ in range(150)]) for _ in range(runs)]

    for name in ("singles", "pairs", "gaps", "order"):
        degrees = sum(each[name].degrees for each in told) / runs
        mean = sum(each[name].statistic for each in told) / runs
        spread = math.sqrt(sum((each[name].statistic - mean) ** 2 for each in told) / (runs - 1))
        error = math.sqrt(2 * degrees / runs)
        assert abs(mean - degrees) < 4 * error, name
        assert 0.75 < spread / math.sqrt(2 * degrees) < 1.3, name


def heavy(chance: random.Random) -> list[int]:
    """Number 7 comes a quarter more often than it should."""
    while True:
        drawn = chance.sample(range(1, 81), 20)
        if 7 in drawn or chance.random() < 0.75:
            return drawn


def bytewise(chance: random.Random) -> list[int]:
    """A byte modulo what is left: the low ones come more often, a well-known mistake."""
    left = list(range(1, 81))
    for place in range(20):
        other = place + chance.randrange(256) % (80 - place)
        left[place], left[other] = left[other], left[place]
    return left[:20]


def friends(chance: random.Random) -> list[int]:
    """13 and 31 come together more often, each of them as often as any."""
    drawn = chance.sample(range(1, 81), 20)
    if (13 in drawn) != (31 in drawn) and chance.random() < 0.25:
        partner = 31 if 13 in drawn else 13
        stranger = 13 if partner == 31 else 31
        if chance.random() < 0.5:
            loser = chance.choice([number for number in drawn if number != stranger])
            drawn[drawn.index(loser)] = partner
        else:
            others = [
                number for number in range(1, 81) if number not in drawn and number != partner
            ]
            drawn[drawn.index(stranger)] = chance.choice(others)
    return drawn


def rising(chance: random.Random) -> list[int]:
    """Two neighbours that come in the wrong order are swapped, now and then."""
    drawn = chance.sample(range(1, 81), 20)
    if drawn[0] > drawn[19] and chance.random() < 0.25:
        drawn[0], drawn[19] = drawn[19], drawn[0]
    return drawn


def made(generate: Callable[[random.Random], list[int]]) -> Draws:
    chance = random.Random(11)
    return [generate(chance) for _ in range(2 * ROUNDS)]


def sticky() -> Draws:
    """A number of the last round comes again a little more often; over time all are alike."""
    chance = random.Random(13)
    draws = [chance.sample(range(1, 81), 20)]
    for _ in range(2 * ROUNDS):
        drawn = chance.sample(range(1, 81), 20)
        again = [number for number in draws[-1] if number not in drawn]
        if chance.random() < 0.25:
            fresh = [place for place, number in enumerate(drawn) if number not in draws[-1]]
            drawn[chance.choice(fresh)] = chance.choice(again)
        draws.append(drawn)
    return draws


@pytest.mark.parametrize(
    ("draws", "caught"),
    [
        (partial(made, heavy), "singles"),
        (partial(made, bytewise), "singles"),
        (partial(made, friends), "pairs"),
        (sticky, "gaps"),
        (partial(made, rising), "order"),
    ],
    ids=["heavy", "bytewise", "friends", "sticky", "rising"],
)
def test_a_biased_generator_is_caught(draws: Callable[[], Draws], caught: str) -> None:
    assert caught in suspicious(draws())


def test_a_fair_generator_is_not() -> None:
    assert suspicious(made(lambda chance: chance.sample(range(1, 81), 20))) == set()


def test_games_of_other_sizes_are_judged_by_their_own_variances() -> None:
    chance = random.Random(17)
    draws = [chance.sample(range(1, 41), 6) for _ in range(ROUNDS)]

    found = judge(draws, numbers=40, drawn=6)

    assert [each.degrees for each in found] == [39, 740, 24, 25]
    assert all(each.p > 1e-4 for each in found)


@pytest.mark.parametrize(
    ("statistic", "degrees", "chance"),
    [
        (3.841458820694124, 1, 0.05),
        (5.991464547107979, 2, 0.05),
        (18.30703805327515, 10, 0.05),
        (100.7486242, 79, 0.05),
        (23.209251158954356, 10, 0.01),
        (0.0, 5, 1.0),
    ],
)
def test_the_upper_tail_is_that_of_the_tables(
    statistic: float, degrees: int, chance: float
) -> None:
    assert math.isclose(upper_tail(statistic, degrees), chance, rel_tol=1e-6)


@given(st.floats(0, 5_000), st.integers(1, 1_500))
def test_with_even_degrees_the_tail_is_a_sum_that_everybody_can_add_up(
    statistic: float, half: int
) -> None:
    # The chance of fewer than ``half`` events where statistic / 2 are expected (Poisson).
    x = statistic / 2
    logs = [k * math.log(x) - math.lgamma(k + 1) for k in range(half)] if x else [0.0]
    expected = math.fsum(math.exp(each - x) for each in logs)

    assert math.isclose(upper_tail(statistic, 2 * half), expected, rel_tol=1e-7, abs_tol=1e-12)


def test_a_single_draw_can_be_judged() -> None:
    assert len(judge(ours()[:1])) == 4


def test_the_order_of_rounds_matters_to_gaps_alone() -> None:
    draws: Sequence[Sequence[int]] = ours()
    straight, turned = judge(draws), judge(draws[::-1])

    assert [a.name for a, b in zip(straight, turned, strict=True) if a != b] == ["gaps"]
