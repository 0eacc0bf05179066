"""``rooms staff``: who may act for the house."""

from typing import Annotated

import typer

from rooms.cli.output import DEFAULT_DATA, DataOption, JsonOption, report
from rooms.kernel.ids import PlayerId
from rooms.processes.office import ask_house

app = typer.Typer(help="Make staff and their tokens.", no_args_is_help=True)


@app.callback()
def staff() -> None:
    """Make staff and their tokens."""


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="The administrator's name.")],
    *,
    player: Annotated[
        int | None, typer.Option(min=1, help="The player they also are, if any.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Make an administrator, or a further token for one. It is shown once and never stored."""
    also = None if player is None else PlayerId(player)
    made = ask_house(data, lambda house: house.identity.appoint(name, also))
    report({"name": name, "token": made}, lambda console: console.print(made), as_json=as_json)
