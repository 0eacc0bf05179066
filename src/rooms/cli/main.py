"""The way into every command: only the one that is asked for is imported."""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

# Each is a module of this package with its Typer application under the name `app`.
COMMANDS: Final = {
    "up": "start the house with its database, the sandbox and robots",
    "run": "run some modules against ROOMS__DATABASE__URL",
    "doctor": "look at database, ports, clock, feeds and disk",
    "config": "show every setting and where it comes from",
    "db": "migrate the database, show its version or its address",
    "ledger": "check the books, explain an account",
    "room": "settle or void a room as staff",
    "staff": "make staff and their tokens",
    "keno": "weigh paytables, judge draws, stream their words",
    "verify": "check what the house published, without the house",
    "explain": "explain a code such as E-BET-LOCKED",
}
_LAUNCHER: Final = {
    "test": "run the tests; arguments go to pytest",
    "bench": "measure, against a reference in the same run",
    "torture": "try to break it: crash, database, race, clock, simulate, hostile, live, planted",
}


def main() -> None:
    """Run the command of the process's arguments and end with its exit code."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # who read us has seen enough, as in `rooms config show | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; a bug passes through as it was raised."""
    name, *rest = arguments or ["--help"]
    if name in {"-h", "--help", "help"}:
        sys.stdout.write(_overview())
        return 0
    if name == "--version":
        sys.stdout.write(f"rooms {import_module('rooms').__version__}\n")
        return 0
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {nearest[0]}? rooms --help" if nearest else "rooms --help"
        sys.stderr.write(f"There is no command {name!r}.\nNext: {hint}\n")
        return 2
    return _run_command(name, rest)


def _run_command(name: str, arguments: list[str]) -> int:
    try:
        app = import_module(f"rooms.cli.{name}").app
        command = import_module("typer.main").get_command(app)
        ended = command.main(args=arguments, prog_name=f"rooms {name}", standalone_mode=False)
    except BaseException as error:
        code = import_module("rooms.cli.failures").tell(error, f"rooms {name}")
        if code is None:
            raise
        return int(code)
    return ended if isinstance(ended, int) else 0


def _overview() -> str:
    names = {**COMMANDS, **_LAUNCHER}
    width = max(map(len, names))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in names.items()]
    head = "Usage: rooms COMMAND [OPTIONS]    each command: rooms COMMAND --help\n\n"
    return head + "\n".join(lines) + "\n"
