"""What every torture stands on: a server of its own, progress, a report, an honest bound."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rooms.cli.output import progress, report
from rooms.platform import migrate
from rooms.platform.postgres import Dsn, EmbeddedPostgres
from rooms.platform.problem import ExitCode
from tests.addresses import of_superuser

SeedOption = Annotated[int, typer.Option("--seed", help="The same seed does the same again.")]
SecondsOption = Annotated[
    float | None, typer.Option("--seconds", min=1, help="Stop after this time, whatever is left.")
]
LINE_EVERY: Final = 10.0
"""Seconds between two lines of progress where standard error is not a terminal."""


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL that lives as long as the torture; its database ``rooms`` is migrated."""

    dsn: Dsn
    data: Path
    postgres: EmbeddedPostgres

    def superuser(self, database: str = "postgres") -> str:
        """Give the address of the server's own superuser, who may end sessions."""
        return of_superuser(self.data, self.dsn, database)


@contextmanager
def own_server() -> Iterator[Server]:
    """Start a migrated PostgreSQL in a temporary folder, and remove it in the end.

    Blocking: enter it before an event loop runs.
    """
    with tempfile.TemporaryDirectory(prefix="rooms-torture-") as folder:
        postgres = EmbeddedPostgres(Path(folder))
        with postgres as dsn:
            migrate.migrate(dsn.owner)
            yield Server(dsn, Path(folder), postgres)


@contextmanager
def counting(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show on standard error how far one has come; call what is given with each advance."""
    if not sys.stderr.isatty():
        yield _told_in_lines(what, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)


def _told_in_lines(what: str, total: int | None) -> Callable[[int], None]:
    done, told = 0, time.monotonic()

    def advance(more: int) -> None:
        nonlocal done, told
        done += more
        if time.monotonic() - told >= LINE_EVERY or done == total:
            told = time.monotonic()
            progress(f"{what}: {done}" + (f" of {total}" if total else ""))

    return advance


def rule_of_three(attempts: int) -> float:
    """Bound the rate of failure, with 95 % confidence, where none of the attempts has failed."""
    return min(1.0, 3 / attempts) if attempts else 1.0


def bound_in_words(attempts: int, wrong: int, what: str) -> str:
    """Say what the count shows and what it does not."""
    if wrong:
        return f"{wrong} of {attempts} {what} went wrong."
    percent = Decimal(f"{100 * rule_of_three(attempts):.2g}")  # two digits, however small
    return (
        f"None of {attempts} {what} went wrong: with 95 % confidence fewer than "
        f"{percent:f} % of them would."
    )


def ended(data: object, human: Callable[[Console], None], *, wrong: int, as_json: bool) -> ExitCode:
    """Report, and give the exit code: 3 where something was wrong."""
    report(data, human, as_json=as_json)
    return ExitCode.PROBLEMS_FOUND if wrong else ExitCode.OK
