"""``rooms config``: every setting in force, and where its value comes from."""

import typer
from rich.console import Console

from rooms.cli.output import DEFAULT_DATA, DataOption, JsonOption, report, table
from rooms.platform.settings import layers

app = typer.Typer(help="The settings in force.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Show the settings in force."""


@app.command()
def show(*, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Show every setting with its origin; secrets are masked."""
    shown = layers(data).show()

    def in_words(console: Console) -> None:
        rows = [(each.key, "" if each.value is None else each.value, each.origin) for each in shown]
        console.print(table(("setting", "value", "from"), rows))

    report(shown, in_words, as_json=as_json)
