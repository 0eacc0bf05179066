"""``rooms keno``: paytables, the words of draws, and whether draws look like chance."""

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from rooms.cli import keno_game
from rooms.cli.output import DEFAULT_DATA, DataOption, JsonOption, report, table
from rooms.cli.paytables import read_paytable
from rooms.platform.problem import ExitCode, Problem
from rooms.processes.office import ask_house
from rooms.proof.chain import SEED_BYTES, link_hash
from rooms.proof.draw import draw_blocks
from rooms.proof.drawstats import SUSPICIOUS, judge
from rooms.proof.paytable import worth, worth_json

BLOCKS_OF_A_DRAW: Final = 3

app = typer.Typer(help="Keno: paytables, draws, their words and statistics.", no_args_is_help=True)
app.add_typer(keno_game.app, name="game")

File = Annotated[
    str, typer.Argument(metavar="FILE", help="A paytable in TOML; gentle, classic, bold are ours.")
]
Bytes = Annotated[int, typer.Option("--bytes", help="How many; 0 is without end.", min=0)]
Seed = Annotated[
    str | None, typer.Option("--seed", help="32 bytes in hex to begin from; random by default.")
]


@dataclass(frozen=True, slots=True)
class PaytableReport:
    """What ``rooms keno paytable`` reports."""

    paytable_hash: str
    spots: dict[str, dict[str, Any]]


@app.command()
def paytable(file: File, *, as_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Weigh a paytable: its hash and, per number of spots, RTP, sigma, hit rate, odds."""
    del data  # a paytable is weighed without the house
    found = read_paytable(file)
    weighed = PaytableReport(
        found.hash.hex(),
        {str(spots): worth_json(worth(row)) for spots, row in found.multipliers.items()},
    )
    report(weighed, lambda console: _show(console, weighed), as_json=as_json)


def _show(console: Console, weighed: PaytableReport) -> None:
    console.print(f"paytable {weighed.paytable_hash}")
    heads = ("spots", "RTP", "sigma", "hit rate", "top", "one in, by catches")
    rows = [
        (
            spots,
            *(each[name] for name in ("rtp", "sigma", "hit_rate", "top")),
            "  ".join(odds or "never" for odds in each["odds"]),
        )
        for spots, each in weighed.spots.items()
    ]
    console.print(table(heads, rows))


@dataclass(frozen=True, slots=True)
class Judged:
    """One test of draws; ``p`` is the chance of such a statistic where draws are fair."""

    name: str
    statistic: float
    degrees: int
    p: float
    suspicious: bool


@app.command()
def stats(
    game: Annotated[str, typer.Argument(help="The game's name, such as keno-main.")],
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How many of its latest draws.")] = 20_000,
    as_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Ask whether a game's draws look like chance: singles, pairs, gaps, order."""
    found = ask_house(data, lambda house: house.keno.draws(game, rounds))
    if not found.draws:
        raise Problem(
            f"{game} has no draws yet.",
            exit_code=ExitCode.FAILED,
            next_step="ask again once rounds have been drawn",
        )
    tests = [
        Judged(each.name, each.statistic, each.degrees, each.p, each.p < SUSPICIOUS)
        for each in judge(found.draws, numbers=found.numbers, drawn=found.drawn)
    ]
    told = {"game": game, "draws": len(found.draws), "tests": tests}
    report(told, lambda console: _show_tests(console, len(found.draws), tests), as_json=as_json)
    if any(each.suspicious for each in tests):
        raise Problem(
            "These draws do not look like chance.",
            exit_code=ExitCode.PROBLEMS_FOUND,
            next_step="rooms verify day on the days in question says whether each draw is true",
        )


def _show_tests(console: Console, draws: int, tests: Sequence[Judged]) -> None:
    console.print(f"{draws:,} draws")
    heads = ("test", "chi-square", "degrees", "p", "")
    rows = [
        (
            each.name,
            f"{each.statistic:.2f}",
            str(each.degrees),
            f"{each.p:.6f}",
            "not by chance" if each.suspicious else "",
        )
        for each in tests
    ]
    console.print(table(heads, rows))


@app.command()
def rng(*, length: Bytes, seed: Seed = None, data: DataOption = DEFAULT_DATA) -> None:
    """Write the words of draws to standard output, raw, for batteries of tests.

    One draw after the other, each with the seed before it as its chain has them, and of each the
    96 bytes that it takes when no word is rejected.
    """
    del data
    blocks = _blocks(_begin(seed))
    left = length
    try:
        while left or not length:
            piece = b"".join(islice(blocks, 1 << 10))
            sys.stdout.buffer.write(piece[:left] if length else piece)
            left = max(0, left - len(piece))
        sys.stdout.flush()
    except BrokenPipeError:  # the battery has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _begin(seed: str | None) -> bytes:
    try:
        begun = secrets.token_bytes(SEED_BYTES) if seed is None else bytes.fromhex(seed)
    except ValueError:
        begun = b""
    if len(begun) != SEED_BYTES:
        raise Problem(
            "--seed is not 32 bytes in hex",
            exit_code=ExitCode.USAGE,
            next_step="give 64 hex digits, or leave --seed out",
        )
    return begun


def _blocks(seed: bytes) -> Iterator[bytes]:
    for number in count():
        yield from islice(draw_blocks(seed, "rng", number, ""), BLOCKS_OF_A_DRAW)
        seed = link_hash(seed)
