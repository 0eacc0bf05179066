"""What is measured besides the time: percentiles, processor time, WAL, how long the loop hung."""

import asyncio
import os
import time
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rooms.platform.database import Database

TICK: Final = 0.001
_PROC: Final = Path("/proc")
_SECONDS_PER_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


def percentile_ms(seconds: "array[float]", part: float) -> float:
    """Give the value below which this part of the durations lies, in milliseconds."""
    if not seconds:
        return 0.0
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000


def percentiles_ms(seconds: "array[float]", *parts: float) -> dict[str, float]:
    """Give percentiles under their usual names: 0.99 is ``p99_ms``, 0.999 is ``p99.9_ms``."""
    return {f"p{part * 100:g}_ms": percentile_ms(seconds, part) for part in parts}


@dataclass(slots=True)
class LongestHold:
    """The longest time for which nobody else could run in the event loop, in milliseconds.

    ``late_ms`` is by how much the worst tick was late; what the thread waited for a processor that
    others had is no hold of the loop's, and ``ms`` is the longest without it.
    """

    ms: float = 0.0
    late_ms: float = 0.0


@asynccontextmanager
async def watching_the_loop() -> AsyncIterator[LongestHold]:
    """Tick every millisecond while inside and keep by how much the worst tick was late."""
    longest = LongestHold()

    async def tick() -> None:
        while True:
            due, queued = time.perf_counter() + TICK, _seconds_in_queue()
            await asyncio.sleep(TICK)
            late = (time.perf_counter() - due) * 1000
            longest.late_ms = max(longest.late_ms, late)
            longest.ms = max(longest.ms, late - (_seconds_in_queue() - queued) * 1000)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        yield longest
        await asyncio.sleep(2 * TICK)  # a hold that has just ended is seen by the next tick
    finally:
        ticking.cancel()
        await asyncio.wait({ticking})


def _seconds_in_queue() -> float:
    """Give how long this thread has been ready while others ran; 0 where nobody counts it."""
    try:
        return int((_PROC / "thread-self" / "schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


@dataclass(slots=True)
class Costs:
    """What was used while measuring: processor seconds and bytes of WAL."""

    python: float = 0.0
    postgres: float | None = None
    wal: int = 0

    def per(self, count: int) -> dict[str, float | None]:
        """Give the costs of one of ``count``: microseconds of processor time, bytes."""
        each = max(count, 1)
        return {
            "python_us": self.python * 1e6 / each,
            "postgres_us": None if self.postgres is None else self.postgres * 1e6 / each,
            "wal_bytes": self.wal / each,
        }


@asynccontextmanager
async def counting_costs(
    database: Database, *, python: int, postgres: int | None
) -> AsyncIterator[Costs]:
    """Count what the Python process and the server of these numbers use while inside."""
    costs = Costs()
    wal = await _wal_position(database)
    with _counting(costs, python, postgres):
        yield costs
    costs.wal = await _wal_position(database) - wal


@contextmanager
def _counting(costs: Costs, python: int, postgres: int | None) -> Iterator[None]:
    ours = processor_seconds(python) or 0.0
    theirs = None if postgres is None else _seconds_of_server(postgres)
    yield
    costs.python = (processor_seconds(python) or 0.0) - ours
    if postgres is not None and theirs is not None:
        costs.postgres = (_seconds_of_server(postgres) or 0.0) - theirs


async def _wal_position(database: Database) -> int:
    async with database.transaction() as tx:
        return int(await tx.value("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"))


def processor_seconds(pid: int) -> float | None:
    """Give what a process has used so far; None where the system does not tell."""
    found = _Stat.read(pid)
    return None if found is None else found.own * _SECONDS_PER_TICK


def _seconds_of_server(postmaster: int) -> float | None:
    """Add up the postmaster, its children, and the children that have ended."""
    parent = _Stat.read(postmaster)
    if parent is None:
        return None
    stats = [_Stat.read(int(entry.name)) for entry in _PROC.iterdir() if entry.name.isdigit()]
    children = sum(stat.own + stat.ended for stat in stats if stat and stat.parent == postmaster)
    return (parent.own + parent.ended + children) * _SECONDS_PER_TICK


@dataclass(frozen=True, slots=True)
class _Stat:
    """A line of /proc: whose child it is, and the ticks that it and its ended children used."""

    parent: int
    own: int
    ended: int

    @classmethod
    def read(cls, pid: int) -> "_Stat | None":
        try:
            # The name of the program stands in brackets and may hold anything.
            words = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return cls(int(words[1]), int(words[11]) + int(words[12]), int(words[13]) + int(words[14]))
