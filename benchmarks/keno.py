"""How many rounds of keno a second are sold, locked, drawn and paid, and how late do they lock?"""

import asyncio
import os
import random
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any, Final, cast
from uuid import uuid4

from benchmarks.driving import closed_loop
from benchmarks.feeds import Feeds, price_feeds
from benchmarks.figures import Figure, Rate, Target
from benchmarks.inspection import count_wrong, wrong_books
from benchmarks.lab import Lab
from benchmarks.measuring import counting_costs, percentile_ms
from benchmarks.settings import settings_for
from benchmarks.stage import OWNER
from benchmarks.stock import stock_players, tidy
from rooms.contexts.keno.api import BuyTickets, GameTerms
from rooms.contexts.keno.workers import RoundClock
from rooms.kernel.ids import CommandKey, PlayerId
from rooms.kernel.money import SOL, lamports
from rooms.platform.database import Database
from rooms.processes.compose import House, open_house
from rooms.processes.run import running

ASKS: Final = "rounds/s with 0 to 1,000 tickets each: sold, in the log, locked, drawn and paid"
PLAYERS: Final = 20_000
# So many games lock a round with so many tickets at the same moment.
GAMES: Final = {0: 2_000, 1: 2_000, 10: 1_000, 100: 200, 1_000: 20}
CLOCKED: Final = (1, 100, 1_000)
FLOORS: Final = {0: (10_000, 45_000), 100: (580, 1_157)}
IN_FLIGHT: Final = 1_024
# Long enough to sell a round's tickets; a look at whether it runs needs no such time.
INTERVAL: Final = timedelta(seconds=8)
SHORT: Final = timedelta(seconds=3)
GUARD: Final = timedelta(seconds=1)
STAKE: Final = 1_000_000
FUNDS: Final = 10**18
TARGETS: Final = {
    **{
        f"keno/{tickets}": Target(unit="rounds/s", floor=floor, aim=aim)
        for tickets, (floor, aim) in {
            each: FLOORS.get(each, (None, None)) for each in GAMES
        }.items()
    },
    **{f"keno/late/{games}": Target(unit="ms", least=True) for games in CLOCKED},
    **wrong_books("keno"),
}
PAYTABLE: Final = {
    "1": ["0", "3.8"],
    "2": ["0", "1", "9.5"],
    "3": ["0", "0.5", "2", "33"],
    "4": ["0", "0.5", "1.5", "4", "80"],
    "5": ["0", "0.5", "1", "3", "12", "125"],
}
TERMS: Final = GameTerms(
    interval=INTERVAL,
    lead=timedelta(milliseconds=500),
    guard=GUARD,
    entropy="none",
    paytable=PAYTABLE,
    stake_min=STAKE,
    stake_max=1_000 * STAKE,
    stake_step=STAKE,
    max_win=10**15,
    round_limit=10**16,
)
# When each round was scheduled to lock, and when it was locked.
LOCKED: Final = """
    SELECT extract(epoch FROM fact.at) * 1000
           - (terms.epoch_ms + ((locked ->> 2)::bigint - terms.first_round) * terms.interval_ms
              + terms.interval_ms - terms.lead_ms) AS late
    FROM platform.outbox AS fact
    CROSS JOIN LATERAL jsonb_array_elements(fact.body -> 'rounds') AS locked
    JOIN keno.games AS game ON game.game = locked ->> 0
    JOIN keno.terms AS terms ON terms.game_id = game.id
    WHERE fact.kind = 'RoundsLocked'
"""


@dataclass(slots=True)
class Table:
    """A house with games whose rounds lock together, and a clock that is turned by hand."""

    lab: Lab
    house: House
    players: range
    games: list[str]
    keys: "count[int]" = field(default_factory=count)

    @property
    def clock(self) -> RoundClock:
        """The clock of the only shard."""
        (worker,) = self.house.modules["keno"].workers
        return cast("RoundClock", worker.run.__self__)  # type: ignore[attr-defined]  # a bound method

    async def turn(self, tickets: int, database: Database) -> Rate:
        """Sell so many tickets for a round of each game, wait for its lock, draw and pay it."""
        number = await self._opened()
        pid = self.lab.server.pid
        async with counting_costs(database, python=os.getpid(), postgres=pid) as costs:
            sold = await self._sell(tickets, number)
            view = await self.house.keno.round(self.games[0], number)
            assert view.status == "OPEN", "more tickets than can be sold in a round"
            await self._until(view.locks_at.timestamp() + (GUARD.total_seconds() + 0.1))
            begun = time.perf_counter()
            await self._process()
            paid = time.perf_counter() - begun
        rounds = len(self.games)
        (last,) = [await self.house.keno.round(self.games[-1], number)]
        assert (last.status, last.tickets) == ("SETTLED", tickets)
        details = {
            "selling_ms": sold * 1000,
            "drawing_and_paying_ms": paid * 1000,
            "tickets_per_second": rounds * tickets / (sold + paid),
            **costs.per(max(rounds * tickets, rounds)),
        }
        return Rate(rounds / (sold + paid), details)

    async def _opened(self) -> int:
        """Wait for a round that has just opened."""
        view = await self.house.keno.game(self.games[0])
        following = view.round + 1
        opens_at = (await self.house.keno.round(self.games[0], following)).opens_at
        await self._until(opens_at.timestamp())
        await self.clock.tick()
        return following

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - time.time()))

    async def _sell(self, tickets: int, number: int) -> float:
        chance = random.Random(number)
        commands = [
            self._command(game, number, chance) for game in self.games for _ in range(tickets)
        ]
        if not commands:
            return 0.0
        begun = time.perf_counter()

        async def one(place: int) -> None:
            await self.house.keno.buy(commands[place])

        driven = await closed_loop(
            one, iter(range(len(commands))), in_flight=IN_FLIGHT, seconds=3600
        )
        driven.require_answers()
        return time.perf_counter() - begun

    def _command(self, game: str, number: int, chance: random.Random) -> BuyTickets:
        spots = chance.randint(1, 5)
        return BuyTickets(
            game=game,
            player=PlayerId(chance.choice(self.players)),
            picks=tuple(chance.sample(range(1, 81), spots)),
            quick_pick=None,
            stake=lamports(STAKE * chance.randint(1, 10)),
            rounds=1,
            first_round=number,
            key=f"ticket-{next(self.keys)}",
        )

    async def _process(self) -> None:
        """Lock what is due, draw it and pay it, as the clock's loops do."""
        await self.clock.lock()
        while await self.clock.draw() is not None:
            pass
        while await self.clock.pay() is not None:
            pass


async def measure(lab: Lab) -> list[Figure]:
    """Turn rounds by hand with 0 to 1,000 tickets; then let the clock run and look how late."""
    figures: list[Figure] = []
    await lab.prepare_reference()
    async with price_feeds(lab.folder) as feeds:
        for tickets, games in GAMES.items():
            lab.say(f"{tickets:,} tickets in a round of {lab.extent.of(games):,} games")
            figures.append(await _rate(lab, feeds, tickets, lab.extent.of(games)))
        figures += [await _lateness(lab, feeds, games) for games in CLOCKED]
    return [*figures, await count_wrong(lab, "keno", "keno_100")]


async def _rate(lab: Lab, feeds: Feeds, tickets: int, games: int) -> Figure:
    database = f"keno_{tickets}"
    async with (
        _table(
            lab, feeds, database, games, _every(INTERVAL if lab.extent.full else SHORT)
        ) as table,
        running(table.house, ["fairness"]),
        lab.connected(database) as admin,
    ):
        await table.turn(min(tickets, 10), admin)  # what is done once is done
        answers = await lab.runs(partial(table.turn, tickets, admin))
    return lab.rates(f"keno/{tickets}", answers)[0]


async def _lateness(lab: Lab, feeds: Feeds, games: int) -> Figure:
    """Let the clock run as under ``rooms up``, with games that lock every two seconds."""
    database, asked = f"keno_late_{games}", lab.extent.of(games)
    terms = _every(timedelta(seconds=2))
    lab.say(f"the clock runs {asked:,} games")
    async with _table(lab, feeds, database, asked, terms) as table:
        async with running(table.house, ["fairness", "keno"]):
            await asyncio.sleep(max(5.0, 3 * lab.extent.seconds))
        async with lab.connected(database) as admin, admin.snapshot() as tx:
            late = sorted(float(row["late"]) / 1000 for row in await tx.fetch(LOCKED))
    p99 = percentile_ms(_array(late), 0.99)
    return lab.figure(f"keno/late/{games}", [p99], details=[{"locks": float(len(late))}])


def _every(interval: timedelta) -> GameTerms:
    return replace(TERMS, interval=interval)


def _array(values: list[float]) -> "array[float]":
    return array("d", values)


@asynccontextmanager
async def _table(
    lab: Lab, feeds: Feeds, database: str, games: int, terms: GameTerms
) -> AsyncIterator[Table]:
    """Stock a database with players, and make games that all begin at the same moment."""
    await lab.server.make_database(database)
    async with lab.connected(database, OWNER) as owner:
        players = lab.extent.of(PLAYERS, least=200)
        first = await stock_players(owner, players)
    changes: dict[str, dict[str, Any]] = {
        "keno": {"without_entropy": True},
        "fairness": {"master_key": "07" * 32, "chain_length": 1_000},
    }
    settings = settings_for(lab.folder, feeds, changes)
    async with open_house(settings, lab.server.url(database)) as house:
        await house.keno.fund(lamports(FUNDS), by=None, key=CommandKey("bench", uuid4().hex, b""))
        names = [f"bench-{number}" for number in range(games)]
        begins = time.time() + 2 + games / 150
        for name in names:
            starts_in = timedelta(seconds=begins - time.time())
            await house.keno.create_game(name, SOL, terms, starts_in=starts_in, by=None)
        async with lab.connected(database) as admin:
            await tidy(admin)
        yield Table(lab, house, range(first, first + players), names)
