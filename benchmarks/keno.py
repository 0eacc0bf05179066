"""How many rounds of keno a second are sold, locked, drawn and paid, and how late do they lock?"""

import asyncio
import os
import random
import time
from array import array
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple, cast
from uuid import uuid4

from benchmarks import keno_catch_up
from benchmarks.driving import closed_loop
from benchmarks.feeds import Feeds, price_feeds
from benchmarks.figures import Figure, Rate, Target
from benchmarks.inspection import count_wrong, wrong_books
from benchmarks.lab import Extent, Lab
from benchmarks.measuring import counting_costs, percentile_ms
from benchmarks.settings import settings_for
from benchmarks.stage import OWNER
from benchmarks.stock import stock_players, tidy
from rooms.contexts.keno.api import BuyTickets, GameTerms
from rooms.contexts.keno.workers import RoundClock
from rooms.kernel.ids import CommandKey, PlayerId
from rooms.kernel.money import SOL, lamports
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database
from rooms.processes.compose import House, open_house
from rooms.processes.run import running

ASKS: Final = "rounds/s with 0 to 1,000 tickets each: sold, in the log, locked, drawn and paid"
DATABASE: Final = "keno"
PLAYERS: Final = 50_000
# So many games lock a round with so many tickets at the same moment, and an interval is so long
# that a round's tickets are sold in it.
GAMES: Final = {0: 2_000, 1: 2_000, 10: 500, 100: 100, 1_000: 10}
INTERVALS: Final = {0: 4, 1: 4, 10: 4, 100: 9, 1_000: 9}
# The same number of tickets, each purchase of them for ten rounds that follow each other: one
# request, one payment and one key for ten tickets. They begin so many rounds after those that are
# open, so that all are sold before the first of them locks.
AHEAD: Final = "keno/100/ahead"
AHEAD_ROUNDS: Final = 10
AHEAD_BY: Final = 5
CLOCKED: Final = (1, 100, 1_000)
FLOORS: Final = {0: (10_000, 45_000), 100: (580, 1_157)}
IN_FLIGHT: Final = 1_024
SHORT: Final = timedelta(seconds=2)
FEW: Final = 20
TRIES: Final = 3
# So many games are made to see how long the others will take.
FIRST_GAMES: Final = 50
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
    AHEAD: Target(unit="rounds/s"),
    **keno_catch_up.TARGETS,
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
    interval=SHORT,
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
    SELECT game.game, fact.id, extract(epoch FROM fact.at) * 1000
           - (terms.epoch_ms + ((locked ->> 2)::bigint - terms.first_round) * terms.interval_ms
              + terms.interval_ms - terms.lead_ms) AS late
    FROM platform.outbox AS fact
    CROSS JOIN LATERAL jsonb_array_elements(fact.body -> 'rounds') AS locked
    JOIN keno.games AS game ON game.game = locked ->> 0
    JOIN keno.terms AS terms ON terms.game_id = game.id
    WHERE fact.kind = 'RoundsLocked' AND fact.id > $1 ORDER BY fact.id
"""


# What the house holds for tickets once all are paid, and tickets that came into the log too late.
LEFT: Final = """
    SELECT (SELECT count(*) FROM ledger.accounts WHERE kind = 'keno_stakes' AND balance <> 0)
         + (SELECT count(*) FROM keno.bankrolls AS bankroll
            JOIN ledger.accounts AS account ON account.id = bankroll.account_id
            WHERE bankroll.exposure <> 0 OR bankroll.funds <> account.balance)
         + (SELECT count(*) FROM keno.refunds)
"""


class Group(NamedTuple):
    """Games of which so many tickets each are sold for a round, and what that figure is called.

    Each purchase is for so many ``rounds``.
    """

    name: str
    tickets: int
    games: Sequence[str]
    rounds: int = 1


@dataclass(slots=True)
class Table:
    """A house with games whose rounds lock together, and a clock that is turned by hand."""

    lab: Lab
    house: House
    admin: Database
    players: range
    keys: "count[int]" = field(default_factory=count)

    @property
    def clock(self) -> RoundClock:
        """The clock of the only shard."""
        (worker,) = self.house.modules["keno"].workers
        return cast("RoundClock", worker.run.__self__)  # type: ignore[attr-defined]  # a bound method

    async def play(self, games: Iterable[str]) -> None:
        """Let only these games run: the others stand still, as if they were not there."""
        async with self.admin.transaction() as tx:
            await tx.execute(
                "UPDATE keno.games SET "
                "status = CASE WHEN game = ANY ($1) THEN 'RUNNING' ELSE 'PAUSED' END",
                list(games),
            )

    async def turn(self, groups: Sequence[Group], *, ahead: int = 0) -> Rate:
        """Sell the tickets of rounds, then draw and pay each round when it has locked.

        A round that locks before all of its tickets are sold is no answer: it is tried again.
        """
        for tries in range(1, TRIES + 1):
            try:
                return await self._turn(groups, ahead)
            except Refusal as refusal:
                if refusal.code != "E-ROUND-CLOSED" or tries == TRIES:
                    raise
                self.lab.say("a round locked before its tickets were sold; again")
        raise AssertionError

    async def _turn(self, groups: Sequence[Group], ahead: int) -> Rate:
        game, first = groups[0].games[0], await self._opened(groups[0].games[0]) + ahead
        commands = [self.command(*each, first) for each in _shuffled(groups)]
        tickets = sum(command.rounds for command in commands)
        pid = self.lab.server.pid
        async with counting_costs(self.admin, python=os.getpid(), postgres=pid) as costs:
            sold = await self.sell(commands)
            view = await self.house.keno.round(game, first)
            assert view.status == "OPEN", "a round was locked before its tickets were sold"
            paid = await self._pay(game, first, max(group.rounds for group in groups))
        await self._require_paid(groups, first)
        rounds = sum(len(group.games) * group.rounds for group in groups)
        details = {
            "selling_ms": sold * 1000,
            "drawing_and_paying_ms": paid * 1000,
            "tickets_per_second": tickets / (sold + paid),
            **costs.per(max(tickets, rounds)),
        }
        if all(group.rounds > 1 for group in groups):
            # What it is of the floor of rounds whose tickets are bought one by one.
            details["of_the_floor"] = rounds / (sold + paid) / FLOORS[100][0]
        return Rate(rounds / (sold + paid), details)

    async def _pay(self, game: str, first: int, rounds: int) -> float:
        """Draw and pay these rounds, one after the other as they lock; give for how long."""
        seconds = 0.0
        for number in range(first, first + rounds):
            view = await self.house.keno.round(game, number)
            if number > 1 and number == first:  # what came before is done before it counts
                await self.until(view.opens_at.timestamp() + 0.5)
                await self.clock.tick()
            await self.until(view.locks_at.timestamp() + (GUARD.total_seconds() + 0.1))
            begun = time.perf_counter()
            await self.process()
            seconds += time.perf_counter() - begun
        return seconds

    async def _require_paid(self, groups: Sequence[Group], first: int) -> None:
        for group in groups:
            view = await self.house.keno.round(group.games[-1], first + group.rounds - 1)
            assert (view.status, view.tickets) == ("SETTLED", group.tickets)

    async def _opened(self, game: str) -> int:
        """Wait for a round that has just opened, with everything before it done."""
        following = (await self.house.keno.game(game)).round + 1
        opens_at = (await self.house.keno.round(game, following)).opens_at
        await self.until(opens_at.timestamp())
        await self.clock.tick()
        return following

    async def until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - time.time()))

    async def sell(self, commands: Sequence[BuyTickets]) -> float:
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

    def command(self, game: str, place: int, rounds: int, number: int) -> BuyTickets:
        """Say what one of many players buys; nobody comes twice in the same moment."""
        chance = random.Random(place)
        return BuyTickets(
            game=game,
            player=PlayerId(self.players[place % len(self.players)]),
            picks=tuple(chance.sample(range(1, 81), chance.randint(1, 5))),
            quick_pick=None,
            stake=lamports(STAKE * chance.randint(1, 10)),
            rounds=rounds,
            first_round=number,
            key=f"ticket-{next(self.keys)}",
        )

    async def process(self) -> None:
        """Lock what is due, draw it and pay it, as the clock's loops do."""
        await self.clock.lock()
        while await self.clock.draw() is not None:
            pass
        while await self.clock.pay() is not None:
            pass

    async def lateness(self, games: Sequence[str]) -> "array[float]":
        """Let the clock run as under ``rooms up``; give by how many seconds each lock was late."""
        await self.play(games)
        async with self.admin.snapshot() as tx:
            before = await tx.value("SELECT coalesce(max(id), 0) FROM platform.outbox")
        async with running(self.house, ["keno"]):
            await asyncio.sleep(max(4.5, 3 * self.lab.extent.seconds))
        async with self.admin.snapshot() as tx:
            rows = await tx.fetch(LOCKED, before)
        # The first lock of each game is of what had stood still.
        first = {row["game"]: row["id"] for row in reversed(rows)}
        late = [row["late"] for row in rows if row["id"] > first[row["game"]]]
        return array("d", sorted(float(each) / 1000 for each in late))


async def measure(lab: Lab) -> list[Figure]:
    """Turn rounds by hand with 0 to 1,000 tickets; then let the clock run and look how late."""
    figures: list[Figure] = []
    await lab.prepare_reference()
    async with price_feeds(lab.folder) as feeds, _table(lab, feeds) as table:
        if lab.extent.full:  # what is done once is done
            (first,), *_ = _turns(lab.extent)
            await table.play(first.games)
            await table.turn([first._replace(tickets=1)])
        for groups in _turns(lab.extent):
            await table.play(game for group in groups for game in group.games)
            ahead = AHEAD_BY if groups[0].rounds > 1 else 0
            answers = await lab.runs(partial(table.turn, groups, ahead=ahead))
            for group in groups:
                figures += lab.rates(group.name, answers)
        figures.append(await keno_catch_up.catch_up(lab, table))
        wrong = await _wrong(lab, table)
        late = None
        for games in CLOCKED:
            if late is None or lab.extent.full:
                lab.say(f"the clock runs {lab.extent.of(games):,} games")
                late = await table.lateness(_names("late", lab.extent.of(games)))
            details = [{"locks": float(len(late))}]
            figures.append(
                lab.figure(f"keno/late/{games}", [percentile_ms(late, 0.99)], details=details)
            )
    return [*figures, wrong]


def _turns(extent: Extent) -> list[list[Group]]:
    """Say which groups of games are turned together: one, or in a small run all of them.

    One after the other, groups with the same interval share their games.
    """
    groups = [
        Group(f"keno/{tickets}", tickets, _names(f"bench-{INTERVALS[tickets]}", games))
        for tickets, games in GAMES.items()
    ]
    groups.append(Group(AHEAD, 100, _names("bench-ahead", GAMES[100]), AHEAD_ROUNDS))
    if extent.full:
        return [[group] for group in groups]
    return [
        [
            Group(
                group.name,
                min(group.tickets, FEW),
                _names(f"bench-{place}", extent.of(len(group.games))),
                min(group.rounds, 2),
            )
            for place, group in enumerate(groups)
        ]
    ]


def _names(prefix: str, games: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(games)]


def _shuffled(groups: Sequence[Group]) -> list[tuple[str, int, int]]:
    """Give the game of every purchase in the order in which they come, its number, its rounds."""
    bought = [
        (game, group.rounds)
        for group in groups
        for game in group.games
        for _ in range(group.tickets)
    ]
    random.Random(len(bought)).shuffle(bought)
    return [(game, place, rounds) for place, (game, rounds) in enumerate(bought)]


async def _wrong(lab: Lab, table: Table) -> Figure:
    async with table.admin.snapshot() as tx:
        left = await tx.value(LEFT)
    books = await count_wrong(lab, "keno", DATABASE)
    return replace(books, value=books.value + left, ok=books.ok and not left)


@asynccontextmanager
async def _table(lab: Lab, feeds: Feeds) -> AsyncIterator[Table]:
    """Stock a database with players, and make games that all begin at the same moment."""
    await lab.server.make_database(DATABASE)
    async with lab.connected(DATABASE, OWNER) as owner:
        players = lab.extent.of(PLAYERS, least=2_000)
        first = await stock_players(owner, players)
    changes: dict[str, dict[str, Any]] = {
        "keno": {"without_entropy": True},
        "fairness": {"master_key": "07" * 32, "chain_length": 1_000},
    }
    settings = settings_for(lab.folder, feeds, changes)
    async with (
        open_house(settings, lab.server.url(DATABASE)) as house,
        lab.connected(DATABASE) as admin,
    ):
        await house.keno.fund(lamports(FUNDS), by=None, key=CommandKey("bench", uuid4().hex, b""))
        table = Table(lab, house, admin, range(first, first + players))
        await _make_games(lab.extent, house)
        # They have been here before, so that the process knows their accounts.
        await asyncio.gather(*(house.referral.member_of(PlayerId(each)) for each in table.players))
        await tidy(admin)
        async with running(house, ["fairness"]):
            yield table


async def _make_games(extent: Extent, house: House) -> None:
    every = dict.fromkeys(_names("late", extent.of(max(CLOCKED, default=1))), SHORT)
    every |= dict.fromkeys(keno_catch_up.names(extent), keno_catch_up.INTERVAL)
    for groups in _turns(extent):
        for group in groups:
            every |= dict.fromkeys(group.games, _interval(group, extent))
    first = _names("first", extent.of(FIRST_GAMES))
    begun = time.time()
    await _make(house, dict.fromkeys(first, SHORT), begun)
    each = (time.time() - begun) / len(first)
    # Rounds begin with a second, and none within the next one: in the middle of a second all agree.
    begins = int(time.time() + 2.5 + 1.5 * each * len(every)) + 0.5
    await _make(house, every, begins)


async def _make(house: House, every: dict[str, timedelta], begins: float) -> None:
    """Make games with these intervals."""
    for name, interval in every.items():
        starts_in = timedelta(seconds=begins - time.time())
        terms = replace(TERMS, interval=interval)
        await house.keno.create_game(name, SOL, terms, starts_in=starts_in, by=None)


def _interval(group: Group, extent: Extent) -> timedelta:
    """Say how long a round is open: a look at whether it runs needs no time to sell in."""
    if not extent.full or group.rounds > 1:
        return SHORT
    return timedelta(seconds=INTERVALS[group.tickets])
