"""The races, one function each: who runs against whom, and what must be true afterwards."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from itertools import count
from typing import Final

from rooms.contexts.ledger.api import WORLD, Movement
from rooms.contexts.parimutuel.api import PlaceBet, RoomStatus, RoomView
from rooms.contexts.referral.api import SignUp
from rooms.kernel.ids import AccountId, HoldId, RoomId
from rooms.kernel.money import SOL, lamports
from rooms.kernel.time import Instant
from rooms.platform.clock import SystemClock
from rooms.proof.pool import Side
from tests.houses import ONE, TARGET, House, a_key
from tests.torture.race_keno import keno_lock
from tests.torture.race_track import Attempt, Outcome, Track, bet

SETTLERS: Final = 64
CLIENTS: Final = 64
MOMENT: Final = timedelta(milliseconds=1)
SECOND: Final = timedelta(seconds=1)

_keys = count(1)


async def settlers(track: Track) -> None:
    """Sixty-four settlers on one room: timers, the oracle's consumer, staff who settle or void."""
    room = await track.room(resolve=track.dice.choice(("touch", "at_close")))
    await track.seat(room.id, track.crowd(track.dice.randrange(1, 9)))
    if track.dice.random() < 0.5:
        for staff in track.staff:
            await track.house.rooms.request_void(room.id, staff, "two of the staff agree")
    told = await _decidable(track, room)
    await track.race([told, *(_settler(track, room.id) for _ in range(SETTLERS - 1))])
    ended = await track.finish(room.id)
    again = [_settle(room.id, "E-NEVER") for _ in range(2)]
    for outcome in await track.race(again):
        track.expect(outcome.answer == ended, f"room {room.id} settled twice: {outcome}")
    await _paid_once(track, room.id)


async def _decidable(track: Track, room: RoomView) -> Attempt:
    """Bring a room to where its outcome may be told, by touch or at its close."""
    asset = room.market["asset"]
    if room.resolve == "touch" and track.dice.random() < 0.5:
        await track.house.let_pass_for(room.id, timedelta(seconds=20))
        return _touch(track, room.id, asset, SystemClock().now() - 4 * SECOND)
    await track.house.let_pass(room.id, until="settles_at")
    met = room.resolve == "at_close" and track.dice.random() < 0.5
    at = (await track.house.rooms.room(room.id)).settles_at

    async def close(house: House) -> None:
        track.say(asset, TARGET if met else "150")
        tick = await house.oracle.look(asset, at=at)
        await house.oracle.tell_closed(room.id, [tick], met=met)

    return Attempt("tell", close)


def _touch(track: Track, room: RoomId, asset: str, t_hit: Instant) -> Attempt:
    async def touch(house: House) -> None:
        clear = await house.oracle.look(asset, at=t_hit - 3 * SECOND)
        track.say(asset, TARGET)
        hits = [await house.oracle.look(asset, at=t_hit + late * SECOND) for late in (0, 3)]
        await house.oracle.tell_touched(
            room, [clear, *hits], t_hit=t_hit, t_clear=t_hit - 3 * SECOND
        )

    return Attempt("tell", touch)


def _settle(room: RoomId, *refusals: str) -> Attempt:
    return Attempt("settle", lambda house: house.rooms.settle(room), frozenset(refusals))


def _settler(track: Track, room: RoomId) -> Attempt:
    staff = track.dice.choice(track.staff)
    timers: Mapping[str, Callable[[House], Awaitable[object]]] = {
        "lock": lambda house: house.clock.settling.close_betting(room),
        "await": lambda house: house.clock.settling.await_outcome(room),
        "give up": lambda house: house.clock.settling.give_up(room),
        "pay": lambda house: house.clock.settling.pay(room),
        "void": lambda house: house.clock.voiding.carry_out(room),
        "tick": lambda house: house.clock.tick(),
        "consume": lambda house: house.deliver(),
    }
    name = track.dice.choice((*timers, "consume", "pay", "settle", "ask"))
    if name == "settle":
        return _settle(room, "E-ROOM-UNDECIDED")
    if name == "ask":
        return Attempt(
            "ask",
            lambda house: house.rooms.request_void(room, staff, "a late thought"),
            frozenset({"E-VOID-LATE", "E-VOID-TWICE"}),
        )
    return Attempt(name, timers[name])


async def _paid_once(track: Track, room: RoomId) -> None:
    """The pools gave back what was staked in this room, and the room's ends are one each."""
    row = (await track.rows(ENDS, room))[0]
    track.expect(
        row["given"] == row["staked"], f"{row['given']} of {row['staked']} left the pools: {room}"
    )
    for what in ("settlements", "ends", "told"):
        track.expect(row[what] == 1, f"room {room} has {row[what]} {what}")


ENDS: Final = """
    SELECT (SELECT coalesce(-sum(entry.amount), 0) FROM ledger.entries AS entry
            JOIN ledger.accounts AS account ON account.id = entry.account_id
            WHERE entry.ref = 'room:' || $1::bigint AND account.kind = 'room_pools'
              AND entry.amount < 0) AS given,
           (SELECT coalesce(sum(stake), 0) FROM parimutuel.bets WHERE room_id = $1) AS staked,
           (SELECT count(*) FROM parimutuel.settlements WHERE room_id = $1) AS settlements,
           (SELECT count(*) FROM parimutuel.transitions
            WHERE room_id = $1 AND status IN ('SETTLED', 'VOIDED')) AS ends,
           (SELECT count(*) FROM platform.outbox
            WHERE kind IN ('RoomSettled', 'RoomVoided')
              AND (body ->> 'room_id')::bigint = $1) AS told
"""


async def lock_time(track: Track) -> None:
    """Bets against the room's lock time, which comes while they are on their way."""
    room = await track.room()
    crowd = track.crowd(28)
    seated = track.dice.choice((0, 1, 2, 4))
    await track.seat(room.id, crowd[:seated])
    ahead = track.dice.randrange(2, 60) * MOMENT
    await track.house.let_pass(room.id, until="locks_at", more=-ahead)
    locks_at = (await track.house.rooms.room(room.id)).locks_at
    bettors = [bet(room.id, each, track.dice, "E-BET-LOCKED") for each in crowd[seated:]]
    closers = [
        Attempt("lock", lambda house: house.clock.settling.close_betting(room.id)) for _ in range(6)
    ]
    outcomes = await track.race([*bettors, *closers])
    await _as_many_bets_as_accepted(track, room.id, seated, outcomes)
    for outcome in _accepted(outcomes, "bet"):
        at = outcome.answer.value.placed_at
        track.expect(at < locks_at, f"a bet of {at} in room {room.id}, locked at {locks_at}")
    await track.house.let_pass(room.id, until="locks_at", more=SECOND)
    await track.house.clock.settling.close_betting(room.id)
    view = await track.house.rooms.room(room.id)
    full = view.players >= view.min_players
    expected = RoomStatus.LOCKED if full else RoomStatus.VOIDED
    track.expect(view.status is expected, f"{view.players} players, yet {view.status}")
    if full:
        told = await _decidable(track, room)
        await track.race([told])
    await track.finish(room.id)
    await _paid_once(track, room.id)


async def hit(track: Track) -> None:
    """Bets against the touch of the target, and against its being told."""
    room = await track.room()
    crowd = track.crowd(28)
    await track.seat(room.id, crowd[:4])
    await track.house.let_pass_for(room.id, 10 * SECOND)
    asset = room.market["asset"]
    closed = ("E-BET-LOCKED", "E-TARGET-MET")
    attempts = [bet(room.id, each, track.dice, *closed) for each in crowd[4:]]
    touch = _touch(track, room.id, asset, SystemClock().now())
    if track.dice.random() < 0.5:
        attempts.append(touch)
    else:
        # The price is back, so that only the room itself still tells the bettors.
        await track.race([touch])
        track.say(asset, "150")
        await track.house.oracle.look(asset, at=SystemClock().now() + 6 * SECOND)
    attempts += [Attempt("consume", lambda house: house.deliver()) for _ in range(4)]
    attempts += [Attempt("pay", lambda house: house.clock.settling.pay(room.id)) for _ in range(4)]
    outcomes = await track.race(attempts)
    await track.finish(room.id)
    await _as_many_bets_as_accepted(track, room.id, 4, outcomes)
    late = await track.rows(LATE, room.id)
    track.expect(late == [], f"room {room.id} took bets after betting had closed: {late}")
    await _paid_once(track, room.id)


LATE: Final = """
    SELECT bet.id FROM parimutuel.bets AS bet
    JOIN parimutuel.transitions AS ended USING (room_id)
    WHERE room_id = $1 AND ended.status = 'SETTLING' AND bet.accepted_at > ended.at
"""


async def first_bettors(track: Track) -> None:
    """The first bettors of a room: it opens once, with the one who makes it full."""
    needed = track.dice.randrange(1, 6)
    room = await track.room(players=needed)
    outcomes = await track.race([bet(room.id, each, track.dice) for each in track.crowd(12)])
    await _as_many_bets_as_accepted(track, room.id, 0, outcomes)
    opened = await track.rows(OPENED, room.id)
    track.expect(len(opened) == 1, f"room {room.id} opened {len(opened)} times")
    for row in opened:
        full = row["before"] < needed <= row["by_then"] and row["told"] == 1
        track.expect(full, f"room {room.id} for {needed} opened as {row}")


# Bets of one batch are accepted at one instant.
OPENED: Final = """
    SELECT (SELECT count(*) FROM parimutuel.bets AS bet
            WHERE bet.room_id = $1 AND bet.accepted_at < moved.at) AS before,
           (SELECT count(*) FROM parimutuel.bets AS bet
            WHERE bet.room_id = $1 AND bet.accepted_at <= moved.at) AS by_then,
           (SELECT count(*) FROM platform.outbox WHERE kind = 'RoomMoved'
            AND (body ->> 'room_id')::bigint = $1 AND body ->> 'status' = 'OPEN') AS told
    FROM parimutuel.transitions AS moved WHERE moved.room_id = $1 AND moved.status = 'OPEN'
"""


async def same_key(track: Track) -> None:
    """One key from sixty-four clients: one bet, and its answer to all who asked for the same."""
    room = await track.room(players=track.dice.choice((1, 2)))
    (player,) = track.crowd(1)
    key, stakes = f"twin-{next(_keys)}", track.dice.choice(((ONE,), (ONE, 2 * ONE)))
    commands = [
        PlaceBet(
            room=room.id, player=player.id, side=Side.YES, stake=stakes[n % len(stakes)], key=key
        )
        for n in range(CLIENTS)
    ]
    outcomes = await track.race([_twin(command) for command in commands])
    done = _accepted(outcomes)
    first = [outcome for outcome in done if not outcome.answer.replayed]
    receipts = {repr(outcome.answer.value) for outcome in done}
    track.expect(len(first) == 1, f"key {key} was new {len(first)} times")
    track.expect(len(receipts) == 1, f"key {key} got {receipts}")
    track.expect(len(done) == CLIENTS // len(stakes), f"key {key} was answered {len(done)} times")
    bets = await track.rows("SELECT id FROM parimutuel.bets WHERE key = $1", key)
    track.expect(len(bets) == 1, f"key {key} made {len(bets)} bets")
    joined = await track.race([_join(key)] * (CLIENTS // 4))
    players = {outcome.answer.value.player_id for outcome in _accepted(joined)}
    track.expect(len(players) == 1, f"key {key} signed up {players}")


def _twin(command: PlaceBet) -> Attempt:
    reused = frozenset({"E-KEY-REUSED"})
    return Attempt("twin", lambda house: house.rooms.place_bet(command), reused)


def _join(key: str) -> Attempt:
    command = SignUp(
        name="Twin", referrer=None, fund=lamports(ONE), token=key, key=a_key("twins", key)
    )
    return Attempt("join", lambda house: house.referral.sign_up(command))


async def withdrawal(track: Track) -> None:
    """A balance spent in many rooms at once: as many stakes as it pays for, never below zero."""
    rooms = [(await track.room(players=track.dice.choice((1, 2)))).id for _ in range(16)]
    stake = track.dice.randrange(ONE // 10, ONE)
    pays_for = track.dice.randrange(1, len(rooms))
    rest = track.dice.randrange(stake)
    player = await track.house.player(pays_for * stake + rest)
    outcomes = await track.race(
        [bet(room, player, track.dice, "E-BAL-LOW", stake=stake) for room in rooms]
    )
    accepted = len(_accepted(outcomes))
    balance = await track.house.balance(player)
    track.expect(accepted == pays_for, f"{accepted} stakes of a balance that pays for {pays_for}")
    track.expect(balance == rest, f"{balance} is left, not {rest}")


async def holds(track: Track) -> None:
    """Holds against bets on one account, and two who end each hold."""
    house = track.house
    player = await house.player(10 * ONE)
    async with house.database.transaction() as tx:
        world = await house.ledger.open_account(tx, SOL, WORLD, "play")
    rooms = [(await track.room()).id for _ in range(12)]
    amounts = [track.dice.randrange(1, 2 * ONE) for _ in range(12)]
    bets = [bet(room, player, track.dice, "E-BAL-LOW") for room in rooms]
    outcomes = await track.race([*bets, *(_reserve(player.account, each) for each in amounts)])
    staked = sum(each.answer.value.stake for each in _accepted(outcomes, "bet"))
    held: dict[HoldId, int] = dict(each.answer for each in _accepted(outcomes, "reserve"))
    await _stands(track, player.account, 10 * ONE - staked, sum(held.values()))
    ends = [_end(hold, amount, player.account, world) for hold, amount in held.items()]
    ended = await track.race([each for pair in ends for each in pair])
    posted = sum(each.answer for each in _accepted(ended, "post"))
    released = sum(each.answer for each in _accepted(ended, "release"))
    track.expect(
        posted + released == sum(held.values()), f"of {held}, {posted} and {released} ended"
    )
    await _stands(track, player.account, 10 * ONE - staked - posted, 0)


def _reserve(account: AccountId, amount: int) -> Attempt:
    async def reserve(house: House) -> tuple[HoldId, int]:
        until = SystemClock().now() + timedelta(hours=1)
        async with house.database.transaction() as tx:
            key = f"hold-{next(_keys)}"
            hold = await house.ledger.reserve(
                tx, key, account, amount, ref="race", expires_at=until
            )
        return hold, amount

    return Attempt("reserve", reserve, frozenset({"E-BAL-LOW"}))


def _end(hold: HoldId, amount: int, account: AccountId, world: AccountId) -> list[Attempt]:
    """One who pays a hold out and one who gives it back; each says how much it ended."""

    async def post(house: House) -> int:
        legs = [Movement(account, -amount, "fund", "race"), Movement(world, amount, "fund", "race")]
        async with house.database.transaction() as tx:
            await house.ledger.post_hold(tx, hold, f"hold:{hold}", legs)
        return amount

    async def release(house: House) -> int:
        async with house.database.transaction() as tx:
            return amount if await house.ledger.release(tx, hold) else 0

    return [Attempt("post", post, frozenset({"E-HOLD"})), Attempt("release", release)]


async def _stands(track: Track, account: AccountId, balance: int, held: int) -> None:
    row = (await track.rows("SELECT balance, held FROM ledger.accounts WHERE id = $1", account))[0]
    found = (row["balance"], row["held"])
    track.expect(found == (balance, held), f"account {account}: {found}, not {(balance, held)}")


def _accepted(outcomes: list[Outcome], name: str | None = None) -> list[Outcome]:
    return [each for each in outcomes if each.refused is None and name in (None, each.attempt.name)]


async def _as_many_bets_as_accepted(
    track: Track, room: RoomId, seated: int, outcomes: list[Outcome]
) -> None:
    accepted = len(_accepted(outcomes, "bet"))
    rows = await track.rows("SELECT id FROM parimutuel.bets WHERE room_id = $1", room)
    track.expect(
        len(rows) == seated + accepted, f"{len(rows)} bets in room {room}, {accepted} accepted"
    )


HEATS: Final[Mapping[str, Callable[[Track], Awaitable[None]]]] = {
    "settlers": settlers,
    "lock": lock_time,
    "hit": hit,
    "first": first_bettors,
    "twins": same_key,
    "withdrawal": withdrawal,
    "holds": holds,
    "keno lock": keno_lock,
}
