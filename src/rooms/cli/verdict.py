"""How verifiers speak: options, verdicts, refusals. Needs proof, and nothing of the house."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from rooms.proof.fields import Malformed, read_object
from rooms.proof.findings import Report
from rooms.proof.leaves import PublishedKeys, parse_keys

FAILED: Final = 1
MALFORMED: Final = 2
MISMATCH: Final = 3

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Data = Annotated[str, typer.Option("--data", help="The data folder; nothing here reads it.")]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="FILE", help="The deployment's keys: what /v1/log/key answers."),
]

_EXITS: Final = {
    "verified": 0,
    "mismatch": MISMATCH,
    "not_revealed": FAILED,
    "cannot_check": FAILED,
}
_WORDS: Final = {
    "verified": "verified",
    "mismatch": "does not match",
    "not_revealed": "not revealed yet",
    "cannot_check": "cannot be checked: something is missing",
}
_NEXT: Final = {
    "mismatch": "fetch it again; if it stays so, show it to the house and others.",
    "not_revealed": "ask again once the round is drawn.",
    "cannot_check": "fetch it again once what is missing is there.",
}


def give(report: Report, unchecked: Sequence[str], *, as_json: bool) -> None:
    """Tell what was found, and end with the verdict's exit code."""
    if as_json:
        steps = [asdict(step) for step in report.steps]
        told = {"verdict": report.verdict, "steps": steps, "unchecked": list(unchecked)}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        _tell(report, unchecked)
    if report.verdict != "verified":
        raise typer.Exit(_EXITS[report.verdict])


def _tell(report: Report, unchecked: Sequence[str]) -> None:
    lines = [f"{'✓' if step.ok else '✗'} {step.name}: {step.detail}" for step in report.steps]
    lines += [f"? not checked: {each}" for each in unchecked]
    lines.append(f"verdict: {_WORDS[report.verdict]}")
    if report.verdict != "verified":
        lines.append(f"Next: {_NEXT[report.verdict]}")
    if not sys.stdout.isatty():
        sys.stdout.write("\n".join(lines) + "\n")
        return
    from rich.console import Console  # noqa: PLC0415 - a pipe never pays for loading it

    console = Console(highlight=False)
    colours = {"✓": "green", "✗": "red", "?": "yellow", "v": "bold", "N": "bold"}
    for line in lines:
        console.print(line, style=colours[line[0]], markup=False)


def refuse(problem: str, then: str) -> NoReturn:
    """Say in a sentence why nothing could be checked, and what to do; exit code 2."""
    sys.stderr.write(f"{problem}\nNext: {then}\n")
    raise typer.Exit(MALFORMED)


def read_keys(file: str | None) -> PublishedKeys | None:
    """Read the keys that a person has of the deployment, if any were given."""
    if file is None:
        return None
    try:
        return parse_keys(read_object(Path(file).read_bytes()))
    except OSError as error:
        refuse(f"{file} cannot be read: {error.strerror}.", "name the file with the keys.")
    except Malformed as problem:
        refuse(f"{file} has no keys: {problem}.", "save what the house answers at /v1/log/key.")
