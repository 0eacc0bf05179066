"""How long is a tick of the oracle over 500 assets, and whom does it keep waiting?"""

import time
from dataclasses import dataclass
from typing import Final

from benchmarks.feeds import price_feeds
from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from benchmarks.measuring import LongestHold, watching_the_loop
from benchmarks.settings import settings_for
from benchmarks.stage import OWNER, open_rooms
from benchmarks.stock import stock_players
from benchmarks.waiting import until
from rooms.platform.database import Database
from rooms.processes.compose import House, open_house
from rooms.processes.loop import keep_what_is_loaded
from rooms.processes.run import running

ASKS: Final = (
    "a tick over 500 assets: asked, agreed on, stored, decided; 4 sources, one request each"
)
ASSETS: Final = 500
TARGETS: Final = {
    "oracle_tick": Target(unit="ms", least=True),
    "oracle_tick/held": Target(unit="ms", floor=20, least=True),
    "oracle_tick/priced": Target(unit="of the assets", floor=1, aim=1),
}
DATABASE: Final = "oracle_tick"
NEWEST: Final = "SELECT coalesce(max(id), 0) FROM oracle.ticks"
AFTER: Final = "SELECT coalesce(min(id), 0) FROM oracle.ticks WHERE id > $1"
SEEN: Final = "SELECT count(*) FROM oracle.observations WHERE tick_id = $1"


async def measure(lab: Lab) -> list[Figure]:
    """Let the oracle begin to lead, again and again, and wait for its first tick each time."""
    await lab.server.make_database(DATABASE)
    assets = [f"T{number}" for number in range(lab.extent.of(ASSETS, least=5))]
    async with lab.connected(DATABASE, OWNER) as owner, price_feeds(lab.folder) as feeds:
        host = await stock_players(owner, 1)
        lab.say(f"opening rooms about {len(assets)} assets")
        await feeds.set_price(*assets, price="100")
        async with open_house(settings_for(lab.folder, feeds), lab.server.url(DATABASE)) as house:
            await open_rooms(house, host, [_question(asset) for asset in assets])
            await _tick(house, owner)  # it opens the connections
            keep_what_is_loaded()
            ticks = []
            for number in range(1, lab.extent.runs + 1):
                lab.say(f"run {number} of {lab.extent.runs}")
                ticks.append(await _tick(house, owner))
    return [
        lab.figure("oracle_tick", [tick.took for tick in ticks]),
        lab.held("oracle_tick/held", [tick.held for tick in ticks]),
        lab.figure("oracle_tick/priced", [tick.priced / len(assets) for tick in ticks]),
    ]


def _question(asset: str) -> dict[str, str]:
    return {
        "type": "coin_price",
        "asset": asset,
        "direction": "at_or_above",
        "target": "110",
    }


@dataclass(frozen=True, slots=True)
class Tick:
    """How long it took from the start to its commit, the longest hold, and how many it priced."""

    took: float
    held: LongestHold
    priced: int


async def _tick(house: House, owner: Database) -> Tick:
    before = await _value(owner, NEWEST)
    async with watching_the_loop() as longest:
        began = time.perf_counter()
        async with running(house, ["oracle"]):
            tick = await until(lambda: _value(owner, AFTER, before), every=0.005)
            took = time.perf_counter() - began
    return Tick(took * 1000, longest, await _value(owner, SEEN, tick))


async def _value(owner: Database, statement: str, *values: int) -> int:
    async with owner.transaction() as tx:
        return int(await tx.value(statement, *values))
