"""``./rooms torture database``: stop PostgreSQL, cut it off, fill its disk, under writers."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Final

import aiohttp
import typer
from rich.console import Console

from rooms.cli.output import JsonOption, table
from rooms.platform.postgres import EmbeddedPostgres
from rooms.platform.problem import ExitCode
from rooms.platform.settings import sandbox_overrides
from tests.entrypoints.cut_wire import Wire, wire_to
from tests.stories.running import QUICK, Api, RunningHouse, ready_line
from tests.torture.database_audit import audit
from tests.torture.database_crew import Crew
from tests.torture.database_troubles import TROUBLES, Scene, drawn, fill_disk, now
from tests.torture.running import SeedOption, counting, ended

RECOVERS_WITHIN: Final = 5.0
SMALL_DISK: Final = "size=420m"
EVERY_SECOND: Final = {"ROOMS__ORACLE__INTERVAL": "1s"}
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Cycle:
    """One trouble, and how long after its relief every gate acknowledged again, in seconds."""

    trouble: str
    recovered_after: float


@dataclass(slots=True)
class Ordeal:
    """What a house went through, and what was found wrong."""

    cycles: list[Cycle] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    bets: int = 0
    skipped: list[str] = field(default_factory=list)


def command(
    *,
    cycles: Annotated[int, typer.Option(min=1, help="How many troubles to make.")] = 20,
    seed: SeedOption = 1,
    as_json: JsonOption = False,
) -> int:
    """Trouble the database of a running house under 16 writers; look for what was lost."""
    dice = Random(seed)
    names = [drawn(dice) for _ in range(cycles)]
    ordeal = Ordeal()
    with counting("cycles", cycles) as advance, tempfile.TemporaryDirectory() as folder:
        asyncio.run(go_through(ordeal, Path(folder) / "data", names, seed, advance=advance))
    why = no_small_disk()
    if why is None:
        full = ["full disk"] * (1 + cycles // 10)
        with counting("full disks", len(full)) as advance, small_disk() as disk:
            asyncio.run(go_through(ordeal, disk / "data", full, seed, advance=advance))
    else:
        ordeal.skipped.append(f"full disk: {why}")
    ordeal.wrong += [
        f"{each.trouble}: served again only after {each.recovered_after:.1f} s"
        for each in ordeal.cycles
        if each.recovered_after > RECOVERS_WITHIN
    ]
    return _report(ordeal, seed, as_json=as_json)


def _report(ordeal: Ordeal, seed: int, *, as_json: bool) -> ExitCode:
    def human(console: Console) -> None:
        times: dict[str, list[float]] = {}
        for each in ordeal.cycles:
            times.setdefault(each.trouble, []).append(each.recovered_after)
        rows = [
            (name, str(len(taken)), f"{sorted(taken)[len(taken) // 2]:.2f}", f"{max(taken):.2f}")
            for name, taken in sorted(times.items())
        ]
        console.print(table(("trouble", "cycles", "recovered after, s", "worst, s"), rows))
        counted = sorted(ordeal.answers.items())
        console.print(table(("answer", "times"), [(name, str(n)) for name, n in counted]))
        for line in (*ordeal.skipped, *(f"WRONG {each}" for each in ordeal.wrong[:SHOWN])):
            console.print(line, markup=False)
        console.print(f"{ordeal.bets} bets acknowledged, {len(ordeal.wrong)} findings.")

    data = {"seed": seed, **{name: getattr(ordeal, name) for name in Ordeal.__slots__}}
    return ended(data, human, wrong=len(ordeal.wrong), as_json=as_json)


async def go_through(
    ordeal: Ordeal,
    data: Path,
    names: Sequence[str],
    seed: int,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Run a house with two gates, make the troubles named one after the other, and audit it."""
    dice = Random(seed)
    async with _two_gates(data) as (gates, wire):
        crew = Crew(gates, dice)
        scene = Scene(crew, data, wire, Random(dice.random()))
        async with asyncio.TaskGroup() as group:
            group.create_task(crew.write())
            for name in names:
                await crew.answered(dice.randrange(1, 150))
                relief = await TROUBLES.get(name, fill_disk)(scene)
                await crew.served_everywhere()
                ordeal.cycles.append(Cycle(name, now() - relief))
                advance(1)
            crew.stop()
        ordeal.wrong += [*crew.wrong, *await audit(crew, scene.postgres.dsn().reader)]
        ordeal.bets += len(crew.bets)
        for code, times in crew.answers.items():
            ordeal.answers[code] = ordeal.answers.get(code, 0) + times


@asynccontextmanager
async def _two_gates(data: Path) -> AsyncIterator[tuple[list[Api], Wire]]:
    """``rooms up``, and a second process that reaches the same database over a wire."""
    house = RunningHouse(data, EVERY_SECOND)
    await asyncio.to_thread(house.start)
    timeout = aiohttp.ClientTimeout(total=60)
    try:
        async with (
            wire_to(EmbeddedPostgres(data).dsn().app) as wire,
            aiohttp.ClientSession(timeout=timeout) as http,
        ):
            second = RunningHouse(data, _elsewhere(wire.url, house.feeds))
            try:
                await asyncio.to_thread(_start_second, second)
                yield [Api(house, http), Api(second, http)], wire
            finally:
                await asyncio.to_thread(second.stop)
    finally:
        await asyncio.to_thread(house.stop)


def _elsewhere(database: str, feeds: str) -> dict[str, str]:
    """Settings of a process that shares a house's database and its sandbox."""
    sources = sandbox_overrides(feeds.removesuffix("/feeds"))["oracle"]["sources"]
    return {"ROOMS__DATABASE__URL": database} | {
        f"ROOMS__ORACLE__SOURCES__{name.upper()}__URL": source["url"]
        for name, source in sources.items()
        if source.get("url")
    }


def _start_second(second: RunningHouse) -> None:
    with (second.data / "second.log").open("ab") as log:
        second.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "rooms", "run", "gateway", "parimutuel", "ledger"),
                *("--json", "--port", "0", "--data", str(second.data)),
            ],
            env={**os.environ, **QUICK, **second.settings},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    second.base = f"http://127.0.0.1:{ready_line(second.process)['port']}"


def no_small_disk() -> str | None:
    """Say why no small file system can be mounted here, where that is so."""
    if os.geteuid() != 0:
        return "only root may mount a small file system"
    with tempfile.TemporaryDirectory() as folder:
        tried = _mount(Path(folder))
        if tried.returncode == 0:
            subprocess.run(["umount", folder], check=True)
            return None
    return tried.stderr.strip()


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a file system of a few hundred megabytes, in memory."""
    with tempfile.TemporaryDirectory() as folder:
        _mount(Path(folder)).check_returncode()
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["mount", "-t", "tmpfs", "-o", SMALL_DISK, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
