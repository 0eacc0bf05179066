"""Rooms of any size put into the database at once, divided by the house, and read back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any, Final

from rooms.contexts.ledger.api import PLAYER, ROOM_POOLS, WORLD
from rooms.contexts.parimutuel.settlement_storage import POOL_SHARDS, RoomDecision
from rooms.kernel.ids import AccountId, RoomId
from rooms.kernel.money import SOL
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx
from rooms.proof.pool import Side, Stake, Terms, settle
from rooms.proof.terms import terms_json
from tests.houses import TERMS, TOUCH_SOL, House

_numbers: Final = count(1)


@dataclass(frozen=True, slots=True)
class Laid:
    """One bet of a room to be laid: its uplines are places in the room's list of referrers."""

    side: Side
    stake: int
    uplines: tuple[int | None, int | None, int | None] = (None, None, None)
    late: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A room with all its bets, and the accounts by their place in it."""

    room: RoomId
    terms: Terms
    bets: Sequence[Laid]
    bettors: Sequence[AccountId]
    referrers: Sequence[AccountId]
    host: AccountId
    cutoff: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """What became of a room's money: its settlement row, and each account's sum of entries."""

    row: Mapping[str, Any]
    moved: Mapping[AccountId, int]
    by_kind: Mapping[str, int]


async def lay(house: House, bets: Sequence[Laid], terms: Terms, referrers: int = 0) -> Table:
    """Put a room in play whose stakes are in the pools; late bets came after the cutoff."""
    number = next(_numbers)
    async with house.database.transaction() as tx:
        bettors = await _accounts(tx, f"{number}-bettor", len(bets))
        uplines = await _accounts(tx, f"{number}-referrer", referrers)
        (host,) = await _accounts(tx, f"{number}-host", 1)
        room, settles_at = await _room(house, tx, terms, host)
        cutoff = settles_at - timedelta(minutes=50)
        table = Table(room, terms, bets, bettors, uplines, host, cutoff)
        await _take_stakes(house, tx, table, number)
        await _write_bets(tx, table)
    return table


async def _accounts(tx: Tx, owner: str, how_many: int) -> list[AccountId]:
    rows = await tx.fetch(
        "SELECT ledger.open_account($1, $2, $3 || n) AS id FROM generate_series(1, $4::int) AS n",
        SOL,
        PLAYER,
        f"{owner}-",
        how_many,
    )
    return [AccountId(row["id"]) for row in rows]


async def _room(house: House, tx: Tx, terms: Terms, host: AccountId) -> tuple[RoomId, Instant]:
    storage = house.rooms.opening.rooms
    settles_at = await storage.now(tx) + timedelta(hours=1)
    room = await tx.value(
        """
        INSERT INTO parimutuel.rooms
            (title, market, assets, resolve, status, host_id, host_account, min_players, terms,
             void_delay, first_tick, created_at, locks_at, settles_at)
        VALUES ('a table', $1, '{SOL}', 'touch', 'SETTLING', 0, $2, 2, $3, '10 min', 0,
                $4::timestamptz - interval '1 hour', $4::timestamptz - interval '30 min', $4)
        RETURNING id
        """,
        TOUCH_SOL,
        host,
        terms_json(replace(TERMS, pool=terms)),
        settles_at,
    )
    return RoomId(room), settles_at


async def _take_stakes(house: House, tx: Tx, table: Table, number: int) -> None:
    """Fund every bettor out of a world of this room's own, and move the stakes to the pools."""
    world = await house.ledger.open_account(tx, SOL, WORLD, f"play-{number}")
    shards = [
        await house.ledger.open_account(tx, SOL, ROOM_POOLS, str(n)) for n in range(POOL_SHARDS)
    ]
    await house.ledger.open_movements(tx)
    await tx.execute(
        """
        INSERT INTO pg_temp.movements (account_id, amount, kind, ref)
        SELECT leg.account, leg.amount, leg.kind, 'table'
        FROM unnest($1::bigint[], $2::bigint[]) AS bet (account, stake)
        CROSS JOIN LATERAL (VALUES
            ($3::bigint, -stake, 'fund'), (account, stake, 'fund'), (account, -stake, 'stake'),
            (($4::bigint[])[1 + account % array_length($4, 1)], stake, 'stake')
        ) AS leg (account, amount, kind)
        """,
        list(table.bettors),
        [bet.stake for bet in table.bets],
        world,
        shards,
    )
    if table.bets:
        await house.ledger.post(tx, f"table:{number}")


async def _write_bets(tx: Tx, table: Table) -> None:
    def upline(level: int) -> list[AccountId | None]:
        places = [bet.uplines[level] for bet in table.bets]
        return [None if place is None else table.referrers[place] for place in places]

    await tx.execute(
        """
        INSERT INTO parimutuel.bets (room_id, player_id, account_id, side, stake, accepted_at,
            by_host, key, upline_1, upline_2, upline_3)
        SELECT $1, account, account, side, stake, accepted_at, false, 'table', one, two, three
        FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[], $6::bigint[],
                    $7::bigint[], $8::bigint[])
            AS bet (account, side, stake, accepted_at, one, two, three)
        """,
        table.room,
        list(table.bettors),
        [bet.side.value for bet in table.bets],
        [bet.stake for bet in table.bets],
        [
            table.cutoff if bet.late else table.cutoff - timedelta(milliseconds=1)
            for bet in table.bets
        ],
        *(upline(level) for level in range(3)),
    )


async def divide(house: House, table: Table, outcome: Side) -> Divided:
    """Decide the room and let the house pay, as after a crash between the two."""
    decision = RoomDecision(outcome=outcome, reason=None, trigger="touch", cutoff=table.cutoff)
    async with house.database.transaction() as tx:
        now = await house.rooms.opening.rooms.now(tx)
        await house.rooms.settling.settlements.add_decision(tx, table.room, decision, now)
    assert await house.rooms.settling.pay(table.room)
    return await read_back(house, table.room)


async def read_back(house: House, room: RoomId) -> Divided:
    """Read what the room's settlement wrote, summed per account and per kind."""
    async with house.database.snapshot() as tx:
        row = await tx.row("SELECT * FROM parimutuel.settlements WHERE room_id = $1", room)
        assert row is not None
        entries = await tx.fetch(
            "SELECT account_id, kind, amount FROM ledger.entries WHERE journal_id = $1",
            row["journal_id"],
        )
    return Divided(
        row=dict(row), moved=_summed(entries, "account_id"), by_kind=_summed(entries, "kind")
    )


def _summed(entries: Sequence[Row], column: str) -> dict[Any, int]:
    sums: dict[Any, int] = {}
    for entry in entries:
        sums[entry[column]] = sums.get(entry[column], 0) + entry["amount"]
    return sums


def expected(table: Table, outcome: Side) -> tuple[dict[str, Any], dict[AccountId, int]]:
    """Say by ``proof.pool`` what the row holds and what each account gets, where not nothing."""
    counted = {n: bet for n, bet in enumerate(table.bets) if not bet.late}
    stakes = [Stake(str(n), bet.side, bet.stake) for n, bet in counted.items()]
    found = settle(stakes, outcome, table.terms)
    due = dict.fromkeys([*table.bettors, *table.referrers, table.host], 0)
    for n, bet in enumerate(table.bets):
        refund = bet.late or found.void
        due[table.bettors[n]] += bet.stake if refund else found.payouts[str(n)]
        if refund:
            continue
        for place, amount in zip(bet.uplines, found.rewards[str(n)], strict=True):
            if place is not None:
                due[table.referrers[place]] += amount
    due[table.host] += found.host_fee
    row = {
        "outcome": None if found.void else outcome,
        "reason": "NO_WINNER" if found.void else None,
        "scratched": len(table.bets) - len(counted),
        "bets": len(table.bets),
        **{
            name: getattr(found, name)
            for name in (
                *("handle", "winning", "takeout", "host_fee", "protocol_fee", "net"),
                "breakage",
            )
        },
    }
    return row, {account: amount for account, amount in due.items() if amount}
