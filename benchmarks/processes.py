"""Processes that a benchmark starts, each of which says in one line that it is ready."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

ROOT: Final = Path(__file__).parents[1]
READY_WITHIN: Final = 120.0
STOPPED_WITHIN: Final = 30.0
PR_SET_PDEATHSIG: Final = 1
_SYSTEM: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """Called in a new process: have it told to end when who started it is gone, however that was.

    Only Linux can. Without it, what a killed benchmark had started waits for ever.
    """
    if _SYSTEM is not None:
        _SYSTEM.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@asynccontextmanager
async def process(
    *arguments: str, log: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[int, Any]]:
    """Run ``python ARGUMENTS`` while inside; give its number and what its first line says.

    What it says on standard error goes to ``log``. It is told to end by SIGTERM.
    """
    with log.open("ab") as written:
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=written,
            preexec_fn=end_with_parent,
        )
    try:
        yield running.pid, await _ready(running, log)
    finally:
        await _end(running)


async def _ready(running: asyncio.subprocess.Process, log: Path) -> Any:
    assert running.stdout is not None
    line = b""
    with suppress(TimeoutError):
        line = await asyncio.wait_for(running.stdout.readline(), READY_WITHIN)
    assert line, f"it did not become ready: {_last_words(log)}"
    return msgspec.json.decode(line)


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-500:]


async def _end(running: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        running.terminate()
    try:
        await asyncio.wait_for(running.wait(), STOPPED_WITHIN)
    except TimeoutError:
        running.kill()
        await running.wait()


async def ask(*arguments: str, given: object) -> Any:
    """Run ``python ARGUMENTS`` to its end; it is given and answers a JSON document."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=end_with_parent,
    )
    try:
        said, _ = await running.communicate(msgspec.json.encode(given))
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    assert running.returncode == 0, f"{arguments} ended with {running.returncode}"
    return msgspec.json.decode(said)
