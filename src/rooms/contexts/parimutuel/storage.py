"""Rooms, bets and what came of them, as rows: the writing side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from rooms.contexts.identity.api import Administrator
from rooms.contexts.oracle.api import NewWatch
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet, RoomStatus
from rooms.contexts.parimutuel.domain import Room
from rooms.contexts.referral.api import Member
from rooms.kernel.ids import AccountId, BetId, PlayerId, RoomId
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx
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

    async def room_for_bet(self, tx: Tx, room: RoomId) -> Room | None:
        """Lock a room so that betting cannot close, while other bets go on."""
        await self._stand_in_line(tx, room, "pg_advisory_xact_lock_shared")
        row = await tx.row(
            f"SELECT {ROOM_COLUMNS} FROM parimutuel.rooms WHERE id = $1 FOR KEY SHARE", room
        )
        return None if row is None else _room(row)

    async def room_alone(self, tx: Tx, room: RoomId) -> Room | None:
        """Lock a room against everyone: a plain update would not wait for bets under way."""
        await self._stand_in_line(tx, room, "pg_advisory_xact_lock")
        row = await tx.row(
            f"SELECT {ROOM_COLUMNS} FROM parimutuel.rooms WHERE id = $1 FOR UPDATE", room
        )
        return None if row is None else _room(row)

    async def _stand_in_line(self, tx: Tx, room: RoomId, lock: str) -> None:
        # The row's lock is the guard, but whoever shares one steps in front of a waiter who wants
        # it alone: a stream of bets, refused ones too, would keep a room from ever closing. The
        # database serves these locks in the order of arrival.
        await tx.execute(f"SELECT {lock}(hashtextextended($1, 0))", f"room:{room}")

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
            "status IN ('QUEUING', 'OPEN', 'LOCKED', 'SETTLING') AND EXISTS ("
            "SELECT FROM parimutuel.void_requests AS request "
            "WHERE request.room_id = room.id AND request.effective_at <= now.at)",
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

    async def by_key(self, tx: Tx, player: PlayerId, key: str) -> BetReceipt | None:
        row = await tx.row(
            "SELECT id, room_id, side, stake, accepted_at FROM parimutuel.bets "
            "WHERE player_id = $1 AND key = $2",
            player,
            key,
        )
        return None if row is None else _receipt(row)

    async def by_room(self, tx: Tx, player: PlayerId, room: RoomId) -> BetReceipt | None:
        row = await tx.row(
            "SELECT id, room_id, side, stake, accepted_at FROM parimutuel.bets "
            "WHERE room_id = $1 AND player_id = $2",
            room,
            player,
        )
        return None if row is None else _receipt(row)

    async def add(
        self, tx: Tx, bet: PlaceBet, member: Member, *, accepted_at: Instant, by_host: bool
    ) -> BetId:
        return BetId(
            await tx.value(
                """
                INSERT INTO parimutuel.bets
                    (room_id, player_id, account_id, side, stake, accepted_at, by_host,
                     upline_1, upline_2, upline_3, key)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                RETURNING id
                """,
                bet.room,
                bet.player,
                member.account_id,
                bet.side,
                bet.stake,
                accepted_at,
                by_host,
                *member.uplines,
                bet.key,
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


def new_watch(room: RoomId, new: NewRoom) -> NewWatch:
    """Say what the oracle has to watch for a new room."""
    return NewWatch(
        subject=f"room:{room}",
        condition=new.condition,
        resolve="touch" if new.resolve == "touch" else "at_close",
        first_tick=new.first_tick,
        created_at=new.created_at,
        settles_at=new.settles_at,
        confirmations=new.terms.confirmations,
        token_window=new.terms.token_window,
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
