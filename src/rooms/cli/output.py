"""How commands speak: reports on standard output, progress on standard error."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rooms.kernel.time import rfc3339
from rooms.platform.problem import ExitCode, Problem

DataOption = Annotated[Path, typer.Option("--data", help="The data folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show it; change nothing.")]
DEFAULT_DATA = Path(".rooms")
LAST_PORT = 65535
_UNBOUNDED = 10_000


def report(data: object, human: Callable[[Console], None], *, as_json: bool) -> None:
    """Print ``data`` as one line of JSON, or let ``human`` print it in words and tables.

    ``data`` is made of dataclasses, lists, mappings, text, numbers; a Decimal becomes text.
    """
    if as_json:
        sys.stdout.write(msgspec.json.encode(_timed(data)).decode() + "\n")
    else:
        # Only a terminal has a width; what is piped on keeps each row on one line.
        human(Console(highlight=False, width=None if sys.stdout.isatty() else _UNBOUNDED))
    # A command that goes on after its report, as a server does, must not keep it back.
    sys.stdout.flush()


def _timed(data: object) -> object:
    """Write every time as everywhere else: RFC 3339 with milliseconds."""
    match msgspec.to_builtins(data, builtin_types=(datetime,)):
        case datetime() as at:
            return rfc3339(at)
        case dict() as named:
            return {name: _timed(value) for name, value in named.items()}
        case list() | tuple() as listed:
            return [_timed(value) for value in listed]
        case plain:
            return plain


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Lay out rows under their heads; what strangers wrote stays text."""
    laid = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        laid.add_column(head, overflow="fold")
    for row in rows:
        # Printed as it is: rich would take square brackets for its markup.
        laid.add_row(*(Text(cell) for cell in row))
    return laid


def progress(message: str) -> None:
    """Say on standard error what is being done."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def confirm(question: str, *, yes: bool) -> None:
    """Ask before a change. Problem (exit code 4) where nobody answers, or the answer is no."""
    if yes:
        return
    agreed = sys.stdin.isatty() and typer.confirm(question, err=True)
    if not agreed:
        raise Problem(
            "Nothing was changed: this needs confirmation.",
            exit_code=ExitCode.NEEDS_CONFIRMATION,
            next_step="the same command with --yes, or with --dry-run to see what it would do",
        )
