"""``rooms db``: the database's version and address."""

from enum import StrEnum
from typing import Annotated

import typer

from rooms.cli.output import (
    DEFAULT_DATA,
    DataOption,
    DryRunOption,
    JsonOption,
    progress,
    report,
    table,
)
from rooms.platform import migrate as migrations
from rooms.platform.postgres import EmbeddedPostgres, own_database, use_database
from rooms.platform.problem import ExitCode, Problem
from rooms.platform.settings import load

app = typer.Typer(help="The database's version and address.", no_args_is_help=True)


class Role(StrEnum):
    """As whom to connect."""

    APP = "app"
    READER = "reader"
    OWNER = "owner"


@app.command()
def migrate(
    *,
    data: DataOption = DEFAULT_DATA,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the database to the version of this program."""
    with use_database(data, load(data).database) as dsn:
        if dry_run:
            names = migrations.status(dsn.owner).pending
        else:
            progress("migrating ...")
            names = migrations.migrate(dsn.owner)
    verb = "would apply" if dry_run else "applied"
    words = f"{verb} {', '.join(names)}" if names else "nothing to apply"
    report({"applied": names, "dry_run": dry_run}, lambda it: it.print(words), as_json=as_json)


@app.command()
def status(*, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Show the database's version and what is pending; exit code 3 where something is."""
    with use_database(data, load(data).database) as dsn:
        found = migrations.status(dsn.reader)
    rows = [
        ("version", found.current or "none"),
        ("of this program", found.head),
        ("pending", ", ".join(found.pending) or "nothing"),
    ]
    report(found, lambda it: it.print(table(("database", ""), rows)), as_json=as_json)
    if found.pending:
        raise Problem(
            f"{len(found.pending)} migrations are pending.",
            exit_code=ExitCode.PROBLEMS_FOUND,
            next_step="rooms db migrate",
        )


@app.command()
def url(
    *,
    role: Annotated[Role, typer.Option(help="As whom to connect.")] = Role.READER,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Print the running database's address with its password, for psql."""
    dsn = own_database(load(data).database) or EmbeddedPostgres(data).dsn()
    address = {Role.APP: dsn.app, Role.READER: dsn.reader, Role.OWNER: dsn.owner}[role]
    report(
        {"role": role, "url": address},
        lambda it: it.print(address, soft_wrap=True),
        as_json=as_json,
    )
