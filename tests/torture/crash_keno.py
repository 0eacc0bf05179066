"""What players and the clock of keno do, as commands that are killed.

All numbers of these games are drawn, so that every prize is known before, whatever the seed.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from rooms.contexts.keno.api import BuyTickets, GameStatus, GameTerms
from rooms.kernel.ids import TicketId
from rooms.kernel.money import SOL, lamports
from rooms.kernel.refusal import Refusal
from rooms.proof.beacon import SANDBOX
from tests.torture.crash_house import SteppedHouse
from tests.torture.crash_scene import ONE, Command, Say, Scene, Stage

INTERVAL: Final = timedelta(seconds=60)
TERMS: Final = GameTerms(
    interval=INTERVAL,
    numbers=20,
    drawn=20,
    entropy="none",
    paytable={"1": ["0", "0.9"], "2": ["0", "0", "0.95"]},
    stake_min=1_000_000,
    stake_max=ONE,
    stake_step=1_000_000,
    max_win=ONE,
    round_limit=100 * ONE,
)
STAKE: Final = 10_000_000
POOR: Final = "poor"
LAST: Final = 9
"""Rounds up to this one are shown to whoever sends a command again."""


def _purchase(
    scene: Scene, role: str, *, rounds: int = 1, first: int | None = None, quick: bool = False
) -> BuyTickets:
    return BuyTickets(
        game=scene.game,
        player=scene.guests[role].id,
        picks=None if quick else (3, 17),
        quick_pick=1 if quick else None,
        stake=lamports(STAKE),
        rounds=rounds,
        first_round=first,
        key=f"{scene.mark} tickets of {role}",
    )


async def _open_game(stage: Stage, scene: Scene, *, entropy: str = "none") -> None:
    """Open a game whose first round has just begun, and sign up who plays."""
    keno = stage.stepped.house.keno
    for role in ("host", "second", "third"):
        await stage.guest(scene, role)
    await stage.guest(scene, POOR, fund=STAKE)
    await keno.fund(lamports(10 * ONE), by=None, key=scene.key("bankroll"))
    terms = GameTerms(
        **{name: getattr(TERMS, name) for name in TERMS.__slots__} | {"entropy": entropy}
    )
    await keno.create_game(scene.game, SOL, terms, starts_in=timedelta(), by=None)
    await _let_pass(stage, scene, timedelta(seconds=3))


async def _let_pass(stage: Stage, scene: Scene, passed: timedelta) -> None:
    """Move everything that is fixed in time for the scene's game into the past."""
    async with stage.owner.transaction() as tx:
        game = await tx.value("SELECT id FROM keno.games WHERE game = $1", scene.game)
        await tx.execute(
            "UPDATE keno.terms SET epoch_ms = epoch_ms - $2 WHERE game_id = $1",
            game,
            passed // timedelta(milliseconds=1),
        )
        for table, column, key in (
            ("keno.games", "locks_next", "id"),
            ("keno.tickets", "accepted_at", "game_id"),
            ("keno.results", "at", "game_id"),
        ):
            await tx.execute(
                f"UPDATE {table} SET {column} = {column} - $2::interval WHERE {key} = $1",
                game,
                passed,
            )
    stage.stepped.rounds.drawing.schedules.forget()


async def _open(stage: Stage, scene: Scene) -> None:
    await _open_game(stage, scene)


async def _buy(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """One buys alone, then some at once; one of them has too little."""
    await _bought(stepped, _purchase(scene, "host", rounds=3), say, "host")
    await asyncio.gather(
        *(
            _bought(stepped, purchase, say, role)
            for role, purchase in (
                ("second", _purchase(scene, "second", rounds=5, first=2)),
                ("third", _purchase(scene, "third", quick=True)),
                (POOR, _purchase(scene, POOR, rounds=2)),
            )
        )
    )


async def _bought(stepped: SteppedHouse, command: BuyTickets, say: Say, name: str) -> None:
    try:
        bought = await stepped.house.keno.buy(command)
    except Refusal as refusal:
        say(name, refusal.code)
    else:
        say(name, bought.value._asdict())


async def _sold(stage: Stage, scene: Scene, *, entropy: str = "none") -> None:
    """Tickets of rounds 1, 2, 4 and 6; one of round 4 is given back."""
    await _open_game(stage, scene, entropy=entropy)
    keno = stage.stepped.house.keno
    for role, first, rounds in (("host", 1, 2), ("second", 4, 1), ("third", 4, 1), (POOR, 6, 1)):
        bought = await keno.buy(_purchase(scene, role, rounds=rounds, first=first))
        scene.tickets[role] = bought.value.first_ticket


async def _cancel(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """Two give a ticket back, and one of them again."""
    for role in ("third", "second", "third"):
        await _given_back(stepped, scene, say, role)


async def _given_back(stepped: SteppedHouse, scene: Scene, say: Say, role: str) -> None:
    view = await stepped.house.keno.cancel(scene.tickets[role], scene.guests[role].id)
    say(f"{role} gave back", {"status": view.status, "ticket": _number(view.id)})


def _number(ticket: TicketId) -> dict[str, int]:
    return {"id": ticket}


async def _missed(stage: Stage, scene: Scene, *, entropy: str = "none") -> None:
    """Four rounds and a half have passed that nobody has locked; a ticket was given back."""
    await _sold(stage, scene, entropy=entropy)
    await stage.stepped.house.keno.cancel(scene.tickets["third"], scene.guests["third"].id)
    await _let_pass(stage, scene, 4.5 * INTERVAL)


async def _missed_with_drand(stage: Stage, scene: Scene) -> None:
    await _missed(stage, scene, entropy=SANDBOX.entropy)


async def _missed_without_beacons(stage: Stage, scene: Scene) -> None:
    """No mirror has a beacon of these rounds, and the grace is over."""
    await _missed_with_drand(stage, scene)
    await stage.drand("late")
    await _let_pass(stage, scene, 66 * INTERVAL)


async def _locked(stage: Stage, scene: Scene) -> None:
    await _missed_with_drand(stage, scene)
    await stage.stepped.rounds.lead()
    await stage.stepped.rounds.lock()


async def _drawn(stage: Stage, scene: Scene) -> None:
    await _missed(stage, scene)
    await stage.stepped.rounds.lead()
    await stage.stepped.rounds.lock()
    while await stage.stepped.rounds.draw() is not None:
        pass


async def _locked_with_staff(stage: Stage, scene: Scene) -> None:
    """Four rounds are locked and wait for their beacons; round 6 has a ticket and is to come."""
    await stage.staff(scene, "pit boss")
    await _locked(stage, scene)


async def _sold_out(stage: Stage, scene: Scene) -> None:
    """Every round that has a ticket is past, and nobody has locked one."""
    await stage.staff(scene, "pit boss")
    await _sold(stage, scene)
    await _let_pass(stage, scene, 6.5 * INTERVAL)


async def _paused(stage: Stage, scene: Scene) -> None:
    """A game is paused before its first round locks, and four rounds and a half pass."""
    await stage.staff(scene, "pit boss")
    await _sold(stage, scene)
    await _moved(stage.stepped, scene, GameStatus.PAUSED)
    await _let_pass(stage, scene, 4.5 * INTERVAL)


async def _moved(stepped: SteppedHouse, scene: Scene, status: GameStatus) -> GameStatus:
    key = scene.key(f"to {status}")
    moved = await stepped.house.keno.move_game(scene.game, status, by=scene.staff[0], key=key)
    return moved.value.status


async def _pause(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """What is locked is drawn and paid all the same; what is not waits with its tickets."""
    say("pause", await _moved(stepped, scene, GameStatus.PAUSED))
    await _tick(stepped, scene, say)


async def _drain(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """The last tickets are drawn and paid; then the game pauses by itself."""
    say("drain", await _moved(stepped, scene, GameStatus.DRAINING))
    await _tick(stepped, scene, say)


async def _resume(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """What the pause has passed over is locked at once: drawn where there is a ticket."""
    say("resume", await _moved(stepped, scene, GameStatus.RUNNING))
    await _tick(stepped, scene, say)


async def _lock(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    await stepped.rounds.lead()
    await stepped.rounds.lock()
    await asyncio.gather(*stepped.rounds.waiting)
    await _show(stepped, scene, say)


async def _draw(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    await stepped.rounds.lead()
    while await stepped.rounds.draw() is not None:
        pass
    await _show(stepped, scene, say)


async def _pay(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    await stepped.rounds.lead()
    while await stepped.rounds.pay() is not None:
        pass
    await _show(stepped, scene, say)


async def _tick(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """Everything that is due, by one leader; then nothing is."""
    for _ in range(2):
        await stepped.rounds.tick()
    await _show(stepped, scene, say)


async def _show(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    assert stepped.rounds.lease.epoch is not None, "another process leads the clock of keno"
    rounds = await stepped.house.keno.rounds(scene.game, LAST, LAST)
    say("rounds", [_shown(each) for each in rounds if each.status != "OPEN"])


def _shown(view: Any) -> dict[str, Any]:
    fields = ("number", "status", "reason", "tickets", "handle", "paid", "refunded")
    return {name: getattr(view, name) for name in fields}


KENO_COMMANDS: Final = {
    "keno_buy": Command(_open, _buy, ("second, number 6, stake 10000000",)),
    "keno_cancel": Command(_sold, _cancel, ("reason CANCELLED",)),
    "keno_lock": Command(_missed_with_drand, _lock, ("locked_to 4", "fate SKIPPED")),
    "keno_draw": Command(_locked, _draw, ("fate DRAWN, tickets 1",)),
    "keno_pay": Command(_drawn, _pay, ("paid 9500000, refunded 0",)),
    "keno_tick": Command(_missed_with_drand, _tick, ("settled_to 4", "paid 9500000")),
    "keno_pause": Command(
        _locked_with_staff, _pause, ("status PAUSED, locked_to 4", "settled_to 4", "paid 9500000")
    ),
    "keno_drain": Command(
        _sold_out, _drain, ("status PAUSED, locked_to 6", "settled_to 6", "keno.game.draining")
    ),
    "keno_resume": Command(
        _paused, _resume, ("status RUNNING, locked_to 4", "settled_to 4", "reason pause")
    ),
    "keno_void": Command(_missed_without_beacons, _tick, ("fate VOID", "refunded 10000000")),
}
