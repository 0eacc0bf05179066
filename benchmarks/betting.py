"""Bets that are placed in a house of this process, and what they took."""

import os
from collections.abc import Iterator
from typing import Final

from benchmarks.driving import Driven, closed_loop
from benchmarks.figures import Rate
from benchmarks.measuring import counting_costs, percentiles_ms
from benchmarks.stage import Stage
from rooms.platform.database import Database
from rooms.processes.compose import House

PLAYERS: Final = 50_000
ROOMS: Final = 1_000
NEWEST: Final = "SELECT coalesce(max(id), 0) FROM parimutuel.bets"
TRANSACTIONS: Final = "SELECT count(DISTINCT xmin::text) FROM parimutuel.bets WHERE id > $1"


async def bet(
    stage: Stage,
    house: House,
    in_flight: int,
    seconds: float,
    numbers: Iterator[int] | None = None,
) -> Driven:
    """Place bets with so many in flight and note those that the house has acknowledged.

    They are the stage's next ones unless ``numbers`` says which.
    """
    bets, place, tell = stage.bets, house.rooms.place_bet, stage.told.append

    async def one(number: int) -> None:
        await place(bets.command(number))
        tell(number)

    chosen = stage.numbers if numbers is None else numbers
    return await closed_loop(one, chosen, in_flight=in_flight, seconds=seconds)


async def bet_rate(stage: Stage, house: House, database: Database, in_flight: int) -> Rate:
    """Warm up, then bet; tell besides what a bet cost and how many one transaction held."""
    seconds = stage.lab.extent.seconds
    (await bet(stage, house, in_flight, seconds / 5)).require_answers()
    newest = await _value(database, NEWEST)
    async with counting_costs(database, python=os.getpid(), postgres=stage.lab.server.pid) as costs:
        driven = await bet(stage, house, in_flight, seconds)
    driven.require_answers()
    count = len(driven.latencies)
    batch = count / max(await _value(database, TRANSACTIONS, newest), 1)
    times = percentiles_ms(driven.latencies, 0.5, 0.99)
    return Rate(driven.per_second, {**times, **costs.per(count), "batch": batch})


async def _value(database: Database, statement: str, *values: int) -> int:
    async with database.transaction() as tx:
        return int(await tx.value(statement, *values))
