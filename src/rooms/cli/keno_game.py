"""``rooms keno game``: make games, change, pause, drain and resume them; fund what pays prizes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from uuid import uuid4

import typer
from rich.console import Console

from rooms.cli.output import (
    DEFAULT_DATA,
    DataOption,
    DryRunOption,
    JsonOption,
    YesOption,
    confirm,
    report,
    table,
)
from rooms.cli.paytables import read_paytable
from rooms.contexts.identity.api import Administrator
from rooms.contexts.keno.api import BankrollView, GameStatus, GameTerms, GameView
from rooms.kernel.ids import CommandKey
from rooms.kernel.money import LAMPORTS_PER_SOL, Asset, Money
from rooms.platform.problem import ExitCode, Problem
from rooms.platform.settings import parse_duration
from rooms.processes.compose import House
from rooms.processes.office import ask_house
from rooms.proof.beacon import DRAND, NO_ENTROPY
from rooms.proof.paytable import spots_json

app = typer.Typer(help="Make games, change, pause, drain and resume them.", no_args_is_help=True)

HASH_LENGTH: Final = 64
Answer = TypeVar("Answer")

Name = Annotated[str, typer.Argument(metavar="GAME", help="Its name: a-z, 0-9 and -.")]
Token = Annotated[
    str, typer.Option(envvar="ROOMS_STAFF_TOKEN", help="Yours, of `rooms staff token`.")
]
# A game has more terms than a function should have parameters: they are read here, by name.
TERMS: Final = {"allow_extra_args": True, "ignore_unknown_options": True}
DEFAULTS: Final[dict[str, Any]] = {
    "paytable": "classic",
    "stake_min": 1_000_000,
    "stake_max": LAMPORTS_PER_SOL,
    "stake_step": 1_000_000,
    "max_win": 50_000 * LAMPORTS_PER_SOL,
    "round_limit": 1_000_000 * LAMPORTS_PER_SOL,
}


def _spots(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))


READ: Final[dict[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("interval", "lead", "guard"), parse_duration),
    **dict.fromkeys(("numbers", "drawn", "stake_min", "stake_max", "stake_step"), int),
    **dict.fromkeys(("max_win", "round_limit"), int),
    **dict.fromkeys(("entropy", "paytable"), str),
    "spots": _spots,
}


def _terms(context: typer.Context) -> dict[str, Any]:
    """Read ``--lead 2s``, ``--lead=2s`` or ``lead=2s``. BadParameter for what is no term."""
    words = " ".join(context.args).replace("=", " ").split()
    if len(words) % 2:
        raise typer.BadParameter(f"{words[-1]} has no value")
    found = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        term = name.removeprefix("--").replace("-", "_")
        if term not in READ:
            raise typer.BadParameter(f"{name} is no term of a game: {', '.join(READ)}")
        found[term] = _read(term, value)
    return found


def _read(term: str, value: str) -> Any:
    try:
        return READ[term](value)
    except ValueError as error:
        raise typer.BadParameter(f"{value} is no {term.replace('_', ' ')}") from error


@app.command(context_settings=TERMS)
def create(
    context: typer.Context,
    game: Name,
    *,
    asset: Annotated[str, typer.Option(help="What is staked and won.")] = "SOL",
    starts_in: Annotated[str, typer.Option(help="When the first round opens.")] = "2m",
    token: Token = "",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Make a game; its chain is public at once.

    Its terms, each as --NAME VALUE: paytable (a file, gentle, classic or bold, or the hash of a
    known one), entropy (drand:HASH, the house's own drand unless told otherwise, or none for play
    money), interval, lead, guard (durations), numbers, drawn, spots (1,2,...), stake-min,
    stake-max, stake-step, max-win, round-limit (in the asset's smallest unit).
    """
    asked = DEFAULTS | _terms(context)
    begins = _read("interval", starts_in)

    async def act(house: House, by: Administrator | None) -> GameView:
        entropy = asked.get("entropy") or await _own_entropy(house)
        terms = GameTerms(**asked | {"entropy": entropy, "paytable": _paytable(asked["paytable"])})
        done = await house.keno.create_game(game, Asset(asset), terms, starts_in=begins, by=by)
        return done.value

    _report(_as_staff(data, token, act), as_json=as_json)


async def _own_entropy(house: House) -> str:
    """Give the drand chain that this house asks: of its other games, or of its settings."""
    games = await house.keno.games()
    used = [game.terms["entropy"] for game in games if game.terms["entropy"].startswith(DRAND)]
    return used[0] if used else house.settings.fairness.drand.chain.entropy


def _paytable(wanted: str) -> dict[str, list[str]] | str:
    is_hash = len(wanted) == HASH_LENGTH and not Path(wanted).exists()
    return wanted if is_hash else spots_json(read_paytable(wanted))


@app.command("set", context_settings=TERMS)
def change(
    context: typer.Context,
    game: Name,
    *,
    token: Token = "",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
    yes: YesOption = False,
) -> None:
    """Give a game other terms, from the first round whose commit is not shown yet.

    Those that are named change, each as --NAME VALUE: see `rooms keno game create --help`.
    """
    asked = _terms(context)
    if "paytable" in asked:
        asked["paytable"] = _paytable(asked["paytable"])
    if not asked:
        raise Problem(
            "Nothing to change was named",
            exit_code=ExitCode.USAGE,
            next_step="rooms keno game create --help names the terms",
        )
    confirm(f"Change {', '.join(sorted(asked))} of {game}?", yes=yes)

    async def act(house: House, by: Administrator | None) -> GameView:
        return (await house.keno.change_game(game, asked, by=by)).value

    _report(_as_staff(data, token, act), as_json=as_json)


@app.command()
def pause(
    game: Name,
    *,
    token: Token = "",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
    yes: YesOption = False,
) -> None:
    """Stop a game at once: nothing is sold or locked until it is resumed."""
    _move(game, GameStatus.PAUSED, token, data, as_json=as_json, yes=yes)


@app.command()
def drain(
    game: Name,
    *,
    token: Token = "",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
    yes: YesOption = False,
) -> None:
    """Sell nothing more; the game is paused once its last ticket is paid."""
    _move(game, GameStatus.DRAINING, token, data, as_json=as_json, yes=yes)


@app.command()
def resume(
    game: Name,
    *,
    token: Token = "",
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
    yes: YesOption = False,
) -> None:
    """Let a game go on; rounds that have tickets are drawn late, the others are skipped."""
    _move(game, GameStatus.RUNNING, token, data, as_json=as_json, yes=yes)


def _move(
    game: str, status: GameStatus, token: str, data: Path, *, as_json: bool, yes: bool
) -> None:
    confirm(f"Make {game} {status}?", yes=yes)

    async def act(house: House, by: Administrator | None) -> GameView:
        return (await house.keno.move_game(game, status, by=by)).value

    _report(_as_staff(data, token, act), as_json=as_json)


@app.command("list")
def list_games(*, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """List the games, and what their bankrolls have to stand for."""

    async def ask(house: House) -> tuple[list[GameView], list[BankrollView]]:
        return await house.keno.games(), await house.keno.bankrolls()

    games, bankrolls = ask_house(data, ask)
    report(
        {"games": games, "bankrolls": bankrolls},
        lambda console: _show(console, games, bankrolls),
        as_json=as_json,
    )


@app.command()
def fund(
    amount: Annotated[int, typer.Argument(min=1, help="In the asset's smallest unit.")],
    *,
    asset: Annotated[str, typer.Option(help="Of which bankroll.")] = "SOL",
    token: Token = "",
    dry_run: DryRunOption = False,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
    yes: YesOption = False,
) -> None:
    """Put money from outside into the house's bankroll."""
    if dry_run:
        list_games(data=data, as_json=as_json)
        return
    confirm(f"Add {amount:,} of {asset} to the house's bankroll?", yes=yes)

    async def act(house: House, by: Administrator | None) -> list[BankrollView]:
        key = CommandKey("command", uuid4().hex, b"")
        await house.keno.fund(Money(amount, Asset(asset)), by=by, key=key)
        return await house.keno.bankrolls()

    bankrolls = _as_staff(data, token, act)
    report(bankrolls, lambda console: _show(console, [], bankrolls), as_json=as_json)


def _as_staff(
    data: Path, token: str, act: Callable[[House, Administrator | None], Awaitable[Answer]]
) -> Answer:
    """Act in the name of the token's administrator, or of nobody but the command line."""

    async def ask(house: House) -> Answer:
        by = await house.identity.administrator_of(token) if token else None
        return await act(house, by)

    return ask_house(data, ask)


def _report(game: GameView, *, as_json: bool) -> None:
    report(game, lambda console: _show(console, [game], []), as_json=as_json)


def _show(console: Console, games: list[GameView], bankrolls: list[BankrollView]) -> None:
    if games:
        heads = ("game", "status", "round", "every", "entropy", "asset", "stakes", "from round")
        rows = [
            (
                each.game,
                each.status.value,
                str(each.round),
                f"{terms['interval_ms'] / 1000:g} s",
                NO_ENTROPY if terms["entropy"] == NO_ENTROPY else "drand",
                each.asset,
                f"{int(terms['stake_min']):,} to {int(terms['stake_max']):,}",
                str(terms["first_round"]),
            )
            for each in games
            for terms in filter(None, (each.terms, each.next_terms))
        ]
        console.print(table(heads, rows))
    if bankrolls:
        of = [(b.operator, b.asset, f"{b.funds:,}", f"{b.exposure:,}") for b in bankrolls]
        console.print(table(("bankroll", "asset", "funds", "exposure"), of))
