"""Time that passes only when nobody can go on, and the line of those who want the database.

The whole run is one event loop. While somebody can go on, no time passes. When nobody can, it is
the turn of one who waits for the database, and the seed says of whom; when nobody waits for the
database either, the clock jumps to the next timer. At most one transaction is under way, and its
answers are read only when everybody else stands still: so what happens, and in which order, is a
function of the seed, however fast machine, database and network are.
"""

import asyncio
import heapq
import selectors
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from random import Random
from typing import Any, Final, TypeVarTuple, Unpack
from weakref import WeakKeyDictionary

from rooms.kernel.time import Instant

START: Final = datetime(2030, 1, 1, tzinfo=UTC)
SILENCE: Final = 60.0
"""Real seconds that the database may take for an answer before the run is given up."""

Given = TypeVarTuple("Given")
Tasks = dict[asyncio.Task[Any], None]
"""The tasks of one simulated process, in the order in which they began."""


class Fault(Enum):
    """What may befall a transaction: the two last are the same to who sees only the error."""

    REFUSED = "refused"
    LOST_BEFORE_COMMIT = "lost before the commit"
    LOST_AFTER_COMMIT = "lost after the commit"


@dataclass(slots=True)
class Line:
    """Those who wait for the database. The seed says who is next, what it takes, what breaks."""

    chance: Random
    broken_percent: int = 0
    turns: int = 0
    under_way: bool = False
    _waiting: dict[asyncio.Future[Fault | None], bool] = field(default_factory=dict)

    def begin(self, chance: Random) -> None:
        """Forget the run before."""
        self.chance, self.broken_percent, self.turns = chance, 0, 0

    @asynccontextmanager
    async def turn(self, *, may_break: bool = False) -> AsyncIterator[Fault | None]:
        """Wait for one's turn and have the database alone; give what is to befall it."""
        mine: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()
        self._waiting[mine] = may_break
        try:
            yield await mine
        finally:
            if mine in self._waiting:
                del self._waiting[mine]
            else:
                self.under_way = False

    def admit(self) -> float | None:
        """Let one of those who wait go on; give the seconds that it takes, None if nobody waits."""
        if not self._waiting:
            return None
        chosen = self.chance.choice(list(self._waiting))
        breaks = self._waiting.pop(chosen) and self.chance.randrange(100) < self.broken_percent
        self.under_way = True
        self.turns += 1
        chosen.set_result(self.chance.choice(list(Fault)) if breaks else None)
        return self._duration()

    def _duration(self) -> float:
        kind = self.chance.randrange(100)
        slowest = 0 if kind < 60 else 3 if kind < 92 else 120 if kind < 98 else 2_500
        return self.chance.randint(0, slowest) / 1_000


class Stuck(Exception):  # noqa: N818 - it is what happened
    """Everybody waits for somebody else, for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; ``line`` is the way to the one database of its run."""

    _scheduled: "list[_Timer]"

    def __init__(self) -> None:
        self._seconds = 0.0
        self.line = Line(Random(0))
        self._timers = 0
        self._owners: WeakKeyDictionary[asyncio.Task[Any], Tasks] = WeakKeyDictionary()
        super().__init__(_Unhurried(self._stand_still))

    def begin(self, chance: Random) -> None:
        """Set the time back to the start of all runs; nobody may be left of the one before."""
        left = asyncio.all_tasks(self) - {asyncio.current_task(self)}
        assert not left, f"still at work: {left}"
        for timer in self._scheduled:
            timer.cancel()
        self._seconds = 0.0
        self.line.begin(chance)

    def time(self) -> float:
        """Give the virtual seconds since the run began."""
        return self._seconds

    def now(self) -> Instant:
        """Give the virtual instant."""
        return START + timedelta(seconds=self._seconds)

    async def pass_by(self, seconds: float) -> None:
        """Let virtual time pass."""
        later = self.create_future()
        timer = self.call_later(seconds, later.set_result, None)
        try:
            await later
        finally:
            timer.cancel()

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Given]], object],
        *args: *Given,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Set a timer; of those at the same instant the first to be set goes off first."""
        self._timers += 1
        timer = _Timer(when, callback, args, self, context)
        timer.number, timer._scheduled = self._timers, True
        heapq.heappush(self._scheduled, timer)
        return timer

    def create_task(
        self, coro: Any, *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Begin a task, which belongs to the process of the task that began it."""
        parent = asyncio.current_task(self)
        task = super().create_task(coro, name=name, context=context)
        owner = None if parent is None else self._owners.get(parent)
        if owner is not None:
            self.belongs(task, owner)
        return task

    def belongs(self, task: asyncio.Task[Any], owner: Tasks) -> None:
        """Note that a task, with all that it begins, is a process's own and dies with it."""
        self._owners[task] = owner
        owner[task] = None
        task.add_done_callback(owner.pop)

    def _stand_still(self, next_timer: float | None) -> bool:
        """Nobody can go on: say whether the database has to answer first."""
        if self.line.under_way:
            return True
        passes = self.line.admit()
        if passes is None:
            passes = next_timer
        if passes is None:
            raise Stuck("everybody waits, and no time will come")
        self._seconds = round(self._seconds + passes, 6)
        return False


class _Timer(asyncio.TimerHandle):
    """asyncio leaves open which of two timers for the same instant goes off first."""

    number: int
    _scheduled: bool

    def __lt__(self, other: object) -> bool:
        assert isinstance(other, _Timer)
        return (self.when(), self.number) < (other.when(), other.number)


class _Unhurried(selectors.DefaultSelector):
    """Looks at the outside only when everybody stands still, and never for the time's sake."""

    def __init__(self, stand_still: Callable[[float | None], bool]) -> None:
        super().__init__()
        self._stand_still = stand_still

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        if not self._stand_still(timeout):
            return []
        told = super().select(SILENCE)
        if not told:
            raise Stuck(f"the database has said nothing for {SILENCE:g} s")
        return told


def running_loop() -> VirtualLoop:
    """Give the loop of this run."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop
