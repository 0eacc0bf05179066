"""What every benchmark is handed: a server, how long and how large to measure, a folder."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.figures import Details, Figure, Rate, Target, judge
from benchmarks.measuring import LongestHold
from benchmarks.server import Server
from rooms.cli.output import progress
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell

Got = TypeVar("Got")

ADMIN: Final = "none"  # what PostgreSQL calls the role of who has taken none
REFERENCE_SECONDS: Final = 5.0
REFERENCE_SCALE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How often and how long to measure, and which part of the full size to build."""

    runs: int = 3
    seconds: float = 5.0
    part: float = 1.0

    @property
    def full(self) -> bool:
        """Whether everything has the size that the question asks for."""
        return self.part >= 1

    def of(self, full: int, *, least: int = 1) -> int:
        """Scale a number down to this part."""
        return max(least, round(full * self.part))


@dataclass(frozen=True, slots=True)
class Lab:
    """Where one benchmark works. ``targets`` are its own."""

    server: Server
    folder: Path
    extent: Extent
    targets: dict[str, Target]

    def say(self, what: str) -> None:
        """Tell whoever waits what is being done."""
        progress(f"  {what}")

    def figure(
        self,
        name: str,
        values: Sequence[float],
        references: Sequence[float] = (),
        details: Sequence[Details] = (),
    ) -> Figure:
        """Hold what each run gave to the target of this name."""
        target = self.targets[name]
        return judge(name, target, values, references, details, at_full_size=self.extent.full)

    def rates(self, name: str, answers: Sequence[tuple[Rate, float]]) -> list[Figure]:
        """Give the figure of a rate, and its ``p99`` where that is held to something."""
        details = [rate.details for rate, _ in answers]
        references = [ref8 for _, ref8 in answers]
        rates = [rate.per_second for rate, _ in answers]
        figures = [self.figure(name, rates, references, details)]
        if f"{name}/p99" in self.targets:
            slowest = [each["p99_ms"] or 0.0 for each in details]
            figures.append(self.figure(f"{name}/p99", slowest, references))
        return figures

    def held(self, name: str, holds: Sequence[LongestHold]) -> Figure:
        """Give how long each run held the event loop; besides, how late a tick was."""
        late = [{"late_ms": hold.late_ms} for hold in holds]
        return self.figure(name, [hold.ms for hold in holds], details=late)

    async def prepare_reference(self) -> None:
        """Fill the reference's tables, before anything else is in the server."""
        self.say("filling the reference's tables")
        await self.server.make_reference(self.extent.of(REFERENCE_SCALE))

    async def runs(self, run: Callable[[], Awaitable[Got]]) -> list[tuple[Got, float]]:
        """Run it as often as asked for; each with the mean of the references around it."""
        answers = []
        before = await self._reference()
        for number in range(1, self.extent.runs + 1):
            self.say(f"run {number} of {self.extent.runs}")
            got = await run()
            after = await self._reference()
            answers.append((got, (before + after) / 2))
            before = after
        return answers

    async def _reference(self) -> float:
        ref8 = await self.server.reference(min(self.extent.seconds, REFERENCE_SECONDS))
        self.say(f"Ref8 {ref8:,.0f} transactions/s")
        return ref8

    @asynccontextmanager
    async def connected(self, database: str, role: str = ADMIN) -> AsyncIterator[Database]:
        """Connect as a role, with the patience that statements over millions of rows need."""
        url = self.server.url(database)
        opened = Database(
            url, Doorbell(), role=role, size=2, statement_time_out=timedelta(minutes=30)
        )
        await opened.open()
        try:
            yield opened
        finally:
            await opened.close()
