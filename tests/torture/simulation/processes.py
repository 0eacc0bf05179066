"""Simulated processes: the contexts by their real wiring, their real loops, and a sudden death."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final, TypeVar

from rooms.contexts.fairness.api import Accepted
from rooms.contexts.fairness.module import LogWiring, log_service, staff_acts
from rooms.contexts.identity.api import Identity
from rooms.contexts.identity.module import identity_module
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.ledger.module import ledger_module
from rooms.contexts.oracle.api import Oracle
from rooms.contexts.oracle.domain import ROLES
from rooms.contexts.oracle.module import (
    LEADERSHIP,
    SHORTEST_LEASE,
    feed_source,
    oracle_terms,
)
from rooms.contexts.oracle.service.deciding import Deciding
from rooms.contexts.oracle.service.observing import OracleService
from rooms.contexts.oracle.service.pacing import PacedFeed
from rooms.contexts.oracle.service.pricing import Bounds, Pricing
from rooms.contexts.oracle.storage import OracleStorage
from rooms.contexts.oracle.workers import Monitor
from rooms.contexts.parimutuel.api import Rooms
from rooms.contexts.parimutuel.module import Neighbours, bet_entries, parimutuel_module
from rooms.contexts.referral.api import Referral
from rooms.contexts.referral.module import referral_module
from rooms.kernel.time import Instant, cut
from rooms.platform.database import Unavailable
from rooms.platform.doorbell import LOOK_ANYWAY, Doorbell, Ear
from rooms.platform.lease import Lease
from rooms.platform.module import Module, Worker
from rooms.platform.outbox import Delivery
from rooms.platform.settings import Role, Settings
from rooms.processes.compose import limits, room_terms
from tests.torture.simulation.database import SimulatedDatabase, Wire
from tests.torture.simulation.prices import SimulatedFeed, World
from tests.torture.simulation.virtual_time import Tasks, running_loop

T = TypeVar("T")
REF_KEY: Final = b"a key for references in the simulation"
LOG: Final = LogWiring(
    origin="rooms.example/log",
    log_seed=b"\1" * 32,
    receipt_seed=b"\2" * 32,
    witnesses=(),
    sources={Accepted.BET: bet_entries(REF_KEY)},
    completions={},
    holder="nobody",
    interval=timedelta(seconds=1),
)
UNHURRIED: Final = 16
"""How much longer than asked a loop of a process waits for a ring: looking is what costs."""


class Unanswered(Exception):  # noqa: N818 - it is what the client sees
    """The connection to the process was lost; whether the command was done is not known."""


@dataclass(slots=True)
class ProcessClock:
    """A process's own clock, which may be off, and may be set."""

    off: timedelta = timedelta()

    def now(self) -> Instant:
        """Give the instant that this process believes it is."""
        return cut(running_loop().now() + self.off)


class _SlowEar(Ear):
    async def wait(self, seconds: float = LOOK_ANYWAY) -> None:
        await super().wait(seconds * UNHURRIED)


class SimulatedDoorbell(Doorbell):
    """Rings that may be lost, and come late, here and to the other processes."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.chance = chance
        self.neighbours: list[SimulatedDoorbell] = []

    def ring(self, kinds: Collection[str]) -> None:
        """Wake some who wait for these kinds, by and by."""
        rung = frozenset(kinds)
        for bell in (self, *self.neighbours):
            if self.chance.randrange(3) == 0:
                late = self.chance.randint(0, 200) / 1_000
                running_loop().call_later(late, bell.ring_here, rung)

    def listen(self, kinds: Collection[str] | None = None) -> Ear:
        """Begin to wait for rings, patiently."""
        ear = super().listen(kinds)
        return _SlowEar(ear._event, ear.close)


@dataclass(slots=True, kw_only=True)
class House:
    """The contexts of one incarnation of a process."""

    database: SimulatedDatabase
    identity: Identity
    ledger: Ledger
    oracle: Oracle
    referral: Referral
    rooms: Rooms
    modules: Sequence[Module[Any]]


@dataclass(slots=True, kw_only=True)
class Process:
    """A process that serves, runs the loops of some modules, and can be killed and restarted."""

    name: str
    wire: Wire
    world: World
    settings: Settings
    runs: Sequence[str]
    doorbell: SimulatedDoorbell
    clock: ProcessClock
    bugs: list[str]
    house: House | None = None
    _lives: int = 0
    _tasks: Tasks = field(default_factory=dict)

    def start(self) -> None:
        """Wire everything anew, as a new process would, and run it."""
        assert self.house is None
        self._lives += 1
        # A new dictionary: what the old life began is not this one's.
        self._tasks = {}
        house = self.house = wire_house(self, f"{self.name}.{self._lives}")
        for module in (each for each in house.modules if each.name in self.runs):
            for consumer in module.consumers:
                self._begin(Delivery(house.database, consumer).run)
            for worker in module.workers:
                self._begin(worker.run)

    async def end(self, *, at_once: bool) -> None:
        """End as SIGKILL does, or in order: then the lease of the oracle is given back."""
        if self.house is None:
            return
        # Nobody's transaction is under way in one's own turn: a commit was done, or was not.
        async with self.wire.turn():
            self.house.database.cut_off = at_once
            self.house = None
            ending = list(self._tasks)
            for task in ending:
                task.cancel()
        if ending:
            await asyncio.wait(ending)

    async def serve(self, ask: Callable[[House], Coroutine[Any, Any, T]]) -> T:
        """Do a command of a client. Unanswered where process or database went away meanwhile."""
        if self.house is None:
            raise Unanswered
        task = self._task(ask(self.house))
        await asyncio.wait({task})
        if task.cancelled():
            raise Unanswered
        try:
            return task.result()
        except Unavailable as lost:
            raise Unanswered from lost

    def _begin(self, run: Callable[[], Awaitable[None]]) -> None:
        async def for_ever() -> None:
            try:
                await run()
            except Exception as bug:  # noqa: BLE001 - whatever it is, it is to be told
                self.bugs.append(f"{self.name}: a loop ended by {bug!r}")

        self._task(for_ever())

    def _task(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        loop = running_loop()
        task: asyncio.Task[T] = loop.create_task(coroutine)
        loop.belongs(task, self._tasks)
        return task


def wire_house(process: Process, holder: str) -> House:
    """Wire the contexts as ``processes.compose`` does, over the simulation's ports."""
    settings, clock = process.settings, process.clock
    database = SimulatedDatabase(process.wire, process.doorbell)
    identity = identity_module(database, staff_acts(REF_KEY))
    ledger = ledger_module(database)
    oracle = wire_oracle(database, process, holder)
    referral = referral_module(
        database, identity=identity.face, ledger=ledger.face, depth=settings.referral.depth
    )
    parimutuel = parimutuel_module(
        database,
        Neighbours(
            identity.face, ledger.face, oracle.face, referral.face, log_service(database, LOG)
        ),
        clock=clock,
        limits=limits(settings),
        terms=room_terms(settings),
        ref_key=REF_KEY,
    )
    return House(
        database=database,
        identity=identity.face,
        ledger=ledger.face,
        oracle=oracle.face,
        referral=referral.face,
        rooms=parimutuel.face,
        modules=(identity, ledger, oracle, referral, parimutuel),
    )


def wire_oracle(database: SimulatedDatabase, process: Process, holder: str) -> Module[Oracle]:
    """Wire the oracle as its ``module`` does, but for the feeds."""
    settings, clock = process.settings, process.clock

    def feeds(role: Role) -> list[PacedFeed]:
        return [
            PacedFeed(SimulatedFeed(name, feed_source(source), process.world, clock))
            for name, source in settings.oracle.sources.enabled(role).items()
        ]

    storage = OracleStorage()
    pricing = Pricing(
        feeds={kind: feeds(role) for kind, role in ROLES.items()},
        terms=oracle_terms(settings.oracle),
        bounds=Bounds(feeds("bound"), clock),
        clock=clock,
    )
    interval = settings.oracle.interval
    monitor = Monitor(
        Deciding(database, storage, pricing, clock),
        Lease(database, LEADERSHIP, holder, max(SHORTEST_LEASE, 2 * interval)),
        interval,
    )
    return Module(
        "oracle",
        OracleService(database, storage, pricing, clock),
        workers=(Worker("oracle.monitor", monitor.run),),
    )
