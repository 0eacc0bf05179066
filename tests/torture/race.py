"""``./rooms torture race``: let many clients do at the same time what only one may do."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Annotated, Final

import typer
from rich.console import Console

from rooms.cli.output import JsonOption, table
from rooms.platform.postgres import Dsn
from rooms.platform.problem import ExitCode
from tests.torture.race_heats import HEATS
from tests.torture.race_track import Track, open_track
from tests.torture.running import SeedOption, bound_in_words, counting, ended, own_server

# Heats that run at the same time: their players and the pools' accounts are the same.
LANES: Final = 3
SHOWN: Final = 20


def command(
    *,
    attempts: Annotated[int, typer.Option(min=1, help="How many racing commands to make.")] = 5_000,
    seed: SeedOption = 1,
    as_json: JsonOption = False,
) -> int:
    """Race settlers, bettors, holders and clients with one key over several houses."""
    with own_server() as server, counting("attempts", attempts) as advance:
        track = asyncio.run(run_races(server.dsn, attempts, seed, advance=advance))
    data = {
        "attempts": track.attempts,
        "seed": seed,
        "outcomes": dict(sorted(track.outcomes.items())),
        "wrong": track.wrong,
    }
    return _report(track, data, as_json=as_json)


def _report(track: Track, data: object, *, as_json: bool) -> ExitCode:
    def human(console: Console) -> None:
        counted = sorted(track.outcomes.items())
        console.print(table(("outcome", "times"), [(name, str(n)) for name, n in counted]))
        for finding in track.wrong[:SHOWN]:
            console.print(f"WRONG {finding}", markup=False)
        console.print(bound_in_words(track.attempts, len(track.wrong), "attempts"))

    return ended(data, human, wrong=len(track.wrong), as_json=as_json)


async def run_races(
    dsn: Dsn,
    attempts: int,
    seed: int,
    *,
    heats: Sequence[str] = tuple(HEATS),
    advance: Callable[[int], None] = lambda _: None,
) -> Track:
    """Race over a migrated database until so many attempts were made; check the books."""
    async with open_track(dsn, Random(seed)) as track:
        numbers, told = count(), 0

        async def lane() -> None:
            nonlocal told
            while track.attempts < attempts:
                number = next(numbers)
                name = heats[number % len(heats)]
                heat = track.of(f"{name} {number}", Random(f"{seed}-{number}"))
                try:
                    await HEATS[name](heat)
                except Exception as error:  # noqa: BLE001 - a finding, and the others go on
                    heat.expect(False, f"the heat ended in {error!r}")
                advance(track.attempts - told)
                told = track.attempts

        await asyncio.gather(*(lane() for _ in range(LANES)))
        await track.books()
        return track
