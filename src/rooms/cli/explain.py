"""``rooms explain``: what a code such as E-BET-LOCKED means, and what to do."""

from typing import Annotated

import typer
from rich.console import Console

from rooms.cli.output import DEFAULT_DATA, DataOption, JsonOption, report, table
from rooms.entrypoints.catalogue import Entry, catalogue, nearest
from rooms.platform.problem import ExitCode, Problem

app = typer.Typer(help="What a code means, and what to do.")


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(help="A code; without one, all are listed.")] = None,
    *,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Explain a code such as E-BET-LOCKED."""
    del data  # as every command takes it; no house is asked
    if code is None:
        _list(as_json=as_json)
        return
    entry = _find(code)
    words = entry.explained()
    rows = [
        ("what happened", words.detail),
        ("your money", words.money),
        ("what to do", words.next),
        ("HTTP status", str(entry.status)),
    ]

    def in_words(console: Console) -> None:
        console.print(table((entry.code, words.title), rows))

    named = {"code": entry.code, "status": entry.status, "title": words.title}
    texts = {"detail": words.detail, "money": words.money, "next": words.next}
    report(named | texts, in_words, as_json=as_json)


def _list(*, as_json: bool) -> None:
    rows = [(entry.code, entry.title) for entry in catalogue().values()]
    report(dict(rows), lambda it: it.print(table(("code", "meaning"), rows)), as_json=as_json)


def _find(code: str) -> Entry:
    entry = catalogue().get(code.strip().upper())
    if entry is None:
        near = nearest(code)
        raise Problem(
            f"There is no code {code!r}.",
            exit_code=ExitCode.USAGE,
            next_step=f"did you mean {near}? rooms explain {near}" if near else "rooms explain",
        )
    return entry
