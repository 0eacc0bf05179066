"""Is one room that everybody bets in as fast as a thousand rooms?"""

from collections.abc import Iterator
from typing import Final

from benchmarks.betting import bet
from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from benchmarks.stage import inspected, staged

ASKS: Final = "bets/s in one hot room, as a part of bets/s over 1,000 rooms"
PLAYERS: Final = 400_000
ROOMS: Final = 1_000
IN_FLIGHT: Final = 256
TARGETS: Final = {
    "hot_room": Target(unit="of the rate in 1,000 rooms", floor=0.9, aim=0.98),
    **inspected("hot_room"),
}


async def measure(lab: Lab) -> list[Figure]:
    """Bet in a room of each run's own, and in all the others directly before and after."""
    extent = lab.extent
    rooms = extent.of(ROOMS, least=5) + extent.runs
    players = extent.of(PLAYERS, least=1000)
    async with staged(lab, "hot_room", players=players, rooms=rooms) as stage:
        hot = frozenset(stage.bets.rooms[: extent.runs])
        others = (number for number in stage.numbers if stage.bets.room(number) not in hot)
        in_flight = extent.of(IN_FLIGHT, least=16)

        async def rate(numbers: Iterator[int]) -> float:
            driven = await bet(stage, house, in_flight, extent.seconds, numbers)
            driven.require_answers()
            return driven.per_second

        parts, rates = [], []
        async with stage.house() as house:
            before = await rate(others)
            for place in range(extent.runs):
                lab.say(f"run {place + 1} of {extent.runs}")
                rates.append(await rate(stage.bets.in_room(place)))
                after = await rate(others)
                parts.append(2 * rates[-1] / (before + after))
                before = after
        details = [{"bets_per_second": each} for each in rates]
        return [
            lab.figure("hot_room", parts, details=details),
            *await stage.inspect("hot_room"),
        ]
