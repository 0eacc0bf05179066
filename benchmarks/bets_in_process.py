"""How many bets a second does one process take, with 64, 256 and 1,024 in flight?"""

from functools import partial
from typing import Final

from benchmarks.betting import PLAYERS, ROOMS, bet, bet_rate
from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from benchmarks.stage import inspected, staged, stop_server_under

ASKS: Final = "durable bets/s, whole domain code, one process, so many in flight"
IN_FLIGHT: Final = (64, 256, 1024)
TARGETS: Final = {
    "bets_in_process/64": Target(unit="bets/s", ratio=True),
    "bets_in_process/256": Target(unit="bets/s", ratio=True),
    "bets_in_process/1024": Target(unit="bets/s", floor=8, aim=15, ratio=True),
    "bets_in_process/1024/p99": Target(unit="ms", floor=40, aim=25, least=True),
    **inspected("bets_in_process"),
}


async def measure(lab: Lab) -> list[Figure]:
    """Bet in a running house of this process; at the end its server is stopped under load."""
    extent, figures = lab.extent, []
    await lab.prepare_reference()
    players, rooms = extent.of(PLAYERS, least=1000), extent.of(ROOMS, least=5)
    async with staged(lab, "bets_in_process", players=players, rooms=rooms) as stage:
        async with stage.house() as house, lab.connected(stage.database) as database:
            for many in IN_FLIGHT:
                in_flight = extent.of(many, least=16)
                lab.say(f"{in_flight} in flight")
                answers = await lab.runs(partial(bet_rate, stage, house, database, in_flight))
                figures += lab.rates(f"bets_in_process/{many}", answers)
            await stop_server_under(lab, lambda: bet(stage, house, in_flight, 2 * extent.seconds))
        lab.server.start_again()
        return [*figures, *await stage.inspect("bets_in_process")]
