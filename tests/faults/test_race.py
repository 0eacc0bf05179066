"""Who races: each attempt ends as it may, and afterwards the books and the files are right."""

import pytest

from rooms.platform.postgres import Dsn
from tests.torture.race import run_races

SEED = 20_260
# 5,000 attempts, as many of each kind as its findings are worth.
EACH = {
    "settlers": 1_500,
    "lock": 700,
    "hit": 700,
    "first": 400,
    "twins": 600,
    "withdrawal": 500,
    "holds": 300,
    "keno lock": 200,
}
MIXED = 300


@pytest.mark.parametrize("heat", EACH)
async def test_every_attempt_of_a_race_ends_as_it_may(dsn: Dsn, heat: str) -> None:
    track = await run_races(dsn, EACH[heat], SEED, heats=[heat])

    assert track.wrong == [], f"seed {SEED}"
    assert track.attempts >= EACH[heat]


async def test_races_of_all_kinds_at_once_leave_the_books_right(dsn: Dsn) -> None:
    track = await run_races(dsn, MIXED, SEED)

    assert track.wrong == [], f"seed {SEED}"
