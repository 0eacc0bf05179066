"""A million tickets, drawn as rounds are, are paid what the exact law says within its own interval."""

import math
import random
from collections import Counter
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from rooms.proof.chain import seeds_down
from rooms.proof.draw import catches, draw, mask
from rooms.proof.paytable import chance, parse_toml, worth

PAYTABLES = sorted(Path("src/rooms/proof/paytables").glob("*.toml"))
TICKETS = 100_000  # of each number of spots: a million and more for every paytable
ROUNDS = 20_000
WIDTH = 4.5  # standard errors: once in 150,000 where the law is right


@cache
def drawn() -> list[int]:
    return [
        mask(draw(seed, "simulated", number, ""))
        for number, seed in enumerate(seeds_down(bytes(32), ROUNDS))
    ]


@cache
def caught(spots: int) -> Counter[int]:
    """How often each number of catches came, over tickets with picks by chance."""
    picked = random.Random(spots)
    bits = [1 << place for place in range(80)]
    rounds = drawn()
    return Counter(
        catches(sum(picked.sample(bits, spots)), rounds[place % ROUNDS]) for place in range(TICKETS)
    )


@pytest.mark.parametrize("file", PAYTABLES, ids=lambda file: str(file.stem))
def test_a_million_tickets_of_a_paytable_agree_with_its_exact_rtp(file: Path) -> None:
    table = parse_toml(file.read_text())
    for spots, row in table.multipliers.items():
        found, exact = caught(spots), worth(row)
        paid = sum((count * row[hits].value for hits, count in found.items()), Fraction())
        error = math.sqrt(exact.variance / TICKETS)
        assert abs(float(paid / TICKETS - exact.rtp)) < WIDTH * error, spots
    assert len(table.spots) * TICKETS >= 1_000_000


@pytest.mark.parametrize("spots", range(1, 16))
def test_catches_come_as_often_as_the_law_says(spots: int) -> None:
    for hits in range(spots + 1):
        expected = chance(spots, hits)
        error = math.sqrt(float(expected * (1 - expected)) * TICKETS)
        if error > 3:  # rarer ones are not normal enough to have an interval
            assert abs(caught(spots)[hits] - TICKETS * expected) < WIDTH * error
