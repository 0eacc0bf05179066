"""``./rooms torture NAME``: try to break the house; exit code 3 where it broke."""

import argparse
import difflib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final

# Each is a module of this folder with a function `command`, which gives the exit code.
COMMANDS: Final = {
    "crash": "kill a process before or after each message of each money command",
    "database": "stop PostgreSQL at once under writers, fill its disk, cut its connections",
    "race": "let many clients do at the same time what only one may do",
    "clock": "kill, stop and lie to those who want to lead the clock of keno",
    "simulate": "run rooms on a virtual clock with delays, reordering, duplicates and faults",
    "hostile": "send bodies, headers and paths that nobody should send",
    "live": "cut clients of the feed off, kill its gateways; each must end with the truth",
    "planted": "show which test catches each planted bug",
}


PLACE: Final = "--data DIR: where its throwaway houses are made, if not in the system's folder."


def run(arguments: Sequence[str]) -> int:
    """Run one kind of torture and give its exit code; a bug of ours passes through."""
    name, *rest = arguments or ["--help"]
    if name in {"-h", "--help", "help"}:
        sys.stdout.write(_overview())
        return 0
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        sys.stderr.write(f"There is no torture {name!r}.\nNext: {hint}./rooms torture --help\n")
        return 2
    return _run_command(name, list(rest))


def _run_command(name: str, arguments: list[str]) -> int:
    command = f"./rooms torture {name}"
    place, rest = _place_in(arguments)
    try:
        typer = import_module("typer")
        app = typer.Typer(add_completion=False)
        app.command(epilog=PLACE)(import_module(f"tests.torture.{name}").command)
        with made_in(place):
            ended = typer.main.get_command(app).main(
                args=rest, prog_name=command, standalone_mode=False
            )
    except BaseException as error:
        code = import_module("rooms.cli.failures").tell(error, command)
        if code is None:
            raise
        return int(code)
    return int(ended) if isinstance(ended, int) else 0


def _place_in(arguments: list[str]) -> tuple[Path | None, list[str]]:
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--data", type=Path, metavar="DIR")
    found, rest = options.parse_known_args(arguments)
    return found.data, rest


@contextmanager
def made_in(place: Path | None) -> Iterator[None]:
    """Make throwaway folders in this one while inside, those of started processes too."""
    if place is None:
        yield
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = import_module("rooms.platform.problem")
        raise problem.Problem(
            f"{place} cannot be used: {error.strerror}",
            exit_code=problem.ExitCode.FAILED,
            next_step="name another folder with --data",
        ) from error
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(place.resolve())
    try:
        yield
    finally:
        tempfile.tempdir = before[0]
        del os.environ["TMPDIR"]
        os.environ.update({} if before[1] is None else {"TMPDIR": before[1]})


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS.items()]
    head = "Usage: ./rooms torture NAME [OPTIONS]    each: ./rooms torture NAME --help\n\n"
    return head + "\n".join(lines) + f"\n\n{PLACE}\n"


if __name__ == "__main__":
    # What was started must be stopped, however one is asked to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))
