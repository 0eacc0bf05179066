"""How long does it take to pay a room of 10,000, 100,000, a million bets, and who waits for it?"""

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from benchmarks.bare_payment import BarePayment
from benchmarks.bets import Bets
from benchmarks.feeds import Feeds, price_feeds
from benchmarks.figures import Figure, Target
from benchmarks.inspection import count_wrong, wrong_books
from benchmarks.lab import Lab
from benchmarks.measuring import Costs, LongestHold, counting_costs, watching_the_loop
from benchmarks.settings import settings_for
from benchmarks.stage import OWNER, open_rooms
from benchmarks.stock import stock_bets, stock_players, tidy
from benchmarks.waiting import until
from rooms.contexts.parimutuel.service.rooms import RoomsService
from rooms.kernel.ids import RoomId
from rooms.platform.database import Database
from rooms.platform.outbox import Delivery
from rooms.processes.compose import House, open_house
from rooms.processes.run import running

ASKS: Final = "the payout transaction of a room: payouts, rewards, fees, entries, facts"
SIZES: Final = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000}
HELD: Final = Target(unit="ms", floor=20, least=True)
TARGETS: Final = {
    "settlement/10k": Target(unit="ms", floor=60, aim=15, least=True),
    "settlement/10k/held": HELD,
    "settlement/100k": Target(unit="ms", floor=350, aim=150, least=True),
    "settlement/100k/held": HELD,
    "settlement/1M": Target(unit="ms", floor=3500, aim=1700, least=True),
    "settlement/1M/held": HELD,
    **wrong_books("settlement"),
}
DATABASE: Final = "settlement"
COIN: Final = "BENCH"
TOUCH: Final = {
    "type": "coin_price",
    "asset": COIN,
    "direction": "at_or_above",
    "target": "110",
}
# The oracle is only what decides here: it may look often, and bets count up to the touch.
QUICK: Final = {
    "oracle": {"interval": timedelta(milliseconds=100)},
    "parimutuel": {"past_post_window": timedelta()},
}


@dataclass(frozen=True, slots=True)
class Settlements:
    """A house without its clock, so that a decided room waits until it is asked to pay."""

    lab: Lab
    house: House
    feeds: Feeds
    owner: Database
    host: int
    bare: BarePayment

    async def measure(self, name: str, count: int) -> list[Figure]:
        """Pay a new room of so many bets in each run."""
        times, holds, details = [], [], []

        async def run() -> None:
            room = await self._decided(count)
            took, hold, costs = await self._pay(room)
            await self._require_paid(room, count)
            bare = await self.bare.pay_as(f"settle:{room}")
            times.append(took)
            holds.append(hold)
            beside = {"bare_ms": bare, "times_bare": took / bare}
            details.append({"bets_per_second": count * 1000 / took, **beside, **costs.per(count)})

        references = [ref8 for _, ref8 in await self.lab.runs(run)]
        return [
            self.lab.figure(f"settlement/{name}", times, references, details),
            self.lab.held(f"settlement/{name}/held", holds),
        ]

    async def _decided(self, count: int) -> RoomId:
        """Open a room, stock it with bets, and let its target be touched."""
        await self.feeds.set_price(COIN, price="100")
        rooms = await open_rooms(self.house, self.host, [TOUCH])
        self.lab.say(f"placing {count:,} bets")
        bets = Bets(self.host, count, rooms)
        await self.house.rooms.place_bet(bets.command(0))  # it opens the room
        await stock_bets(self.owner, bets, range(1, count))
        await tidy(self.owner)
        async with running(self.house, ["oracle"]):
            await until(lambda: self._says(LOOKED, f"room:{rooms[0]}"), every=0.02)
            await self.feeds.set_price(COIN, price="111")
            (decide,) = self.house.modules["parimutuel"].consumers
            delivery = Delivery(self.house.database, decide)
            await until(delivery.deliver_batch, every=0.02)
        return RoomId(rooms[0])

    async def _says(self, statement: str, subject: str | int) -> bool:
        async with self.owner.transaction() as tx:
            return bool(await tx.value(statement, subject))

    async def _pay(self, room: RoomId) -> tuple[float, LongestHold, Costs]:
        """Give how long the transaction took, milliseconds, how long it held the loop, its cost."""
        rooms = self.house.rooms
        assert isinstance(rooms, RoomsService), "the payout without the view of the room after it"
        counting = counting_costs(self.owner, python=os.getpid(), postgres=self.lab.server.pid)
        async with counting as costs, watching_the_loop() as longest:
            began = time.perf_counter()
            paid = await rooms.settling.pay(room)
            took = time.perf_counter() - began
        assert paid, "it was decided and not yet paid"
        return took * 1000, longest, costs

    async def _require_paid(self, room: RoomId, count: int) -> None:
        async with self.owner.transaction() as tx:
            paid = await tx.row(PAID, room)
        assert paid is not None, "a settled room has its settlement"
        assert (paid["bets"], paid["scratched"]) == (count, 0), "every bet has counted"
        assert paid["rewards"] > 0, "uplines were rewarded"
        assert paid["host_fee"] > 0, "the host was paid"


# Bets after the last look before a touch are scratched, and here every bet is to count.
LOOKED: Final = """
    SELECT watch.clear_at > max(bet.accepted_at)
    FROM oracle.watches AS watch
    JOIN parimutuel.bets AS bet ON 'room:' || bet.room_id = watch.subject
    WHERE watch.subject = $1 GROUP BY watch.clear_at
"""
PAID: Final = (
    "SELECT bets, scratched, rewards, host_fee FROM parimutuel.settlements WHERE room_id = $1"
)


async def measure(lab: Lab) -> list[Figure]:
    """Decide rooms as the oracle does and time only what pays them."""
    await lab.prepare_reference()
    await lab.server.make_database(DATABASE)
    sizes = {name: lab.extent.of(count, least=20) for name, count in SIZES.items()}
    async with (
        lab.connected(DATABASE, OWNER) as owner,
        price_feeds(lab.folder) as feeds,
        open_house(settings_for(lab.folder, feeds, QUICK), lab.server.url(DATABASE)) as house,
    ):
        players = max(sizes.values())
        lab.say(f"signing up {players:,} players")
        host = await stock_players(owner, players)
        bare = BarePayment(owner)
        await bare.prepare()
        settlements = Settlements(lab, house, feeds, owner, host, bare)
        figures = []
        for name, count in sizes.items():
            figures += await settlements.measure(name, count)
    return [*figures, await count_wrong(lab, "settlement", DATABASE)]
