"""``./rooms torture simulate``: whole runs on a virtual clock, each a function of its seed."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from rooms.cli.output import JsonOption, progress
from rooms.platform.problem import ExitCode
from tests.torture.running import SecondsOption, bound_in_words, counting, ended, own_server
from tests.torture.simulation.database import make_database
from tests.torture.simulation.play import Played, Simulator

SHOWN: Final = 40
"""Lines of a failed run's trace that are shown; the run itself gives all of them again."""


def command(
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many runs.")] = 300,
    first: Annotated[int, typer.Option("--first", help="The first run's seed.")] = 1,
    seed: Annotated[int | None, typer.Option("--seed", help="One run, with its trace.")] = None,
    seconds: SecondsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Play rooms, oracle and ledger on a virtual clock, with faults at every port.

    Delays, reordering, duplicates, lies, lost commits, killed processes: all drawn from the seed.
    The same seed gives the same trace and the same hash.
    """
    wanted = range(first, first + seeds) if seed is None else range(seed, seed + 1)
    begun = time.monotonic()
    with own_server() as server:
        dsn = asyncio.run(make_database(server.superuser(), server.dsn, "simulation"))
        runs: list[Played] = []
        with counting("seeds played", len(wanted)) as advance, Simulator(dsn) as simulator:
            for number in wanted:
                if seconds is not None and time.monotonic() - begun > seconds:
                    break
                runs.append(simulator.play(number))
                advance(1)
    wrong = [run for run in runs if run.wrong]
    if seed is not None:
        progress("\n".join(runs[0].trace))
    return _report(runs, wrong, time.monotonic() - begun, as_json=as_json)


def _report(
    runs: Sequence[Played], wrong: Sequence[Played], took: float, *, as_json: bool
) -> ExitCode:
    ends: Counter[str] = sum((Counter(run.ends) for run in runs), Counter())
    data: dict[str, Any] = {
        "seeds": len(runs),
        "first": runs[0].seed if runs else None,
        "wrong": [{**asdict(run), "trace": run.trace[-SHOWN:]} for run in wrong],
        "ends": dict(sorted(ends.items())),
        "virtual_seconds": round(sum(run.seconds for run in runs)),
        "transactions": sum(run.transactions for run in runs),
        "hash": runs[0].hash if len(runs) == 1 else None,
        "seconds": round(took, 1),
    }

    def human(console: Console) -> None:
        for run in wrong:
            console.print(f"Seed {run.seed}, the end of its trace:", style="bold")
            console.print("\n".join(run.trace[-SHOWN:]), markup=False)
            for what in run.wrong:
                console.print(f"WRONG: {what}", markup=False)
            console.print(f"Next: ./rooms torture simulate --seed {run.seed}")
        console.print(
            f"{len(runs)} runs of {data['virtual_seconds']} virtual seconds, "
            f"{data['transactions']} transactions, in {data['seconds']} s."
        )
        console.print("Rooms ended: " + ", ".join(f"{n} {end}" for end, n in ends.most_common()))
        if data["hash"]:
            console.print(f"Trace hash: {data['hash']}")
        console.print(bound_in_words(len(runs), len(wrong), "runs"))

    return ended(data, human, wrong=len(wrong), as_json=as_json)
