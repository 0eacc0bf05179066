"""``rooms up``: everything at once, for a first look and for development."""

from typing import Annotated

import typer
from rich.console import Console

from rooms.cli.output import (
    DEFAULT_DATA,
    LAST_PORT,
    DataOption,
    JsonOption,
    progress,
    report,
    table,
)
from rooms.platform import migrate
from rooms.platform.datafolder import open_data_folder
from rooms.platform.filelock import hold_up_lock
from rooms.platform.postgres import use_database
from rooms.platform.settings import load, make_master_key
from rooms.platform.telemetry import log_to
from rooms.processes.loop import run_loop
from rooms.processes.up import Addresses, UpOptions, up
from rooms.processes.web import listen

app = typer.Typer(help="Start the house with its database, the sandbox and robots.")


@app.command()
def start(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=LAST_PORT, help="Where players reach the house.")
    ] = 8600,
    sandbox_port: Annotated[
        int, typer.Option(min=0, max=LAST_PORT, help="Where the play feeds answer.")
    ] = 8601,
    host: Annotated[str, typer.Option(help="The address to bind to.")] = "127.0.0.1",
    data: DataOption = DEFAULT_DATA,
    robots: Annotated[int, typer.Option(min=0, max=200, help="How many robots play.")] = 20,
    seed: Annotated[int, typer.Option(help="Decides prices and what robots do.")] = 7,
    as_json: JsonOption = False,
) -> None:
    """Start the house and keep it running until Ctrl-C."""
    folder = open_data_folder(data)
    with hold_up_lock(folder), listen(host, port, "--port") as web:
        make_master_key(folder)
        settings = load(folder)
        log_to(folder / "rooms.log", settings.telemetry.log_level)
        progress("starting PostgreSQL ...")
        with use_database(folder, settings.database) as dsn:
            applied = migrate.migrate(dsn.owner)
            progress(f"database ready, {len(applied)} migrations applied")
            options = UpOptions(
                data=folder,
                host=host,
                port=port,
                sandbox_port=sandbox_port,
                robots=robots,
                seed=seed,
            )
            run_loop(up(options, dsn.app, web, lambda at: _tell(at, as_json=as_json)))
            progress("stopping ...")


def _tell(at: Addresses, *, as_json: bool) -> None:
    report({"ready": True, "addresses": at}, lambda console: _banner(console, at), as_json=as_json)


def _banner(console: Console, at: Addresses) -> None:
    rows = [
        ("Rooms", at.page),
        ("Keno", at.keno),
        ("Check a draw", at.verify),
        ("API", at.api),
        ("API reference", at.api_docs),
        ("Play feeds", at.sandbox),
        ("Data", at.data),
        ("Robots", str(at.robots)),
    ]
    console.print()
    console.print(table(("", ""), rows))
    console.print()
    console.print(
        "SANDBOX, play money: fixed play prices, no real chain. Never expose these ports."
    )
    console.print("Ctrl-C stops the house; everything is kept in the data folder.")
