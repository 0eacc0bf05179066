"""``./rooms bench``: measure, against a reference in the same run."""

import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
import uvloop
from rich.console import Console
from typer.main import get_command

from benchmarks.figures import Figure, require_floors
from benchmarks.lab import Extent, Lab
from benchmarks.questions import ON_REQUEST, QUESTIONS, Question, question
from benchmarks.server import Server, throwaway_server
from rooms.cli.failures import tell
from rooms.cli.output import JsonOption, progress, table
from rooms.platform.telemetry import log_to
from rooms.processes.loop import keep_what_is_loaded

HEADS: Final = ("", "", "median", "worst", "scaled", "x Ref8", "worst", "floor", "aim", "")
UNBOUNDED: Final = 10_000


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which to run; all but growth without it.")
    ] = None,
    *,
    listed: Annotated[bool, typer.Option("--list", help="Show them with floors and aims.")] = False,
    runs: Annotated[int, typer.Option(min=1, help="How often each is run.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long a run of bets lasts.")] = 5.0,
    part: Annotated[
        float, typer.Option(min=0, max=1, help="Build less; below 1 no speed is judged.")
    ] = 1.0,
    data: Annotated[
        Path | None, typer.Option(help="Where throwaway servers are made; a temporary folder.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A server of yours: a user who may make databases.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure; exit code 3 where a floor is missed, a bet lost or the books are wrong."""
    if listed:
        _list({name: question(name) for name in names or (*QUESTIONS, *ON_REQUEST)})
        return
    asked = {name: question(name) for name in names or QUESTIONS}
    figures = []
    for name, each in asked.items():
        progress(f"{name}: {each.ASKS}")
        answered = _measure(each, Extent(runs=runs, seconds=seconds, part=part), data, url)
        _show(answered, as_json=as_json)
        figures += answered
    require_floors(figures)


def _measure(asked: Question, extent: Extent, data: Path | None, url: str | None) -> list[Figure]:
    """Measure on a fresh server: what came before would leave its marks on it."""
    with tempfile.TemporaryDirectory(dir=data, prefix="rooms-bench-") as made:
        folder = Path(made)
        with _server(folder / "house", url) as server:
            log_to(folder / "house.log")
            keep_what_is_loaded()
            return uvloop.run(_answer(asked, Lab(server, folder, extent, asked.TARGETS)))


async def _answer(asked: Question, lab: Lab) -> list[Figure]:
    try:
        return await asked.measure(lab)
    finally:
        if lab.server.embedded is None:
            await lab.server.drop_databases()


@contextmanager
def _server(folder: Path, url: str | None) -> Iterator[Server]:
    if url is not None:
        yield Server(url)
    else:
        with throwaway_server(folder) as server:
            yield server


def _show(figures: Sequence[Figure], *, as_json: bool) -> None:
    if as_json:
        for figure in figures:
            sys.stdout.write(msgspec.json.encode(figure.json()).decode() + "\n")
        sys.stdout.flush()
        return
    # Only a terminal has a width; what is piped on keeps each row on one line.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)
    console.print(table(HEADS, [_row(figure) for figure in figures]))
    for figure in figures:
        besides = [f"{name} {value:,.5g}" for name, value in figure.details.items() if value]
        if besides:
            console.print(f"   {figure.name}: {', '.join(besides)}")


def _row(figure: Figure) -> tuple[str, ...]:
    target = figure.target
    return (
        "✔" if figure.ok else "✖",
        figure.name,
        f"{figure.value:,.5g} {figure.unit}",
        f"{figure.worst:,.5g}",
        "" if figure.scaled is None else f"{figure.scaled:,.5g}",
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.worst_ratio is None else f"{figure.worst_ratio:.2f}",
        target.words(figure.floor),
        target.words(figure.aim),
        "aim reached" if figure.aim is not None and figure.aim_reached else "",
    )


def _list(asked: dict[str, Question]) -> None:
    rows = [
        (name, target.words(target.floor), target.words(target.aim), each.ASKS)
        for each in asked.values()
        for name, target in each.TARGETS.items()
    ]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED)
    console.print(table(("benchmark", "floor", "aim", "asks"), rows))


def main() -> int:
    """Run the command of the process's arguments and give its exit code."""
    app = typer.Typer(add_completion=False)
    app.command(name="bench")(bench)
    # Told to end, as by Ctrl-C, a benchmark stops its server and removes its folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ended: Any = get_command(app).main(prog_name="rooms bench", standalone_mode=False)
    except BaseException as error:
        code = tell(error, "rooms bench")
        if code is None:
            raise
        return code
    return ended if isinstance(ended, int) else 0


if __name__ == "__main__":
    sys.exit(main())
