"""The money commands: what each finds, and what it does under its idempotency keys.

``act`` is run by the victim and then, from the beginning and with the same keys, by whoever comes
after it; it says each answer as soon as it has it.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from rooms.contexts.ledger.api import PLATFORM, PROTOCOL_REVENUE, Movement
from rooms.contexts.parimutuel.api import PlaceBet, RoomView
from rooms.kernel.money import SOL
from rooms.kernel.refusal import Refusal
from rooms.proof.pool import Side
from tests.torture.crash_house import SteppedHouse
from tests.torture.crash_keno import KENO_COMMANDS
from tests.torture.crash_scene import DISTANT, ONE, Command, Say, Scene, Stage

YES, NO = Side.YES, Side.NO


async def _three_guests(stage: Stage, scene: Scene) -> None:
    for role in ("host", "second", "third"):
        await stage.guest(scene, role)


async def _waiting_room(stage: Stage, scene: Scene) -> None:
    await _three_guests(stage, scene)
    await stage.room(scene, bets={"host": (YES, ONE)})


async def _place_bet(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """One bet opens the room, another follows."""
    for role, side in (("second", NO), ("third", YES)):
        await _bet(stepped, scene.bet(role, side, 2 * ONE), say, role)


async def _bet(stepped: SteppedHouse, bet: PlaceBet, say: Say, name: str) -> None:
    try:
        placed = await stepped.house.rooms.place_bet(bet)
    except Refusal as refusal:
        say(name, refusal.code)
    else:
        say(name, placed.value._asdict())


CROWD: Final = tuple(f"bettor {number}" for number in range(12))
POOR: Final = "poor"


async def _two_open_rooms(stage: Stage, scene: Scene) -> None:
    await _three_guests(stage, scene)
    for role in CROWD:
        await stage.guest(scene, role, referrer="host")
    await stage.guest(scene, POOR, fund=ONE)
    for _ in range(2):
        await stage.room(scene, bets={"second": (YES, ONE), "third": (NO, ONE)})


async def _place_bets(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """Many bet at once, in two rooms; one of them has too little."""
    bets = [(role, number, ONE + number) for number, role in enumerate(CROWD)]
    await asyncio.gather(
        *(
            _bet(
                stepped,
                scene.bet(role, YES if number % 3 else NO, stake, room=number % 2),
                say,
                role,
            )
            for role, number, stake in [*bets, (POOR, 0, 2 * ONE)]
        )
    )


async def _a_host(stage: Stage, scene: Scene) -> None:
    await stage.guest(scene, "host")


async def _open_room(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    asked = scene.room("host", asset="ETH", target=DISTANT, resolve="at_close")
    opened = await stepped.house.rooms.open_room(asked)
    scene.rooms[:] = [opened.value.id]
    say("room", {"id": opened.value.id, **_shown(opened.value)})


def _shown(view: RoomView) -> dict[str, Any]:
    return {
        "status": view.status,
        "reason": view.reason,
        "outcome": view.outcome,
        "players": view.players,
        "pools": dict(view.pools),
    }


async def _show(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    say("room", _shown(await stepped.house.rooms.room(scene.rooms[0])))


async def _past_lock_time(stage: Stage, scene: Scene) -> None:
    await _three_guests(stage, scene)
    await stage.room(scene, bets={"second": (YES, ONE), "third": (NO, ONE)})
    await stage.let_pass(scene, timedelta(minutes=31))


async def _lonely_past_lock_time(stage: Stage, scene: Scene) -> None:
    await _waiting_room(stage, scene)
    await stage.let_pass(scene, timedelta(minutes=31))


async def _clock(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    await stepped.tick()
    await _show(stepped, scene, say)


async def _family(stage: Stage, scene: Scene) -> None:
    """Bettors with uplines of one, two and three levels."""
    await stage.guest(scene, "host")
    await stage.guest(scene, "top")
    await stage.guest(scene, "middle", referrer="top")
    await stage.guest(scene, "low", referrer="middle")
    await stage.guest(scene, "lowest", referrer="low")


async def _touched_room(stage: Stage, scene: Scene) -> None:
    """The price has just met the target and nobody has seen it yet; one bet came too late."""
    await _family(stage, scene)
    await stage.price("SOL", "150")
    early = {"top": (YES, ONE), "middle": (NO, 3 * ONE), "low": (YES, 2 * ONE + 7)}
    await stage.room(scene, asset="SOL", target="165.00", resolve="touch", bets=early)
    await stage.let_pass(scene, timedelta(minutes=5))
    await stage.stepped.look()
    for role in ("lowest", "host"):
        await stage.stepped.house.rooms.place_bet(scene.bet(role, NO, ONE + 1))
    await stage.date_bets(scene, "lowest", timedelta(minutes=-1))
    await stage.date_bets(scene, "host", timedelta(minutes=1))
    await stage.price("SOL", "170")


async def _settle(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """The oracle sees the touch, the room is decided, and paid at once."""
    await stepped.decide()
    await stepped.deliver()
    say("room", _shown(await stepped.house.rooms.settle(scene.rooms[0])))


async def _past_its_time(stage: Stage, scene: Scene) -> None:
    await _family(stage, scene)
    await stage.room(
        scene,
        bets={"low": (NO, 2 * ONE), "lowest": (YES, ONE + 3), "middle": (NO, ONE)},
    )
    await stage.let_pass(scene, timedelta(hours=1, seconds=20))


async def _settle_at_close(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """The clock locks the room, the oracle decides it, the clock pays."""
    await stepped.tick()
    await stepped.decide()
    await stepped.deliver()
    await _clock(stepped, scene, say)


async def _room_with_a_request(stage: Stage, scene: Scene) -> None:
    await _three_guests(stage, scene)
    await stage.room(scene, bets={"second": (YES, ONE), "third": (NO, 3 * ONE)})
    await stage.staff(scene, "first")
    await stage.staff(scene, "second")
    await stage.stepped.house.rooms.request_void(scene.rooms[0], scene.staff[0], "a wrong title")


async def _void(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """A second administrator agrees, and the room is voided."""
    try:
        await stepped.house.rooms.request_void(scene.rooms[0], scene.staff[1], "a wrong title")
    except Refusal as refusal:
        # Sent again, it is refused: the request is there, or even carried out.
        if refusal.code not in {"E-VOID-TWICE", "E-VOID-LATE"}:
            raise
    say("request", "is there")
    await _clock(stepped, scene, say)


async def _append(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """The sequencer appends what waits, somebody bets once more, and it appends that."""
    say("first", await stepped.append() > 0)
    await _bet(stepped, scene.bet("host", NO, 2 * ONE), say, "host")
    say("leaves", await stepped.append())


async def _nothing(stage: Stage, scene: Scene) -> None:
    pass


async def _fund(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    signed = await stepped.house.referral.sign_up(scene.sign_up("newcomer", fund=5 * ONE))
    say("newcomer", signed.value)
    say("balances", await stepped.house.ledger.balances(signed.value.player_id))


async def _hold(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """One hold is released, one posted in part, one expires."""
    ledger, database = stepped.house.ledger, stepped.house.database
    guest, now = scene.guests["host"], stepped.house.clock.now()
    holds = {}
    for name, until in (("released", 1), ("posted", 1), ("expired", -1)):
        async with database.transaction() as tx:
            holds[name] = await ledger.reserve(
                tx,
                f"{scene.mark} {name}",
                guest.account,
                ONE,
                ref=f"player:{guest.id}",
                expires_at=now + until * timedelta(hours=1),
            )
        say(f"reserved {name}", {"id": holds[name]})
    async with database.transaction() as tx:
        await ledger.release(tx, holds["released"])
    say("released", True)
    async with database.transaction() as tx:
        revenue = await ledger.open_account(tx, SOL, PROTOCOL_REVENUE, PLATFORM)
        taken = [
            Movement(guest.account, -ONE // 2, "fee", f"player:{guest.id}"),
            Movement(revenue, ONE // 2, "fee", f"player:{guest.id}"),
        ]
        journal = await ledger.post_hold(tx, holds["posted"], f"{scene.mark} fee", taken)
    say("posted", {"id": journal})
    await stepped.expire_holds()
    say("balances", await ledger.balances(guest.id))


async def _referral(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """Somebody comes by a guest's code, and brings somebody else."""
    referral, code = stepped.house.referral, scene.guests["host"].code
    for role in ("friend", "friend of friend"):
        asked = scene.sign_up(role, fund=3 * ONE, referrer=code)
        signed = (await referral.sign_up(asked)).value
        say(role, signed)
        code = signed.referral_code


COMMANDS: Final = {
    "place_bet": Command(_waiting_room, _place_bet, ("status OPEN", "third, side YES")),
    "place_bets": Command(_two_open_rooms, _place_bets, ("bettor 11, side YES",)),
    "open_room": Command(_a_host, _open_room, ("status QUEUING",)),
    "lock": Command(_past_lock_time, _clock, ("status LOCKED",)),
    "settle": Command(_touched_room, _settle, ("status SETTLED", "scratched 1", "level 2")),
    "settle_at_close": Command(_past_its_time, _settle_at_close, ("status SETTLED", "level 3")),
    "void": Command(_room_with_a_request, _void, ("VOIDED: ADMIN",)),
    "void_at_lock": Command(_lonely_past_lock_time, _clock, ("VOIDED: MIN_PLAYERS",)),
    "append": Command(_two_open_rooms, _append, ("kind accepted, bets 4", "kind accepted, bets 1")),
    "fund": Command(_nothing, _fund, ("newcomer, balance 5000000000",)),
    "hold": Command(_a_host, _hold, ("state released", "state posted", "state expired")),
    "referral": Command(_a_host, _referral, ("friend of friend",)),
    **KENO_COMMANDS,
}
