"""``torture clock``: five who want to lead keno's clock are killed, stopped, and lied to."""

import asyncio
import tempfile
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Annotated, Final

import typer
from rich.console import Console

from rooms.cli.output import JsonOption, progress, table
from rooms.platform.clock import SystemClock
from rooms.platform.problem import ExitCode
from rooms.proof.beacon import NO_ENTROPY, SANDBOX
from rooms.sandbox.server import start_sandbox
from tests.torture.clock_candidates import LEASE, Forge, forge
from tests.torture.clock_ring import CANDIDATES, CLOCK, LOG, Ring, open_ring
from tests.torture.clock_server import (
    FOR_SIGNALS,
    FOR_THREADS,
    INSTALL,
    FakeClock,
    fake_clock,
    server_with,
)
from tests.torture.clock_troubles import (
    CANDIDATE_CLOCK,
    DATABASE_CLOCK,
    TROUBLES,
    audit,
    drawn,
)
from tests.torture.running import (
    SecondsOption,
    SeedOption,
    Server,
    bound_in_words,
    counting,
    ended,
)

ENTROPIES: Final = (SANDBOX.entropy, NO_ENTROPY, NO_ENTROPY)
"""So many databases suffer side by side: most of the time they wait for a lease to end.

One of them has a game that waits for beacons, and takes no tickets while its clock is slow.
"""
FAKED: Final = 0
"""The candidate whose clock can be set."""
TAKEOVER_WITHIN: Final = LEASE + timedelta(seconds=2)
FARTHEST: Final = 86_400.0
DATABASE_FARTHEST: Final = 3.0
CLOCKS_ARE_READ: Final = 2.2
SHOWN: Final = 20


@dataclass(slots=True)
class Outcome:
    """What a campaign came to; takeovers in seconds from the trouble to the next leader."""

    seed: int
    seconds: float = 0.0
    cycles: Counter[str] = field(default_factory=Counter)
    takeovers: list[float] = field(default_factory=list)
    leaves: int = 0
    stale_leaders_refused: int = 0
    tickets: int = 0
    rounds: int = 0
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks that can be set; None where libfaketime is not installed."""

    candidate: FakeClock | None
    database: FakeClock | None


def command(
    *,
    cycles: Annotated[int, typer.Option(min=1, help="How many troubles to make.")] = 200,
    seed: SeedOption = 1,
    seconds: SecondsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Kill, stop and lie to five who want to lead the clock; no round may be drawn twice or lost."""
    outcome = Outcome(seed)
    with counting("cycles", cycles) as advance, servers(outcome) as (server, clocks):
        try:
            asyncio.run(
                go_through(outcome, server, clocks, cycles, seconds=seconds, advance=advance)
            )
        except KeyboardInterrupt:
            progress("stopped; this is what was found until then")
    return _report(outcome, as_json=as_json)


def _report(outcome: Outcome, *, as_json: bool) -> ExitCode:
    def human(console: Console) -> None:
        rows = [(name, str(times)) for name, times in sorted(outcome.cycles.items())]
        console.print(table(("trouble", "cycles"), rows))
        taken = sorted(outcome.takeovers)
        if taken:
            console.print(
                f"{len(taken)} takeovers: median {taken[len(taken) // 2]:.2f} s, worst "
                f"{taken[-1]:.2f} s; the lease is {LEASE.total_seconds():g} s."
            )
        console.print(
            f"{outcome.rounds} rounds, {outcome.tickets} tickets, {outcome.leaves} leaves; "
            f"{outcome.stale_leaders_refused} times a stale leader was refused."
        )
        found = [*outcome.wrong, *outcome.late]
        for line in (*outcome.skipped, *(f"WRONG {each}" for each in found[:SHOWN])):
            console.print(line, markup=False)
        console.print(bound_in_words(outcome.cycles.total(), len(found), "cycles"))

    data = {name: getattr(outcome, name) for name in Outcome.__slots__}
    return ended(data, human, wrong=len(outcome.wrong) + len(outcome.late), as_json=as_json)


@contextmanager
def servers(outcome: Outcome) -> Iterator[tuple[Server, Clocks]]:
    """Start the server, by a clock that can be set where that is possible; else say why not."""
    with tempfile.TemporaryDirectory(prefix="rooms-clocks-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run as somebody else
        clocks = clocks_in(Path(folder), outcome)
        with server_with(clocks.database) as server:
            yield server, clocks


def clocks_in(folder: Path, outcome: Outcome) -> Clocks:
    """Make the clocks that can be set; where there are none, say so and what to install."""
    clocks = Clocks(
        fake_clock(folder, "candidate", FOR_THREADS), fake_clock(folder, "database", FOR_SIGNALS)
    )
    if clocks.candidate is not None and clocks.database is not None:
        return clocks
    outcome.skipped.append(f"no clock was set: libfaketime is not installed ({INSTALL})")
    progress(outcome.skipped[0])
    return Clocks(None, None)


async def go_through(
    outcome: Outcome,
    server: Server,
    clocks: Clocks,
    cycles: int,
    *,
    seconds: float | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Make so many troubles, in several rings at once, and audit each ring in the end."""
    dice, begun = Random(outcome.seed), time.monotonic()
    names = [drawn(dice, clocks=clocks.database is not None) for _ in range(cycles)]

    def note(name: str) -> None:
        outcome.cycles[name] += 1
        outcome.seconds = round(time.monotonic() - begun, 1)
        advance(1)

    async with _forges(clocks) as forges, _sandbox() as sandbox, AsyncExitStack() as stack:
        opening = [
            open_ring(server, forges, Random(dice.random()), sandbox, entropy)
            for entropy in ENTROPIES
        ]
        rings = [await stack.enter_async_context(each) for each in opening]
        async with asyncio.TaskGroup() as buyers:
            for ring in rings:
                buyers.create_task(ring.buy())
            for phase in _phases(names):
                if seconds is not None and time.monotonic() >= begun + seconds:
                    break
                await _suffer(rings, phase, clocks, note)
            if clocks.database is not None:
                clocks.database.set(0)
            for ring in rings:
                ring.closing = True
        await asyncio.gather(*(audit(ring) for ring in rings))
        outcome.stale_leaders_refused = sum(each.refused() for each in set(forges.values()))
        for ring in rings:
            _add(outcome, ring)


@asynccontextmanager
async def _sandbox() -> AsyncIterator[str]:
    """Start what answers as drand; give its address."""
    with tempfile.TemporaryDirectory(prefix="rooms-feeds-") as folder:
        sandbox = await start_sandbox("127.0.0.1", 0, Path(folder), seed=7, clock=SystemClock())
        try:
            yield sandbox.url
        finally:
            await sandbox.close()


def _add(outcome: Outcome, ring: Ring) -> None:
    outcome.takeovers += [round(each, 3) for each in ring.takeovers]
    outcome.tickets += len(ring.tickets())
    outcome.rounds += len(ring.seen)
    outcome.leaves += ring.leaves
    outcome.wrong += ring.wrong
    most = TAKEOVER_WITHIN.total_seconds()
    outcome.late += [
        f"a takeover came only after {each:.2f} s" for each in ring.takeovers if each > most
    ]


@asynccontextmanager
async def _forges(clocks: Clocks) -> AsyncIterator[Mapping[int, Forge]]:
    """Start what forks candidates: one of each ring lives by the clock that can be set."""
    with tempfile.TemporaryDirectory(prefix="rooms-forge-") as folder:
        async with forge(Path(folder) / "plain.log", {}) as plain:
            forges = dict.fromkeys(range(CANDIDATES), plain)
            if clocks.candidate is None:
                yield forges
                return
            log = Path(folder) / "faked.log"
            async with forge(log, clocks.candidate.environment) as faked:
                yield {**forges, FAKED: faked}


def _phases(names: Sequence[str]) -> Iterator[list[str]]:
    """Divide the troubles: the database's clock is set for all rings, between all others."""
    phase: list[str] = []
    for name in names:
        if name == DATABASE_CLOCK:
            yield phase
            yield [name]
            phase = []
        else:
            phase.append(name)
    yield phase


async def _suffer(
    rings: Sequence[Ring], phase: Sequence[str], clocks: Clocks, note: Callable[[str], None]
) -> None:
    queue = deque(phase)

    async def go(ring: Ring) -> None:
        while queue:
            name = queue.popleft()
            if name == DATABASE_CLOCK:
                await _set_database(rings, clocks)
            elif name == CANDIDATE_CLOCK:
                assert clocks.candidate is not None
                clocks.candidate.set(ring.dice.uniform(-FARTHEST, FARTHEST))
            else:
                await TROUBLES[name](ring)
            await ring.look_at_results()
            note(name)

    await asyncio.gather(*(go(ring) for ring in rings))


async def _set_database(rings: Sequence[Ring], clocks: Clocks) -> None:
    """Set the database's clock, and wait until all read it and leaders have renewed their leases.

    A lease ends by this clock: whoever died just before it is set back leads for longer.
    """
    assert clocks.database is not None
    clocks.database.set(rings[0].dice.uniform(-DATABASE_FARTHEST, DATABASE_FARTHEST))
    await rings[0].moment(CLOCKS_ARE_READ)
    for ring in rings:
        ring.stepped = True
        for of in (CLOCK, LOG):
            await ring.leader(of)
