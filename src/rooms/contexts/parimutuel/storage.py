"""Rooms, bets and what came of them, as rows: the writing side."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

from rooms.contexts.identity.api import Administrator, Standing
from rooms.contexts.oracle.api import Basis, NewWatch
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet, RoomStatus
from rooms.contexts.parimutuel.domain import Room, subject_of
from rooms.contexts.parimutuel.events import BetsPlaced
from rooms.kernel.ids import AccountId, BetId, PlayerId, RoomId
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx, array
from rooms.proof.condition import Condition, market_json, parse_market
from rooms.proof.pool import Side
from rooms.proof.terms import RoomTerms, parse_terms, terms_json

ROOM_COLUMNS: Final = (
    "id, status, market, resolve, host_id, host_account, min_players, terms, void_delay, "
    "created_at, locks_at, settles_at"
)
NOW: Final = "SELECT date_trunc('milliseconds', clock_timestamp())"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRoom:
    """What a room is created from."""

    title: str
    condition: Condition
    assets: Sequence[str]
    resolve: str
    host_id: PlayerId
    host_account: AccountId
    min_players: int
    terms: RoomTerms
    void_delay: timedelta
    first_tick: int
    created_at: Instant
    locks_at: Instant
    settles_at: Instant


class NewBet(NamedTuple):
    """A row of bets, in the order of the insert's arrays."""

    room: RoomId
    player: PlayerId
    account: AccountId
    side: Side
    stake: int
    by_host: bool
    upline_1: AccountId | None
    upline_2: AccountId | None
    upline_3: AccountId | None
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What bets were judged by: open rooms, and the newest ticks of what their prices are.

    The prices are fresh from ``since`` to ``until``.
    """

    rooms: Sequence[RoomId]
    bases: Sequence[Basis]
    ticks: Sequence[int]
    since: Instant
    until: Instant


class Placed(NamedTuple):
    """When bets were accepted, and the number of each."""

    at: Instant
    ids: list[BetId]


class LockedRoom(NamedTuple):
    """A room under lock: its status, when it locks, and the time after all locks of the batch."""

    id: RoomId
    status: RoomStatus
    locks_at: Instant
    at: Instant


@dataclass(frozen=True, slots=True)
class KnownBet:
    """A bet that was accepted before, with its key."""

    player: PlayerId
    key: str
    receipt: BetReceipt


class RoomStorage:
    """One method is one statement."""

    async def now(self, tx: Tx) -> Instant:
        """Give the database's time at this moment, not the transaction's start."""
        instant: Instant = await tx.value(NOW)
        return instant

    async def lock_host(self, tx: Tx, host: PlayerId) -> None:
        await tx.execute(
            "INSERT INTO parimutuel.hosts (player_id) VALUES ($1) ON CONFLICT DO NOTHING", host
        )
        await tx.execute(
            "SELECT FROM parimutuel.hosts WHERE player_id = $1 FOR NO KEY UPDATE", host
        )

    async def open_rooms_of(self, tx: Tx, host: PlayerId) -> int:
        return int(
            await tx.value(
                "SELECT count(*) FROM parimutuel.rooms "
                "WHERE host_id = $1 AND status IN ('QUEUING', 'OPEN', 'LOCKED', 'SETTLING')",
                host,
            )
        )

    async def add_room(self, tx: Tx, room: NewRoom) -> RoomId:
        return RoomId(
            await tx.value(
                """
                INSERT INTO parimutuel.rooms
                    (title, market, assets, resolve, status, host_id, host_account, min_players,
                     terms, void_delay, first_tick, created_at, locks_at, settles_at)
                VALUES ($1, $2, $3, $4, 'QUEUING', $5, $6, $7, $8, $9, $10, $11, $12, $13)
                RETURNING id
                """,
                room.title,
                market_json(room.condition),
                list(room.assets),
                room.resolve,
                room.host_id,
                room.host_account,
                room.min_players,
                terms_json(room.terms),
                room.void_delay,
                room.first_tick,
                room.created_at,
                room.locks_at,
                room.settles_at,
            )
        )

    async def room(self, tx: Tx, room: RoomId) -> Room | None:
        row = await tx.row(f"SELECT {ROOM_COLUMNS} FROM parimutuel.rooms WHERE id = $1", room)
        return None if row is None else _room(row)

    async def rooms_of(self, tx: Tx, rooms: Collection[RoomId]) -> list[Room]:
        rows = await tx.fetch(
            f"SELECT {ROOM_COLUMNS} FROM parimutuel.rooms WHERE id = ANY ($1)", list(rooms)
        )
        return [_room(row) for row in rows]

    async def lock_for_bets(
        self, tx: Tx, rooms: Mapping[RoomId, bool], *, wait: bool
    ) -> list[LockedRoom]:
        """Lock rooms so that betting cannot close, and tell what they are and the time.

        Those marked True are locked against other bets too. Without ``wait`` a room that cannot
        be locked at once is left out.
        """
        rows = await tx.fetch(
            "SELECT room_id, status, locks_at, at "
            "FROM parimutuel.lock_for_bets($1::text::bigint[], $2::text::boolean[], $3)",
            array(list(rooms)),
            array(list(rooms.values())),
            wait,
        )
        return [LockedRoom(RoomId(row[0]), RoomStatus(row[1]), row[2], row[3]) for row in rows]

    async def room_alone(self, tx: Tx, room: RoomId) -> Room | None:
        """Lock a room against everyone: a plain update would not wait for bets under way."""
        # The row's lock is the guard, but whoever shares one steps in front of a waiter who wants
        # it alone: a stream of bets, refused ones too, would keep a room from ever closing. The
        # database serves these locks in the order of arrival.
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"room:{room}")
        row = await tx.row(
            f"SELECT {ROOM_COLUMNS} FROM parimutuel.rooms WHERE id = $1 FOR UPDATE", room
        )
        return None if row is None else _room(row)

    async def move(
        self, tx: Tx, room: Room, status: RoomStatus, *, cause: str, at: Instant
    ) -> None:
        """Write the room's next status and why; the room is locked by the caller."""
        room.require_move(status)
        await tx.execute("UPDATE parimutuel.rooms SET status = $2 WHERE id = $1", room.id, status)
        await self.add_transition(tx, room.id, status, cause=cause, at=at)

    async def add_transition(
        self, tx: Tx, room: RoomId, status: RoomStatus, *, cause: str, at: Instant
    ) -> None:
        await tx.execute(
            "INSERT INTO parimutuel.transitions (room_id, status, at, cause) "
            "VALUES ($1, $2, $3, $4)",
            room,
            status,
            at,
            cause,
        )

    async def rooms_to_lock(self, tx: Tx) -> list[RoomId]:
        return await self._due(tx, "status IN ('QUEUING', 'OPEN') AND locks_at <= now.at")

    async def rooms_to_settle(self, tx: Tx) -> list[RoomId]:
        return await self._due(tx, "status = 'LOCKED' AND settles_at <= now.at")

    async def rooms_to_pay(self, tx: Tx) -> list[RoomId]:
        return await self._due(
            tx,
            "status = 'SETTLING' AND EXISTS (SELECT FROM parimutuel.decisions AS decision "
            "WHERE decision.room_id = room.id)",
        )

    async def rooms_without_consensus(self, tx: Tx) -> list[RoomId]:
        return await self._due(
            tx,
            "status = 'SETTLING' AND settles_at + "
            "(terms ->> 'settle_grace_ms')::bigint * interval '1 millisecond' <= now.at "
            "AND NOT EXISTS (SELECT FROM parimutuel.decisions AS decision "
            "WHERE decision.room_id = room.id)",
        )

    async def rooms_to_void(self, tx: Tx) -> list[RoomId]:
        return await self._due(
            tx,
            # The last delay counts: an earlier one was of two who did not stay without a bet.
            "status IN ('QUEUING', 'OPEN', 'LOCKED', 'SETTLING') AND ("
            "SELECT max(request.effective_at) FROM parimutuel.void_requests AS request "
            "WHERE request.room_id = room.id) <= now.at",
        )

    async def _due(self, tx: Tx, condition: str) -> list[RoomId]:
        rows = await tx.fetch(
            f"SELECT room.id FROM parimutuel.rooms AS room, "
            f"(SELECT clock_timestamp() AS at) AS now WHERE {condition} "
            f"ORDER BY room.locks_at LIMIT 200"
        )
        return [RoomId(row["id"]) for row in rows]


class BetStorage:
    """Bets are inserted and read, never changed."""

    async def earlier(self, tx: Tx, commands: Sequence[PlaceBet]) -> list[KnownBet]:
        """Give the bets that have a command's key, or its player and room."""
        rows = await tx.fetch(
            """
            SELECT bet.id, bet.room_id, bet.player_id, bet.side, bet.stake, bet.accepted_at,
                   bet.key
            FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS asked (room_id, player_id, key)
            CROSS JOIN LATERAL (
                SELECT * FROM parimutuel.bets AS by_key
                WHERE by_key.player_id = asked.player_id AND by_key.key = asked.key
                UNION
                SELECT * FROM parimutuel.bets AS by_room
                WHERE by_room.room_id = asked.room_id AND by_room.player_id = asked.player_id
            ) AS bet
            """,
            [command.room for command in commands],
            [command.player for command in commands],
            [command.key for command in commands],
        )
        return [KnownBet(PlayerId(row["player_id"]), row["key"], _receipt(row)) for row in rows]

    async def add(
        self, tx: Tx, bets: Sequence[NewBet], accepted_at: Instant
    ) -> dict[tuple[RoomId, PlayerId], BetId]:
        """Insert bets; those whose player and room, or key, has one already are left out."""
        rows = await tx.fetch(
            """
            INSERT INTO parimutuel.bets
                (room_id, player_id, account_id, side, stake, accepted_at, by_host,
                 upline_1, upline_2, upline_3, key)
            SELECT room_id, player_id, account_id, side, stake, $1, by_host,
                   upline_1, upline_2, upline_3, key
            FROM unnest($2::text::bigint[], $3::text::bigint[], $4::text::bigint[],
                        $5::text::text[], $6::text::bigint[], $7::text::boolean[],
                        $8::text::bigint[], $9::text::bigint[], $10::text::bigint[],
                        $11::text::text[])
              AS bet (room_id, player_id, account_id, side, stake, by_host,
                      upline_1, upline_2, upline_3, key)
            ORDER BY room_id, player_id
            ON CONFLICT DO NOTHING
            RETURNING id, room_id, player_id
            """,
            accepted_at,
            *map(array, zip(*bets, strict=True)),
        )
        return {(RoomId(room), PlayerId(player)): BetId(bet) for bet, room, player in rows}

    async def place(
        self,
        tx: Tx,
        bets: Sequence[NewBet],
        pools: Sequence[AccountId],
        standings: Sequence[Standing | None],
        guess: Guess,
    ) -> Placed | None:
        """Place bets of different accounts at once, each stake into its pool, and tell of it.

        None, and nothing done, where the guess was wrong, a token is revoked or somebody has a
        lock. Raises Violation where a bet is in the books already or its player has too little.
        """
        row = await tx.row(
            "SELECT accepted_at, ids FROM parimutuel.place_bets($1::text::bigint[], "
            "$2, $3, $4, $5, $6, $7::text::bigint[], "
            "$8::text::bigint[], $9::text::bigint[], $10::text::bigint[], $11::text::text[], "
            "$12::text::bigint[], $13::text::boolean[], $14::text::bigint[], "
            "$15::text::bigint[], $16::text::bigint[], $17::text::text[], $18::text::bytea[])",
            array(guess.rooms),
            [basis.asset for basis in guess.bases],
            [basis.terms for basis in guess.bases],
            guess.ticks,
            guess.since,
            guess.until,
            array(pools),
            *map(array, zip(*bets, strict=True)),
            _bytes(standings) if any(standings) else None,
        )
        if row is None:
            return None
        tx.told.add(BetsPlaced.__name__)
        return Placed(row[0], row[1])

    async def has_bet(self, tx: Tx, player: PlayerId, room: RoomId) -> bool:
        return bool(
            await tx.value(
                "SELECT true FROM parimutuel.bets WHERE room_id = $1 AND player_id = $2",
                room,
                player,
            )
        )

    async def count(self, tx: Tx, room: RoomId) -> int:
        return int(await tx.value("SELECT count(*) FROM parimutuel.bets WHERE room_id = $1", room))

    async def handle(self, tx: Tx, room: RoomId) -> int:
        return int(
            await tx.value(
                "SELECT coalesce(sum(stake), 0) FROM parimutuel.bets WHERE room_id = $1", room
            )
        )


class VoidStorage:
    """What administrators asked for."""

    async def add_request(
        self,
        tx: Tx,
        room: RoomId,
        staff: Administrator,
        reason: str,
        effective_after: timedelta | None,
    ) -> Instant | None:
        """Store a request; give when the void takes effect, where it is the second."""
        instant: Instant | None = await tx.value(
            "INSERT INTO parimutuel.void_requests "
            "(room_id, staff_id, player_id, reason, effective_at) "
            "VALUES ($1, $2, $3, $4, date_trunc('milliseconds', clock_timestamp()) + $5) "
            "RETURNING effective_at",
            room,
            staff.id,
            staff.player_id,
            reason,
            effective_after,
        )
        return instant

    async def requesters(self, tx: Tx, room: RoomId) -> dict[int, bool]:
        """Give who has asked, and whether each still has no bet in the room."""
        rows = await tx.fetch(
            """
            SELECT request.staff_id, bet.room_id IS NULL AS free
            FROM parimutuel.void_requests AS request
            LEFT JOIN parimutuel.bets AS bet USING (room_id, player_id)
            WHERE request.room_id = $1
            """,
            room,
        )
        return {row["staff_id"]: row["free"] for row in rows}

    async def reason(self, tx: Tx, room: RoomId) -> str:
        return str(
            await tx.value(
                "SELECT reason FROM parimutuel.void_requests "
                "WHERE room_id = $1 ORDER BY at LIMIT 1",
                room,
            )
        )


def _bytes(values: Sequence[bytes | None]) -> str:
    return array([None if each is None else f"\\x{each.hex()}" for each in values])


def new_watch(room: RoomId, new: NewRoom) -> NewWatch:
    """Say what the oracle has to watch for a new room."""
    return NewWatch(
        subject=subject_of(room),
        condition=new.condition,
        resolve="touch" if new.resolve == "touch" else "at_close",
        first_tick=new.first_tick,
        created_at=new.created_at,
        settles_at=new.settles_at,
        confirmations=new.terms.confirmations,
        token_window=new.terms.token_window,
        terms=new.terms.oracle,
    )


def _room(row: Row) -> Room:
    columns: dict[str, Any] = dict(row)
    market, terms = columns.pop("market"), columns.pop("terms")
    status = RoomStatus(columns.pop("status"))
    return Room(**columns, status=status, condition=parse_market(market), terms=parse_terms(terms))


def _receipt(row: Row) -> BetReceipt:
    return BetReceipt(
        id=BetId(row["id"]),
        room_id=RoomId(row["room_id"]),
        side=Side(row["side"]),
        stake=row["stake"],
        placed_at=row["accepted_at"],
    )
