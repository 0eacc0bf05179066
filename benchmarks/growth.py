"""Does the house become slower with the bets that it has stored? 10^4, 10^6, 10^7 of them."""

from typing import Final

from benchmarks.betting import PLAYERS, ROOMS, bet_rate
from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from benchmarks.stage import OWNER, Stage, inspected, staged
from benchmarks.stock import stock_bets, tidy

ASKS: Final = "bets/s in one process, 1,024 in flight, on top of so many stored bets"
STORED: Final = {"1e4": 10_000, "1e6": 1_000_000, "1e7": 10_000_000}
IN_FLIGHT: Final = 1024
TARGETS: Final = {
    **{f"growth/{name}": Target(unit="bets/s", ratio=True) for name in STORED},
    **inspected("growth"),
}


async def measure(lab: Lab) -> list[Figure]:
    """Fill the same database further and bet again."""
    extent, figures = lab.extent, []
    await lab.prepare_reference()
    rooms = extent.of(ROOMS, least=20)
    # A player bets once in a room: twice as many bets as are stored must be possible.
    players = extent.of(PLAYERS, least=2 * extent.of(max(STORED.values())) // rooms)
    in_flight = extent.of(IN_FLIGHT, least=16)
    async with staged(lab, "growth", players=players, rooms=rooms) as stage:
        for name, count in STORED.items():
            await _store(stage, extent.of(count, least=50))
            async with stage.house() as house, lab.connected(stage.database) as database:
                answers = await lab.runs(lambda: bet_rate(stage, house, database, in_flight))
            figures += lab.rates(f"growth/{name}", answers)
        return [*figures, *await stage.inspect("growth")]


async def _store(stage: Stage, count: int) -> None:
    """Fill up to so many bets; the next ones follow them."""
    first = next(stage.numbers)
    missing = range(first, max(first + 1, count))
    stage.lab.say(f"storing {len(missing):,} bets")
    async with stage.lab.connected(stage.database, OWNER) as owner:
        await stock_bets(owner, stage.bets, missing)
        await tidy(owner)
    for _ in missing[1:]:
        next(stage.numbers)
