"""20,000 bets a second arrive, whatever the house answers: how long does each of them wait?"""

from typing import Final

from benchmarks.betting import PLAYERS, ROOMS, bet
from benchmarks.driving import Driven, open_loop
from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from benchmarks.measuring import percentiles_ms
from benchmarks.stage import Stage, inspected, staged
from rooms.processes.compose import House

ASKS: Final = "20,000 bets/s arrive at their time; latency counts from the due time"
OFFERED: Final = 20_000
PATIENCE: Final = 2.0
WARMING: Final = 64
"""How many are in flight before the arrivals begin."""
TARGETS: Final = {
    "bets_open_loop": Target(unit="bets/s", ratio=True),
    "bets_open_loop/p99": Target(unit="ms", least=True),
    "bets_open_loop/cut_off": Target(unit="bets", least=True),
    **inspected("bets_open_loop"),
}


async def measure(lab: Lab) -> list[Figure]:
    """Offer bets to a running house of this process at a fixed rate."""
    extent = lab.extent
    await lab.prepare_reference()
    players, rooms = extent.of(PLAYERS, least=1000), extent.of(ROOMS, least=5)
    async with staged(lab, "bets_open_loop", players=players, rooms=rooms) as stage:
        async with stage.house() as house:
            answers = await lab.runs(lambda: _offer(stage, house))
        driven = [each for each, _ in answers]
        times = [percentiles_ms(each.latencies, 0.5, 0.99, 0.999) for each in driven]
        return [
            lab.figure(
                "bets_open_loop",
                [each.per_second for each in driven],
                [ref8 for _, ref8 in answers],
                [{"offered": float(extent.of(OFFERED, least=100)), **each} for each in times],
            ),
            lab.figure("bets_open_loop/p99", [each["p99_ms"] for each in times]),
            lab.figure("bets_open_loop/cut_off", [each.cut_off for each in driven]),
            *await stage.inspect("bets_open_loop"),
        ]


async def _offer(stage: Stage, house: House) -> Driven:
    bets, place, tell = stage.bets, house.rooms.place_bet, stage.told.append

    async def one(number: int) -> None:
        await place(bets.command(number))
        tell(number)

    extent = stage.lab.extent
    (await bet(stage, house, WARMING, extent.seconds / 5)).require_answers()
    driven = await open_loop(
        one,
        stage.numbers,
        per_second=extent.of(OFFERED, least=100),
        seconds=extent.seconds,
        patience=PATIENCE,
    )
    driven.require_answers()
    return driven
