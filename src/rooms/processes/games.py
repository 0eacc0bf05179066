"""The games of keno that the sandbox starts with, and the play money that pays their prizes."""

from datetime import timedelta
from importlib.resources import files
from typing import Final

from rooms.contexts.keno.api import GameTerms
from rooms.kernel.ids import CommandKey
from rooms.kernel.money import LAMPORTS_PER_SOL, SOL, lamports
from rooms.processes.compose import House
from rooms.proof.beacon import NO_ENTROPY, SANDBOX
from rooms.proof.paytable import parse_toml, spots_json

FUNDS: Final = 100_000_000 * LAMPORTS_PER_SOL
STARTS_IN: Final = timedelta(seconds=1)


async def open_games(house: House) -> None:
    """Make the sandbox's games and fund the bankroll, where that has not been done yet."""
    key = CommandKey("sandbox", "bankroll", b"")
    await house.keno.fund(lamports(FUNDS), by=None, key=key)
    known = {each.game for each in await house.keno.games()}
    for name, terms in games().items():
        if name not in known:
            await house.keno.create_game(name, SOL, terms, starts_in=STARTS_IN, by=None)


def games() -> dict[str, GameTerms]:
    """Give the terms of each: the main one by public randomness, a fast one without any."""
    classic = files("rooms.proof") / "paytables" / "classic.toml"
    main = GameTerms(
        interval=timedelta(seconds=5),
        lead=timedelta(seconds=1),
        entropy=SANDBOX.entropy,
        paytable=spots_json(parse_toml(classic.read_text())),
        stake_min=1_000_000,
        stake_max=1_000_000_000,
        stake_step=1_000_000,
        max_win=50_000 * LAMPORTS_PER_SOL,
        round_limit=5_000_000 * LAMPORTS_PER_SOL,
    )
    fast = GameTerms(
        interval=timedelta(seconds=2),
        lead=timedelta(milliseconds=500),
        guard=timedelta(seconds=1),
        entropy=NO_ENTROPY,
        paytable=main.paytable,
        stake_min=main.stake_min,
        stake_max=main.stake_max,
        stake_step=main.stake_step,
        max_win=main.max_win,
        round_limit=main.round_limit,
    )
    return {"keno-main": main, "keno-fast": fast}
