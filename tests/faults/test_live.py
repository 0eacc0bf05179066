"""Whose connections are cut and whose gateways are killed ends with exactly the house's state."""

from rooms.platform.postgres import Dsn
from tests.torture.live import watch

SEED = 20_261


async def test_every_client_ends_with_the_truth_and_nothing_is_told_twice(dsn: Dsn) -> None:
    found = await watch(dsn.app, 16, SEED, 4)

    assert found.wrong == [], f"seed {SEED}"
    assert found.counts["gateways killed"] >= 1
    assert found.counts["resumed"] > 0
    assert found.counts["round.drawn"] > 0
