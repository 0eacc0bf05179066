"""``torture crash``: every money command is killed at a message, sent again, and compared."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Final

import typer
from rich.console import Console

from rooms.cli.output import JsonOption, progress, table
from rooms.platform.problem import ExitCode, Problem
from tests.torture import crash_commands
from tests.torture.crash_harness import Verdict, attempt_all, harnesses, learn
from tests.torture.crash_points import Point, chosen, parse_point
from tests.torture.running import (
    SecondsOption,
    SeedOption,
    Server,
    bound_in_words,
    counting,
    ended,
    own_server,
    rule_of_three,
)

MODULE: Final = crash_commands.__name__
SIDE_BY_SIDE: Final = 3
"""So many commands are killed at a time: their processes wait for one another often."""


@dataclass(slots=True)
class Tally:
    """One command: points there are, tried, killed at, with an acknowledged answer, wrong."""

    points: int = 0
    tried: int = 0
    killed: int = 0
    acknowledged: int = 0
    wrong: int = 0


@dataclass(slots=True)
class Outcome:
    """What a run came to; ``bound`` is the rate of failure that it cannot exclude (95 %)."""

    seed: int
    seconds: float = 0.0
    killed: int = 0
    bound: float = 1.0
    commands: dict[str, Tally] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        """Count one more point."""
        tally = self.commands[verdict.point.command]
        tally.tried += 1
        tally.killed += verdict.killed
        tally.acknowledged += bool(verdict.acknowledged)
        self.killed += verdict.killed
        if verdict.wrong:
            tally.wrong += 1
            self.failures[str(verdict.point)] = verdict.wrong
        self.bound = 1.0 if self.failures else rule_of_three(self.killed)


def command(
    *,
    points: Annotated[int, typer.Option(min=1, help="At how many points to kill.")] = 300,
    seed: SeedOption = 1,
    seconds: SecondsOption = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this point, as in place_bet:send:before:7.")
    ] = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Kill a process before or after messages of each money command; send it again; compare."""
    named = [parse_point(each) for each in only or ()]
    for point in named:
        if point.command not in crash_commands.COMMANDS:
            raise Problem(
                f"There is no command {point.command!r}",
                exit_code=ExitCode.USAGE,
                next_step="name one of " + ", ".join(crash_commands.COMMANDS),
            )
    outcome = Outcome(seed)
    with own_server() as server:
        try:
            asyncio.run(_run(server, outcome, named, points, seconds or math.inf))
        except KeyboardInterrupt:
            progress("stopped; this is what was found until then")
    return ended(
        outcome, lambda out: _show(out, outcome), wrong=len(outcome.failures), as_json=as_json
    )


async def _run(
    server: Server, outcome: Outcome, named: Sequence[Point], most: int, seconds: float
) -> None:
    begun = time.monotonic()
    commands = dict.fromkeys(point.command for point in named) or crash_commands.COMMANDS
    side_by_side = min(SIDE_BY_SIDE, len(named) or most)
    async with harnesses(side_by_side, MODULE, server.dsn, server.superuser()) as working:
        progress("looking at each command undisturbed")
        existing = await learn(working, commands)
        for name, count in Counter(point.command for point in existing).items():
            outcome.commands[name] = Tally(points=count)
        queue = iter(named) if named else islice(chosen(existing, outcome.seed), most)
        with counting("points", len(named) or most) as advance:

            def note(verdict: Verdict) -> None:
                outcome.add(verdict)
                outcome.seconds = round(time.monotonic() - begun, 1)
                advance(1)

            books = await attempt_all(working, queue, note, until=begun + seconds)
    if books:
        outcome.failures["the books in the end"] = books


def _show(out: Console, outcome: Outcome) -> None:
    heads = ("command", "points there are", "tried", "killed", "acknowledged before", "wrong")
    rows = [
        [name, *(str(getattr(tally, field)) for field in Tally.__slots__)]
        for name, tally in outcome.commands.items()
    ]
    sums: Counter[str] = Counter()
    for tally in outcome.commands.values():
        sums.update({field: getattr(tally, field) for field in Tally.__slots__})
    rows.append(["all", *(str(sums[field]) for field in Tally.__slots__)])
    out.print(table(heads, rows))
    for point, wrong in outcome.failures.items():
        out.print(f"\n{point}", markup=False)
        for sentence in wrong:
            out.print(f"  {sentence}", markup=False)
        if ":" in point:
            out.print(f"  alone: ./rooms torture crash --only {point}", markup=False)
    out.print(f"\nSeed {outcome.seed}, {outcome.seconds:g} s.")
    out.print(
        bound_in_words(
            outcome.killed, len(outcome.failures), "points at which a process was killed"
        )
    )
