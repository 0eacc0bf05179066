"""Whether draws look like chance: singles, pairs, gaps and order, each as a chi-square.

Draws are without replacement, so the counts of numbers hinder each other and a plain chi-square
is too small. Each test here is scaled by the exact variance of what it counts:

- singles: how often each number came. Times (n-1)/(n-k) of the plain statistic: 79/60 for keno.
- pairs: how often two came together, after what their singles explain.
- gaps: after how many rounds a number came again. What each round draws out of those numbers is
  a hypergeometric sample; sums over rounds are compared with the sums of its means.
- order: at which place the smallest, the second, ... number of a draw came.

A p-value is the chance of at least such a statistic where draws are fair. Of many p-values some
are small: below one in a thousand each now and then, below one in a million never.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from rooms.proof.draw import DRAWN, NUMBERS

LONGEST_GAP: Final = 24
SUSPICIOUS: Final = 1e-6
_ENOUGH: Final = 1e-15
_TINY: Final = 1e-300
_MOST_STEPS: Final = 100_000


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """One test: its statistic, its degrees of freedom, and the chance of at least that."""

    name: str
    statistic: float
    degrees: int

    @property
    def p(self) -> float:
        """The chance of a statistic of at least this size where draws are fair."""
        return upper_tail(self.statistic, self.degrees)


def judge(
    draws: Sequence[Sequence[int]], *, numbers: int = NUMBERS, drawn: int = DRAWN
) -> list[ChiSquare]:
    """Make all four tests of draws in the order of their rounds, each in drawn order."""
    assert draws
    singles = _singles(draws, numbers)
    return [
        _judge_singles(singles, len(draws), drawn),
        _judge_pairs(draws, singles, drawn),
        _judge_gaps(draws, numbers, drawn),
        _judge_order(draws, drawn),
    ]


def _singles(draws: Sequence[Sequence[int]], numbers: int) -> list[int]:
    counts = [0] * numbers
    for draw in draws:
        for number in draw:
            counts[number - 1] += 1
    return counts


def _judge_singles(counts: Sequence[int], rounds: int, drawn: int) -> ChiSquare:
    n = len(counts)
    expected = rounds * drawn / n
    plain = sum((count - expected) ** 2 for count in counts) / expected
    return ChiSquare("singles", plain * (n - 1) / (n - drawn), n - 1)


def _judge_pairs(draws: Sequence[Sequence[int]], singles: Sequence[int], drawn: int) -> ChiSquare:
    """Count pairs, take off what their singles explain, and scale by the variance that is left.

    Pair counts that sum to nothing over every number vary by p2 - 2 p3 + p4 a round, where p2 is
    the chance of a pair to be drawn, p3 that of three numbers and p4 that of four.
    """
    n, rounds = len(singles), len(draws)
    counts = [0] * (n * n)
    for draw in draws:
        for low, high in combinations(sorted(draw), 2):
            counts[(low - 1) * n + high - 1] += 1
    p2, p3, p4 = (_together(n, drawn, size) for size in (2, 3, 4))
    mean = rounds * drawn / n
    single = [(drawn - 1) * (count - mean) / (n - 2) for count in singles]
    squares = math.fsum(
        (counts[low * n + high] - rounds * p2 - single[low] - single[high]) ** 2
        for low, high in combinations(range(n), 2)
    )
    degrees = n * (n - 1) // 2 - n
    return ChiSquare("pairs", squares / (rounds * (p2 - 2 * p3 + p4)), degrees)


def _together(numbers: int, drawn: int, size: int) -> float:
    """Give the chance that so many chosen numbers are all drawn."""
    return math.perm(drawn, size) / math.perm(numbers, size)


def _judge_gaps(draws: Sequence[Sequence[int]], numbers: int, drawn: int) -> ChiSquare:
    """Sort numbers by the rounds since they last came, and see what each round takes of them."""
    kinds = LONGEST_GAP + 1  # the last one: longer ago, or never
    share, spread = drawn / numbers, drawn * (numbers - drawn) / (numbers - 1)
    ago = [LONGEST_GAP] * numbers
    excess = [0.0] * kinds
    varies = [[0.0] * kinds for _ in range(kinds)]
    for draw in draws:
        sizes = [0] * kinds
        for gap in ago:
            sizes[gap] += 1
        parts = [size / numbers for size in sizes]
        for kind, size in enumerate(sizes):
            excess[kind] -= size * share
            row, part = varies[kind], spread * parts[kind]
            row[kind] += part
            for other, beside in enumerate(parts):
                row[other] -= part * beside
        for number in draw:
            excess[ago[number - 1]] += 1
        ago = [min(gap + 1, LONGEST_GAP) for gap in ago]
        for number in draw:
            ago[number - 1] = 0
    return _quadratic("gaps", excess, varies)


def _judge_order(draws: Sequence[Sequence[int]], drawn: int) -> ChiSquare:
    counts = [[0] * drawn for _ in range(drawn)]
    for draw in draws:
        rank = {number: place for place, number in enumerate(sorted(draw))}
        for place, number in enumerate(draw):
            counts[place][rank[number]] += 1
    mean = len(draws) / drawn
    squares = sum((count - mean) ** 2 for row in counts for count in row)
    return ChiSquare("order", squares * (drawn - 1) / len(draws), (drawn - 1) ** 2)


def _quadratic(name: str, excess: Sequence[float], varies: Sequence[Sequence[float]]) -> ChiSquare:
    """Weigh an excess by its covariance; what never varies says nothing and is left out.

    One kind more is left out, the one that varies most: what is missing elsewhere is in it.
    """
    seen = [kind for kind in range(len(excess)) if varies[kind][kind] > _ENOUGH]
    left = sorted(seen, key=lambda kind: varies[kind][kind])[:-1]
    rows = [[varies[kind][other] for other in left] + [excess[kind]] for kind in left]
    solved = _solved(rows)
    statistic = math.fsum(excess[kind] * value for kind, value in zip(left, solved, strict=True))
    return ChiSquare(name, max(0.0, statistic), len(left))


def _solved(rows: list[list[float]]) -> list[float]:
    """Solve linear equations, each row with its right side last (elimination by largest pivot)."""
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            rows[row] = [
                mine - factor * above for mine, above in zip(rows[row], rows[column], strict=True)
            ]
    found = [0.0] * size
    for row in range(size - 1, -1, -1):
        known = math.fsum(rows[row][other] * found[other] for other in range(row + 1, size))
        found[row] = (rows[row][size] - known) / rows[row][row]
    return found


def upper_tail(statistic: float, degrees: int) -> float:
    """Give the chance that a chi-square with so many degrees is at least this large.

    The incomplete gamma function: its series where the statistic is small, its continued
    fraction (modified Lentz) where it is large.
    """
    a, x = degrees / 2, statistic / 2
    if degrees == 0 or x < _TINY:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        return max(0.0, 1.0 - scale * _series(a, x))
    return min(1.0, scale * _fraction(a, x))


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    for step in range(1, _MOST_STEPS):
        term *= x / (a + step)
        total += term
        if term < total * _ENOUGH:
            break
    return total


def _fraction(a: float, x: float) -> float:
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    value = d
    for step in range(1, _MOST_STEPS):
        numerator = -step * (step - a)
        b += 2
        d = 1 / (numerator * d + b or _TINY)
        c = b + numerator / c or _TINY
        value *= d * c
        if abs(d * c - 1) < _ENOUGH:
            break
    return value
