"""The race at the lock of a round of keno: a ticket is in before it, or is refused for nothing."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Final

from rooms.contexts.keno.api import Purchase
from rooms.kernel.money import SOL, lamports
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import to_millis
from tests.houses import House, Person, a_key
from tests.keno_houses import TERMS
from tests.torture.race_track import Attempt, Track

CLIENTS: Final = 64
BANKROLL: Final = 10**15
STAKE: Final = 2_000_000
MOST: Final = 20
"""So many tickets can a client pay."""

_games = count(1)


async def keno_lock(track: Track) -> None:
    """Sixty-four clients buy a round, one ticket after the other, until it has locked."""
    name = await _game(track)
    crowd = [await track.house.player(MOST * STAKE) for _ in range(CLIENTS)]
    ahead = track.dice.randrange(100, 1_200)
    view = await track.keno(track.house).round(1, name)
    now = to_millis((await track.keno(track.house).keno.game(name)).at)
    await _let_pass(track, name, to_millis(view.locks_at) - now - ahead)
    locks_at = (await track.keno(track.house).round(1, name)).locks_at
    clocks = [Attempt("turn the clock", partial(_turn, track)) for _ in range(6)]
    outcomes = await track.race([*(_buyer(track, name, each) for each in crowd), *clocks])
    bought = [one for each in outcomes if each.attempt.name == "buy" for one in each.answer or ()]
    for each in bought:
        at = each.accepted_at
        track.expect(at < locks_at, f"a ticket of {at} in a round locked at {locks_at}: {name}")
    await _ended(track, name, len(bought))
    await _paid_for(track, name, crowd, len(bought))


async def _game(track: Track) -> str:
    """Make a game whose first round is open, with money for every prize."""
    keno, name = track.keno(track.house).keno, f"race-{next(_games)}"
    await keno.create_game(name, SOL, TERMS, starts_in=timedelta(), by=None)
    await keno.fund(lamports(BANKROLL), by=None, key=a_key("bankroll"))
    await _let_pass(track, name, 2_000)
    return name


async def _let_pass(track: Track, name: str, milliseconds: int) -> None:
    """Let time pass for the game at every house; their clocks rest meanwhile."""
    async with track.turning:
        await track.keno(track.house).let_pass(name, milliseconds=milliseconds)
        for keno in track.kenos.values():
            keno.keno.showing.schedules.forget()


def _buyer(track: Track, name: str, person: Person) -> Attempt:
    async def buy(house: House) -> list[Purchase]:
        keno, bought = track.keno(house), []
        for _ in range(MOST):
            try:
                one = await keno.buy(person, game=name, stake=STAKE, first_round=1)
            except Refusal as refusal:
                track.outcomes[f"ticket: {refusal.code}"] += 1
                track.expect(refusal.code == "E-ROUND-CLOSED", f"a ticket got {refusal.code}")
                break
            track.outcomes["ticket: done"] += 1
            bought.append(one)
        return bought

    return Attempt("buy", buy)


async def _turn(track: Track, house: House) -> None:
    """Let a house's clock do what is due, if it leads; each has one loop for it, as in a process.

    Heats beside this one have rounds of the same clock, and their time may pass only between.
    """
    async with track.turning:
        await track.keno(house).clock.tick()


async def _ended(track: Track, name: str, bought: int) -> None:
    """Let the round be drawn and paid: as many tickets as were accepted, each won or lost."""
    await _let_pass(track, name, 10_000)
    for house in track.houses:
        await _turn(track, house)
    keno = track.keno(track.house).keno
    view = await keno.round(name, 1)
    track.expect(view.status == "SETTLED", f"round 1 of {name} stays {view.status}")
    found = (view.tickets, view.handle)
    sold = (bought, bought * STAKE)
    track.expect(found == sold, f"round 1 of {name} has {found} of {sold} that were accepted")


async def _paid_for(track: Track, name: str, crowd: Sequence[Person], bought: int) -> None:
    """Who was refused has every unit; who was not has the prize that the draw gives."""
    keno = track.keno(track.house)
    left = sum([await track.house.balance(each) for each in crowd])
    prizes = (await keno.round(1, name)).paid or 0
    expected = (MOST * len(crowd) - bought) * STAKE + prizes
    track.expect(left == expected, f"{name} left {left} of {expected} with those who raced")
