"""Processes that want to lead the clock of keno, and the log: each is forked from one that has imported all.

Run as a module it is that process: it forks a candidate for each database and sandbox that it
reads, says its process id, and ends all of them with its own end.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, NoReturn

from rooms.platform.settings import Settings
from rooms.platform.telemetry import log_to
from rooms.processes.compose import open_house
from rooms.processes.loop import run_loop
from rooms.processes.run import running
from tests.torture import crash_house

ROOT: Final = Path(__file__).parents[2]
NOWHERE: Final = "http://127.0.0.1:9"
CONNECTIONS: Final = 6
LEASE: Final = timedelta(seconds=2)
REFUSED: Final = (
    "another process leads the clock of keno now",
    "another process leads the log now",
)


def settings(sandbox: str = NOWHERE) -> Settings:
    """Settings of every process of the ring: a short lease, and the sandbox's drand."""
    usual = crash_house.settings(sandbox)
    return usual.model_copy(
        update={
            "database": usual.database.model_copy(update={"pool_size": CONNECTIONS}),
            "keno": usual.keno.model_copy(update={"lease": LEASE}),
        }
    )


@dataclass(frozen=True, slots=True)
class Forge:
    """The process that forks candidates, and the file in which they log."""

    process: asyncio.subprocess.Process
    log: Path
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def candidate(self, database: str, sandbox: str) -> int:
        """Start a candidate; give its process id."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        async with self.turn:
            self.process.stdin.write(f"{database} {sandbox}\n".encode())
            return int(await self.process.stdout.readline())

    def refused(self) -> int:
        """Count how often a leader was told that it leads no more."""
        told = self.log.read_text()
        return sum(told.count(each) for each in REFUSED)


@asynccontextmanager
async def forge(log: Path, environment: Mapping[str, str]) -> AsyncIterator[Forge]:
    """Start a process that forks candidates, in this environment."""
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
    try:
        yield Forge(process, log)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


def main() -> None:
    """Fork a candidate for each line that comes, until none does; then end them all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, whose end is ours
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is nobody's to wait for
    log_to(None, "warning")
    gc.collect()
    gc.freeze()
    pids = []
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _be_a_candidate(*line.split())
        pids.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _be_a_candidate(database: str, sandbox: str) -> NoReturn:
    with open(os.devnull) as nothing:  # noqa: PTH123 - a descriptor, not a file of ours
        os.dup2(nothing.fileno(), 0)
    run_loop(_stand(database, sandbox))
    os._exit(1)


async def _stand(database: str, sandbox: str) -> None:
    async with open_house(settings(sandbox), database) as house:
        crash_house.SteppedHouse(house).sequencer.lease.length = LEASE
        async with running(house, ["fairness", "keno"]):
            await asyncio.Event().wait()


if __name__ == "__main__":
    main()
