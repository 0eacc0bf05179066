"""Where a run takes place: its processes, what is written down of it, and a client's patience."""

import hashlib
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeVar

import structlog
from structlog.typing import EventDict, WrappedLogger

from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet
from rooms.kernel.ids import AccountId, CommandKey, PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from tests.torture.simulation.database import Wire
from tests.torture.simulation.prices import World
from tests.torture.simulation.processes import House, Process, Unanswered
from tests.torture.simulation.virtual_time import VirtualLoop

T = TypeVar("T")


@dataclass(slots=True)
class Trace:
    """Everything that happened, a line each; equal runs have equal hashes."""

    loop: VirtualLoop
    lines: list[str] = field(default_factory=list)

    def say(self, who: str, what: str) -> None:
        """Write a line down with its virtual time."""
        self.lines.append(f"{self.loop.time():10.3f} {who}: {what}")

    def hash(self) -> str:
        """Give the SHA-256 of all lines."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()


@dataclass(slots=True)
class Player:
    """Somebody who signed up, with those who brought them, nearest first."""

    name: str
    id: PlayerId
    account: AccountId
    code: str
    fund: int
    uplines: list["Player"]


@dataclass(slots=True)
class Memory:
    """What the clients know for certain, because it was answered."""

    players: list[Player] = field(default_factory=list)
    rooms: list[RoomId] = field(default_factory=list)
    bets: dict[str, tuple[PlaceBet, BetReceipt | Refusal]] = field(default_factory=dict)
    withdrawn: dict[AccountId, int] = field(default_factory=dict)
    asked_voids: dict[RoomId, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Stage:
    """One run. ``wrong`` collects what must not be."""

    seed: int
    loop: VirtualLoop
    wire: Wire
    world: World
    processes: list[Process]
    trace: Trace
    calm_at: float
    memory: Memory = field(default_factory=Memory)
    wrong: list[str] = field(default_factory=list)

    def chance(self, whose: str) -> Random:
        """Give somebody chances of their own, so that nobody's draw changes another's."""
        return Random(f"{self.seed} {whose}")

    @property
    def calm(self) -> bool:
        """Whether all faults are over."""
        return self.loop.time() >= self.calm_at


@dataclass(slots=True)
class Client:
    """Somebody who sends commands, again and again, until each has a definite answer."""

    name: str
    stage: Stage
    chance: Random

    async def ask(
        self, what: str, command: Callable[[House], Coroutine[Any, Any, T]]
    ) -> T | Refusal:
        """Do a command through any process; a lost answer is asked for with the same key."""
        while True:
            process = self.chance.choice(self.stage.processes)
            try:
                return await process.serve(command)
            except Refusal as refusal:
                return refusal
            except Unanswered:
                self.say(f"{what} at {process.name} -> unknown")
                await self.rest(100, 2_000)

    async def rest(self, least: int, most: int) -> None:
        """Let some virtual milliseconds pass."""
        await self.stage.loop.pass_by(self.chance.randint(least, most) / 1_000)

    def say(self, what: str) -> None:
        """Write something down."""
        self.stage.trace.say(self.name, what)

    def key(self, name: str) -> CommandKey:
        """Give the key of one command, whose body is its name."""
        return CommandKey(self.name, name, name.encode())


def told(answer: object) -> str:
    """Say an answer in a word where it is a refusal."""
    return answer.code if isinstance(answer, Refusal) else "done"


# A production line of these is expected here: the seed takes the database away.
EXPECTED: Final = frozenset({"debug", "info", "warning"})


@contextmanager
def logging_to(trace: Trace, wrong: list[str]) -> Iterator[None]:
    """Write the house's own log into the trace; an error there is a bug of ours."""

    def note(_logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
        trace.say("log", f"{level} {event['event']}")
        if level not in EXPECTED:
            said = {name: value for name, value in event.items() if name != "exc_info"}
            wrong.append(f"logged as {level}: {said} {_cause()}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[note], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


def _cause() -> str:
    return repr(sys.exc_info()[1])
