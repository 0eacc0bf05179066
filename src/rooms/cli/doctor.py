"""``rooms doctor``: what is wrong here, and what to do about each of it."""

import asyncio
from typing import Annotated, Final

import typer
from rich.console import Console

from rooms.cli.findings import Finding, database, disk, feeds, held, ports
from rooms.cli.output import DEFAULT_DATA, LAST_PORT, DataOption, JsonOption, progress, report
from rooms.platform.filelock import up_process
from rooms.platform.problem import ExitCode
from rooms.platform.settings import load, sandbox_overrides
from rooms.platform.telemetry import log_to
from rooms.processes.asking import ask_sources
from rooms.processes.up import addresses_of

app = typer.Typer(help="Look at database, ports, clock, feeds and disk.")
_MARKS: Final = {"ok": "ok", "warning": "warning", "problem": "PROBLEM"}


@app.command()
def doctor(
    *,
    data: DataOption = DEFAULT_DATA,
    host: Annotated[str, typer.Option(help="The address that `rooms up` binds to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=LAST_PORT, help="The port of `rooms up`.")] = 8600,
    sandbox_port: Annotated[
        int, typer.Option(min=0, max=LAST_PORT, help="Its sandbox's port.")
    ] = 8601,
    token: Annotated[str | None, typer.Option(help="A mint to ask token sources for.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at everything a house needs; exit code 3 where there is a problem.

    While `rooms up` runs on the data folder, its sandbox's feeds are asked, else the real ones.
    """
    up = up_process(data)
    at = addresses_of(data) if up is not None else None
    sandbox = None
    if up is not None:
        feeds_at = at.sandbox.removesuffix("/feeds") if at else f"http://{host}:{sandbox_port}"
        sandbox = sandbox_overrides(feeds_at)
    settings = load(data, profile=sandbox)
    log_to(None, settings.telemetry.log_level)
    progress("asking the price sources ...")
    answers = asyncio.run(ask_sources(settings.oracle, token, sandbox=up is not None))
    findings = [
        *database(data.absolute(), settings),
        disk(data.absolute()),
        *(
            held(at, up)
            if up is not None and at is not None
            else ports(host, (("--port", port), ("--sandbox-port", sandbox_port)), up)
        ),
        *feeds(settings.oracle, answers),
    ]
    healthy = all(finding.status != "problem" for finding in findings)
    shown = {"ok": healthy, "findings": findings}
    report(shown, lambda console: _in_words(console, findings), as_json=as_json)
    if not healthy:
        raise typer.Exit(ExitCode.PROBLEMS_FOUND)


def _in_words(console: Console, findings: list[Finding]) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = _MARKS[finding.status]
        console.print(f"{finding.name:<{width}}  {mark:<7}  {finding.detail}", markup=False)
        if finding.next is not None:
            console.print(f"{'':<{width}}  Next: {finding.next}", markup=False)
    count = sum(finding.status == "problem" for finding in findings)
    console.print(f"\n{count} problem{'s' * (count > 1)}." if count else "\nNo problems.")
