"""Where races are run: several houses over one database, and what became of each attempt."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any, Final

from rooms.contexts.identity.api import Administrator
from rooms.contexts.parimutuel.api import PlaceBet, RoomStatus, RoomView
from rooms.kernel.ids import RoomId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Row
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from rooms.proof.pool import Side
from tests.houses import ONE, TOUCH_SOL, House, Person, wire
from tests.keno_houses import KenoHouse, keno_over

HOUSES: Final = 4
CONNECTIONS: Final = 8
PLAYERS: Final = 32
RICH: Final = 10**6 * ONE
FINAL: Final = (RoomStatus.SETTLED, RoomStatus.VOIDED)
# What nobody waits for here: a slow machine must not make a price stale or a host busy.
PATIENT: Final = {
    "stale_after": timedelta(days=1),
    "rooms_per_host": 10**6,
    "admin_void_delay": timedelta(),
}

_assets = count(1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One racing command, and the codes with which it may be refused."""

    name: str
    act: Callable[[House], Awaitable[Any]]
    refusals: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: its answer, or the code of its refusal."""

    attempt: Attempt
    answer: Any = None
    refused: str | None = None


@dataclass(slots=True)
class Track:
    """Houses that stand for processes, players they share, and the findings so far."""

    houses: Sequence[House]
    dice: Random
    heat: str = "before"
    players: Sequence[Person] = ()
    staff: Sequence[Administrator] = ()
    kenos: Mapping[int, KenoHouse] = field(default_factory=dict)
    turning: asyncio.Lock = field(default_factory=asyncio.Lock)
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def of(self, heat: str, dice: Random) -> "Track":
        """The same track for one heat, with dice of its own; what it finds is shared."""
        return replace(self, heat=heat, dice=dice)

    def keno(self, house: House) -> KenoHouse:
        """The keno of one of the houses."""
        return self.kenos[id(house)]

    @property
    def attempts(self) -> int:
        """How many racing commands were made."""
        return self.outcomes.total()

    @property
    def house(self) -> House:
        """One of the houses, by chance."""
        return self.dice.choice(self.houses)

    async def race(self, attempts: Sequence[Attempt]) -> list[Outcome]:
        """Make all attempts at once, each at a house of its own choice, in any order."""
        mixed = self.dice.sample(attempts, len(attempts))
        entered = [(each, self.house) for each in mixed]
        return list(await asyncio.gather(*(self._make(each, house) for each, house in entered)))

    async def _make(self, attempt: Attempt, house: House) -> Outcome:
        try:
            outcome = Outcome(attempt, answer=await attempt.act(house))
            self.outcomes[f"{attempt.name}: done"] += 1
        except Refusal as refusal:
            outcome = Outcome(attempt, refused=refusal.code)
            self.outcomes[f"{attempt.name}: {refusal.code}"] += 1
            self.expect(refusal.code in attempt.refusals, f"{attempt.name} got {refusal.code}")
        except Exception as error:  # noqa: BLE001 - whatever else comes out is a finding
            outcome = Outcome(attempt, refused=type(error).__name__)
            self.outcomes[f"{attempt.name}: {type(error).__name__}"] += 1
            self.expect(False, f"{attempt.name} ended in {error!r}")
        return outcome

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note what is wrong where something does not hold."""
        if not holds:
            self.wrong.append(f"{self.heat}: {otherwise}")

    async def room(self, *, players: int = 2, resolve: str = "touch") -> RoomView:
        """Open a room about a coin of its own, so that races do not meet at its price."""
        asset = f"C{next(_assets)}"
        self.say(asset, "150")
        host = self.dice.choice(self.players)
        market = {**TOUCH_SOL, "asset": asset}
        return await self.house.open_room(host, market=market, min_players=players, resolve=resolve)

    def say(self, asset: str, price: str) -> None:
        """Every house hears this price from now on."""
        for house in self.houses:
            house.oracle.say(asset, price)

    async def seat(self, room: RoomId, players: Sequence[Person]) -> None:
        """Let these players bet before the race, on both sides."""
        house = self.house
        await asyncio.gather(
            *(
                house.bet(room, player, (Side.YES, Side.NO)[number % 2])
                for number, player in enumerate(players)
            )
        )

    def crowd(self, size: int) -> list[Person]:
        """Some of the players, by chance."""
        return self.dice.sample(self.players, size)

    async def finish(self, room: RoomId) -> RoomView:
        """Do what is still due until the room has ended; its file must verify."""
        house = self.house
        for _ in range(5):
            if await house.status(room) in FINAL:
                break
            await house.deliver()
            await house.clock.tick()
            # A tick passes over what its house pays already, in another heat; this waits for it.
            await house.clock.settling.pay(room)
        view = await house.rooms.room(room)
        self.expect(view.status in FINAL, f"room {room} stays {view.status}")
        if view.status in FINAL:
            report = await house.verified(room)
            wrong = [step for step in report.steps if not step.ok]
            self.expect(
                wrong == [], f"the file of room {room}, {view.reason or view.outcome}: {wrong}"
            )
        return view

    async def rows(self, sql: str, *values: object) -> list[Row]:
        """Look into the tables."""
        async with self.houses[0].database.snapshot() as tx:
            return await tx.fetch(sql, *values)

    async def books(self) -> None:
        """Re-sum everything."""
        try:
            await self.keno(self.house).books_are_right()
            await self.house.books_are_right()
        except AssertionError as error:
            self.expect(False, f"the books: {error}")


def bet(room: RoomId, player: Person, dice: Random, *refusals: str, stake: int = 0) -> Attempt:
    """Let a player bet on any side, any stake up to two SOL unless one is given."""
    command = PlaceBet(
        room=room,
        player=player.id,
        side=dice.choice(tuple(Side)),
        stake=stake or dice.randrange(ONE // 10, 2 * ONE),
        key=f"race-{room}-{player.id}",
    )
    return Attempt("bet", lambda house: house.rooms.place_bet(command), frozenset(refusals))


@asynccontextmanager
async def open_track(dsn: Dsn, dice: Random) -> AsyncIterator[Track]:
    """Open the houses over a migrated database and sign up who plays."""
    async with AsyncExitStack() as stack:
        owner = Database(dsn.owner, Doorbell(), role="rooms_owner", size=2)
        databases = [Database(dsn.app, Doorbell(), size=CONNECTIONS) for _ in range(HOUSES)]
        for database in (owner, *databases):
            await database.open()
            stack.push_async_callback(database.close)
        track = Track([wire(each, owner, limits=PATIENT) for each in databases], dice)
        seeds = keno_over(track.houses[0]).seeds
        track.kenos = {
            id(each): keno_over(each, holder=f"house {number}", seeds=seeds)
            for number, each in enumerate(track.houses)
        }
        house = track.houses[0]
        first = await house.player(RICH)
        more = [house.player(RICH, referrer=first) for _ in range(PLAYERS - 1)]
        track.players = [first, *await asyncio.gather(*more)]
        track.staff = [await house.administrator(name) for name in ("Ada", "Ben")]
        yield track
