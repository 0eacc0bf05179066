"""The program's commands, each in a process of its own that is forked from a warm one.

What a command costs is mostly what it imports, the same for each: one process per worker of pytest
has imported it, and a command begins where the launcher's Python would, at ``main``. What is
imported, and how a process ends that nobody catches, is asked of a new Python where it matters.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import Final

from rooms.cli.main import COMMANDS, main

WARM: Final = (
    *(f"rooms.cli.{name}" for name in COMMANDS),
    *("rooms.cli.failures", "rooms.platform.migrate", "alembic.command", "alembic.config"),
    *("typer.main", "typer._adapters", "typer.rich_utils", "rich._emoji_codes", "uvloop"),
)


def run_rooms(
    *arguments: str,
    given: bytes | str | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> CompletedProcess[bytes]:
    """Run a command to its end; without ``given`` its standard input is empty."""
    said = given.encode() if isinstance(given, str) else given or b""
    with tempfile.TemporaryDirectory(prefix="rooms-command-") as name:
        folder = Path(name)
        (folder / "0").write_bytes(said)
        env = dict(os.environ if environment is None else environment)
        process = _warm().Process(target=_command, args=(arguments, folder, cwd or Path.cwd(), env))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutExpired(arguments, seconds)
        code = process.exitcode
        process.close()
        return CompletedProcess(
            arguments, code, (folder / "1").read_bytes(), (folder / "2").read_bytes()
        )


def in_words(ended: CompletedProcess[bytes]) -> CompletedProcess[str]:
    """Read what a command has printed as text."""
    return CompletedProcess(
        ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
    )


@cache
def _warm() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *WARM])
    return context


def _command(
    arguments: tuple[str, ...], folder: Path, cwd: Path, environment: Mapping[str, str]
) -> None:
    """Be a command: what a new process has, and ``main``."""
    for number, flags in enumerate((os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT] * 2)):
        opened = os.open(folder / str(number), flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, closefd=False)  # noqa: SIM115 - for as long as the process lives
        for number, mode in enumerate("rww")
    )
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["rooms", *arguments]
    main()
