"""What must be true of a run when it is over; each check gives what is wrong, in words."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from rooms.contexts.parimutuel.api import BetReceipt
from rooms.kernel.time import Instant
from rooms.platform.database import Tx
from rooms.proof.evidence import verify_room
from tests.torture.simulation.expected import Look, Verdict, assets, cutoff, divide, met, verdict
from tests.torture.simulation.prices import TOKEN
from tests.torture.simulation.processes import House
from tests.torture.simulation.stage import Memory, Stage
from tests.torture.simulation.trouble import wrong_in_books
from tests.torture.simulation.virtual_time import START

Row = Mapping[str, Any]
Rows = Sequence[Row]

MOVES: Final = {
    None: {"QUEUING"},
    "QUEUING": {"OPEN", "VOIDED"},
    "OPEN": {"LOCKED", "SETTLING", "VOIDED"},
    "LOCKED": {"SETTLING", "VOIDED"},
    "SETTLING": {"SETTLED", "VOIDED"},
}
ENDS: Final = {"SETTLED", "VOIDED"}
LATE: Final = timedelta(seconds=20)
"""How long after its last deadline a room may end: loops look seldom, and the database is slow."""

BLIND: Final = timedelta(seconds=12)
"""How long after everything is well again there may be no leader and no price."""

CLOCKS_OFF: Final = timedelta(seconds=5)
"""More than any process's clock is off; by it go sources that do not say when a price was true."""

OLDEST: Final = {False: timedelta(seconds=5), True: timedelta(seconds=120)}
"""How old a quote may be: of a coin, and of a token."""

NEAR: Final = Decimal("0.006")
"""How far an observation may be from what was true: sources round, and agree within 0.5 %."""


@dataclass(frozen=True, slots=True)
class Remains:
    """All rows that a run left, as far as they are looked at."""

    rooms: Rows
    transitions: Rows
    bets: Rows
    voids: Rows
    accounts: Rows
    observations: Rows
    facts: Rows
    holds: Rows


LEFT: Final = {
    "rooms": """
        SELECT room.id, room.status, room.resolve, room.market, room.terms, room.host_account,
               room.min_players, room.created_at, room.locks_at, room.settles_at, room.first_tick,
               watch.terms_id, decision.outcome AS decided, decision.trigger, decision.t_hit,
               decision.t_clear, decision.at AS decided_at, settlement.outcome, settlement.reason,
               settlement.cutoff, settlement.takeout, settlement.breakage,
               settlement.at AS settled_at
        FROM parimutuel.rooms AS room
        JOIN oracle.watches AS watch ON watch.subject = 'room:' || room.id
        LEFT JOIN parimutuel.decisions AS decision ON decision.room_id = room.id
        LEFT JOIN parimutuel.settlements AS settlement ON settlement.room_id = room.id
        ORDER BY room.id
    """,
    "transitions": """
        SELECT room_id, status, at, cause FROM parimutuel.transitions ORDER BY room_id, at,
        array_position('{QUEUING,OPEN,LOCKED,SETTLING,SETTLED,VOIDED}', status)
    """,
    "bets": """
        SELECT id, room_id, player_id, account_id, side, stake, accepted_at, key,
               ARRAY[upline_1, upline_2, upline_3] AS uplines
        FROM parimutuel.bets ORDER BY id
    """,
    "voids": """
        SELECT room_id, staff_id, at, effective_at FROM parimutuel.void_requests
        ORDER BY room_id, staff_id
    """,
    "accounts": "SELECT id, kind, owner, balance, held FROM ledger.accounts ORDER BY id",
    "holds": "SELECT id, state, amount, ended_at FROM ledger.holds ORDER BY id",
    "observations": """
        SELECT tick.id, tick.epoch, tick.terms_id, seen.asset, seen.at, seen.price,
               (seen.evidence ->> 'judged_at')::timestamptz AS judged_at
        FROM oracle.observations AS seen JOIN oracle.ticks AS tick ON tick.id = seen.tick_id
        ORDER BY tick.id, seen.asset
    """,
    "facts": "SELECT kind, body FROM platform.outbox ORDER BY id",
}


async def read_remains(tx: Tx) -> Remains:
    """Read what a run left."""
    tables = {name: [dict(row) for row in await tx.fetch(sql)] for name, sql in LEFT.items()}
    return Remains(**tables)


async def check_ending(stage: Stage, house: House) -> Remains:
    """Look at everything that a run left; what is wrong goes to the stage."""
    async with stage.wire.look() as tx:
        remains = await read_remains(tx)
        stage.wrong += await wrong_in_books(tx)
    stage.wrong += _wrong_lives(stage, remains)
    stage.wrong += _wrong_bets(stage.memory, remains)
    stage.wrong += _wrong_verdicts(remains)
    stage.wrong += _wrong_voids(stage, remains)
    stage.wrong += _wrong_balances(stage.memory, remains)
    stage.wrong += _wrong_prices(stage, remains)
    stage.wrong += _wrong_facts(remains)
    stage.wrong += [wrong async for wrong in _wrong_files(house, remains)]
    return remains


def _wrong_lives(stage: Stage, remains: Remains) -> Iterator[str]:
    """Every room has ended, once, in time, by the moves that there are."""
    lives = defaultdict(list)
    for move in remains.transitions:
        lives[move["room_id"]].append(move)
    if [row["id"] for row in remains.rooms] != sorted(stage.memory.rooms):
        yield f"rooms {stage.memory.rooms} were answered"
    for room in remains.rooms:
        life = lives[room["id"]]
        names = [move["status"] for move in life]
        for before, after in zip([None, *names], names, strict=False):
            if after not in MOVES[before]:
                yield f"room {room['id']} went from {before} to {after}"
        if names[-1] != room["status"] or len(ENDS & set(names)) != 1:
            yield f"room {room['id']} is {room['status']} after {names}"
            continue
        grace = timedelta(milliseconds=room["terms"]["settle_grace_ms"])
        if life[-1]["at"] > room["settles_at"] + grace + LATE:
            yield f"room {room['id']} ended at {life[-1]['at']}, due {room['settles_at']}"


def _wrong_bets(memory: Memory, remains: Remains) -> Iterator[str]:
    """The bets that were answered are the bets that are there, each taken while that was right."""
    taken = {bet["key"]: bet for bet in remains.bets}
    for key, (command, answer) in memory.bets.items():
        bet = taken.pop(key, None)
        if not isinstance(answer, BetReceipt):
            if bet is not None:
                yield f"bet {key!r} was refused and is there"
            continue
        told = (answer.id, answer.room_id, answer.side, answer.stake, answer.placed_at)
        if bet is None:
            yield f"bet {key!r} was answered and is lost"
        elif told != tuple(bet[name] for name in ("id", "room_id", "side", "stake", "accepted_at")):
            yield f"bet {key!r} was answered {told} and is {bet}"
        elif bet["player_id"] != command.player:
            yield f"bet {key!r} is another player's"
    yield from (f"nobody was told of bet {key!r}" for key in taken)
    yield from _wrong_times(remains)


def _wrong_times(remains: Remains) -> Iterator[str]:
    rooms = {room["id"]: room for room in remains.rooms}
    per_room = Counter((bet["room_id"], bet["player_id"]) for bet in remains.bets)
    yield from (
        f"player {player} bet twice in {room}" for (room, player), n in per_room.items() if n > 1
    )
    for bet in remains.bets:
        room, at = rooms[bet["room_id"]], bet["accepted_at"]
        if not room["created_at"] <= at < room["locks_at"]:
            yield f"bet {bet['id']} at {at} is outside of {room['created_at']}..{room['locks_at']}"
        if room["decided_at"] is not None and at > room["decided_at"]:
            yield f"bet {bet['id']} at {at} came after the decision"
        for asset in assets(room["market"]):
            if not any(
                seen["asset"] == asset and _fresh(seen, at) for seen in remains.observations
            ):
                yield f"bet {bet['id']} at {at} was taken without a price of {asset}"


def _fresh(seen: Row, at: Instant) -> bool:
    observed, judged = seen["at"], seen["judged_at"]
    return bool(at - timedelta(seconds=10) <= observed and judged <= at + CLOCKS_OFF)


def _looks(room: Row, remains: Remains) -> list[tuple[int, Look]]:
    """Give what the monitor saw of a room at each of its ticks after the room's first."""
    ticks: dict[int, dict[str, Row]] = defaultdict(dict)
    for seen in remains.observations:
        own = seen["terms_id"] == room["terms_id"]
        if own and seen["epoch"] is not None and seen["id"] > room["first_tick"]:
            ticks[seen["id"]][seen["asset"]] = seen
    wanted = assets(room["market"])
    looks = []
    for tick, seen in ticks.items():
        if wanted <= seen.keys():
            prices = {asset: seen[asset]["price"] for asset in wanted}
            at = min(seen[asset]["at"] for asset in wanted)
            looks.append((tick, Look(at, met(room["market"], prices))))
    return looks


def _wrong_verdicts(remains: Remains) -> Iterator[str]:
    """What decided a room is what its observations decide, all of them, in their order."""
    for room in remains.rooms:
        # Touches of tokens are medians of a window: the room's file is checked for those.
        if room["resolve"] == "touch" and TOKEN in assets(room["market"]):
            continue
        looks = [look for _, look in _looks(room, remains)]
        # A tick that was asking when the room was created may know nothing of it.
        possible = [verdict(room, looks), verdict(room, looks[1:])]
        if room["decided"] is not None and not any(_same(room, each) for each in possible):
            yield f"room {room['id']} was decided {room}, the rules give {possible}"


def _wrong_voids(stage: Stage, remains: Remains) -> Iterator[str]:
    """A room is void for a reason that was there; with prices again it is not for want of them."""
    calm_at = START + timedelta(seconds=stage.calm_at)
    for room in remains.rooms:
        number, reason = room["id"], room["reason"]
        asked = [each for each in remains.voids if each["room_id"] == number]
        if len(asked) < len(stage.memory.asked_voids.get(number, ())):
            yield f"a void of room {number} was asked for, and only {asked} is there"
        due = [each["effective_at"] for each in asked if each["effective_at"] is not None]
        if reason == "ADMIN" and not (due and room["settled_at"] >= max(due)):
            yield f"room {number} is void at {room['settled_at']}, asked for was {asked}"
        if reason == "NO_CONSENSUS" and room["settles_at"] > calm_at + BLIND:
            yield f"room {number} had no price, though nothing was wrong any more"
        if reason is None and room["outcome"] != room["decided"]:
            yield f"room {number} was decided {room['decided']} and came out {room['outcome']}"


def _same(room: Row, given: Verdict | None) -> bool:
    if given is None:
        return False
    told = (room["decided"], room["t_hit"], room["t_clear"])
    return told == (given.outcome, given.t_hit, given.t_clear)


def _wrong_balances(memory: Memory, remains: Remains) -> Iterator[str]:
    """Every account has what the rules give it, to the lamport."""
    due: Counter[int] = Counter({player.account: player.fund for player in memory.players})
    due.subtract(memory.withdrawn)
    kinds: Counter[str] = Counter()
    for room in remains.rooms:
        bets = [bet for bet in remains.bets if bet["room_id"] == room["id"]]
        due.subtract({bet["account_id"]: bet["stake"] for bet in bets})
        until = None
        if room["t_hit"] is not None:
            decided = Verdict("YES", room["t_hit"], room["t_hit"], room["t_clear"])
            until = cutoff(room, decided)
        division = divide(room, bets, room["outcome"], until)
        due.update(division.to)
        kinds.update({"protocol_revenue": division.revenue, "breakage": division.breakage})
        told = (room["takeout"], room["breakage"])
        if told != (division.takeout, division.breakage):
            yield f"room {room['id']} took {told}, the rules give {division}"
    for account in remains.accounts:
        match account["kind"]:
            case "player":
                wanted = due[account["id"]]
            case "world":
                wanted = sum(memory.withdrawn.values()) - sum(p.fund for p in memory.players)
            case "room_pools":
                wanted = 0
            case kind:
                wanted = kinds[kind]
        if account["balance"] != wanted or account["held"]:
            yield f"account {account} should have {wanted} and hold nothing"


def _wrong_prices(stage: Stage, remains: Remains) -> Iterator[str]:
    """Every price that was agreed on was true, or nearly, in the span that it speaks of."""
    for seen in remains.observations:
        first, last = seen["at"] - CLOCKS_OFF, seen["judged_at"] + CLOCKS_OFF
        low, high = stage.world.truth.between(seen["asset"], first, last)
        if not low * (1 - NEAR) <= seen["price"] <= high * (1 + NEAR):
            yield f"{seen} was agreed on, true was {low} to {high}"
        if seen["judged_at"] - seen["at"] > OLDEST[seen["asset"] == TOKEN]:
            yield f"{seen} was agreed on, though a quote was too old"


def _wrong_facts(remains: Remains) -> Iterator[str]:
    """The end of each room is told once, and every bet."""
    told = Counter(
        fact["body"]["room_id"]
        for fact in remains.facts
        if fact["kind"] in ("RoomSettled", "RoomVoided")
    )
    if told != Counter(room["id"] for room in remains.rooms):
        yield f"ends were told of {dict(told)}"
    placed = [fact["body"]["bets"] for fact in remains.facts if fact["kind"] == "BetsPlaced"]
    bets = Counter(bet for batch in placed for bet in batch)
    if bets != Counter(bet["id"] for bet in remains.bets):
        yield f"bets were told: {dict(bets)}"


async def _wrong_files(house: House, remains: Remains) -> AsyncIterator[str]:
    """Everybody can derive each room again from its file."""
    for room in remains.rooms:
        if room["settled_at"] is None:
            continue
        report = verify_room([line async for line in house.rooms.settlement_file(room["id"])])
        for step in report.steps:
            if not step.ok:
                yield f"the file of room {room['id']}: {step.name}: {step.detail}"
