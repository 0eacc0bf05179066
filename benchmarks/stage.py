"""A living house to bet in: players with referrers, open rooms, price sources that answer."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from benchmarks.bets import Bets
from benchmarks.feeds import Feeds, price_feeds
from benchmarks.figures import Figure, Target
from benchmarks.inspection import count_lost, count_wrong, lost_bets, wrong_books
from benchmarks.lab import Lab
from benchmarks.settings import settings_for
from benchmarks.stock import stock_players, tidy
from rooms.contexts.parimutuel.api import OpenRoom
from rooms.kernel.ids import CommandKey, PlayerId
from rooms.platform.migrate import ROLES
from rooms.processes.catalogue import CONTEXTS
from rooms.processes.compose import House, open_house
from rooms.processes.loop import keep_what_is_loaded
from rooms.processes.run import running

OWNER: Final = ROLES[0]
AT_ONCE: Final = 50
HANGING: Final = 60.0
OPEN_FOR: Final = timedelta(hours=20)
FAR_AWAY: Final = {
    "type": "coin_price",
    "asset": "SOL",
    "direction": "at_or_above",
    "target": "1000",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A database that is ready to bet in. ``told`` collects the numbers of acknowledged bets."""

    lab: Lab
    database: str
    feeds: Feeds
    bets: Bets
    numbers: Iterator[int]
    told: "array[int]" = field(default_factory=lambda: array("q"))

    @property
    def url(self) -> str:
        """The database's address; the server's port changes when it is started again."""
        return self.lab.server.url(self.database)

    @asynccontextmanager
    async def house(self, modules: Sequence[str] = CONTEXTS) -> AsyncIterator[House]:
        """Run the house in this process, as ``rooms up`` does."""
        settings = settings_for(self.lab.folder, self.feeds)
        async with open_house(settings, self.url) as house, running(house, modules):
            keep_what_is_loaded()
            yield house

    async def inspect(self, name: str) -> list[Figure]:
        """Look for every acknowledged bet in the database, and check the books."""
        return [
            await count_lost(self.lab, name, self.database, self.bets, self.told),
            await count_wrong(self.lab, name, self.database),
        ]


def inspected(name: str) -> dict[str, Target]:
    """Give the targets of ``Stage.inspect`` in a benchmark of this name."""
    return {**lost_bets(name), **wrong_books(name)}


@asynccontextmanager
async def staged(lab: Lab, database: str, *, players: int, rooms: int) -> AsyncIterator[Stage]:
    """Stock a database of its own with players and open rooms; the sources answer while inside."""
    await lab.server.make_database(database)
    lab.say(f"signing up {players:,} players")
    async with lab.connected(database, OWNER) as owner:
        first = await stock_players(owner, players)
    async with price_feeds(lab.folder) as feeds:
        lab.say(f"opening {rooms:,} rooms")
        settings = settings_for(lab.folder, feeds)
        async with (
            open_house(settings, lab.server.url(database)) as house,
            running(house, ["oracle"]),
        ):
            bets = Bets(first, players, await open_rooms(house, first, [FAR_AWAY] * rooms))
            await _bet_in_each(house, bets)
        async with lab.connected(database) as admin:
            await tidy(admin)
        yield Stage(lab, database, feeds, bets, iter(range(rooms, bets.most)))


async def open_rooms(house: House, host: int, markets: Sequence[Mapping[str, Any]]) -> list[int]:
    """Open a touch room for each question, for many hours; one bet will do to open it."""

    async def one(number: int, market: Mapping[str, Any]) -> int:
        room = OpenRoom(
            host=PlayerId(host),
            title=f"Room {number} of a benchmark",
            market=market,
            resolve="touch",
            settles_in=OPEN_FOR,
            settles_at=None,
            lock_fraction=None,
            min_players=1,
            key=CommandKey("benchmark", uuid4().hex, b""),
        )
        return int((await house.rooms.open_room(room)).value.id)

    opened: list[int] = []
    for start in range(0, len(markets), AT_ONCE):
        some = enumerate(markets[start : start + AT_ONCE], start)
        opened += await asyncio.gather(*(one(number, market) for number, market in some))
    return opened


async def _bet_in_each(house: House, bets: Bets) -> None:
    """Place the first bets, which go to each room once and open it."""
    for start in range(0, len(bets.rooms), AT_ONCE):
        some = range(start, min(len(bets.rooms), start + AT_ONCE))
        await asyncio.gather(*(house.rooms.place_bet(bets.command(number)) for number in some))


async def stop_server_under(lab: Lab, load: Callable[[], Awaitable[object]]) -> None:
    """Stop the server immediately in the middle of a load; end when the load has ended too.

    A server that is not ours goes on.
    """
    if lab.server.embedded is None:
        lab.say("this server is not stopped: it is not ours")
        return
    lab.say("stopping PostgreSQL immediately under load")
    loading = asyncio.ensure_future(load())
    await asyncio.sleep(lab.extent.seconds)
    await asyncio.to_thread(lab.server.stop_immediately)
    # Who waits for the server to come back waits in vain: it comes back on another port.
    ended, _ = await asyncio.wait({loading}, timeout=HANGING)
    if ended:
        loading.result()
    else:
        loading.cancel()
        await asyncio.wait({loading})
