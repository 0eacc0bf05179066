"""Rooms, quotes, own bets and settlements as people see them: SQL to views."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rooms.contexts.oracle.api import Basis, Newest, Oracle
from rooms.contexts.parimutuel.api import (
    OwnBet,
    PendingVoid,
    PoolPoint,
    PriceView,
    RoomStatus,
    RoomView,
    Transition,
)
from rooms.contexts.parimutuel.domain import subject_of
from rooms.kernel.ids import BetId, PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Row, Tx, array
from rooms.platform.metrics import IN_PLAY, LATE
from rooms.proof.condition import leaves, parse_market
from rooms.proof.pool import Side, dividends
from rooms.proof.records import Salts, bet_entry, ref
from rooms.proof.terms import parse_terms

GIVE_WAY_EVERY: Final = 1_000

# Pools are summed from the bets themselves: a counter per room would make bettors wait in line.
ROOMS: Final = """
    SELECT room.id, room.title, room.status, room.market, room.assets, room.resolve,
           room.host_id, room.min_players, room.terms, room.created_at, room.locks_at,
           room.settles_at, pool.players, pool.yes, pool.no,
           decision.outcome, coalesce(settlement.reason, decision.reason) AS reason,
           settlement.at AS settled_at, void.reason AS void_reason, void.effective_at
    FROM parimutuel.rooms AS room
    LEFT JOIN parimutuel.decisions AS decision ON decision.room_id = room.id
    LEFT JOIN parimutuel.settlements AS settlement ON settlement.room_id = room.id
    CROSS JOIN LATERAL (
        SELECT count(*) AS players,
               coalesce(sum(stake) FILTER (WHERE side = 'YES'), 0)::bigint AS yes,
               coalesce(sum(stake) FILTER (WHERE side = 'NO'), 0)::bigint AS no
        FROM parimutuel.bets WHERE room_id = room.id
    ) AS pool
    LEFT JOIN LATERAL (
        SELECT reason, effective_at FROM parimutuel.void_requests
        WHERE room_id = room.id AND effective_at IS NOT NULL
        ORDER BY effective_at DESC LIMIT 1
    ) AS void ON true
"""


@dataclass(frozen=True, slots=True)
class RoomQueries:
    """The reading side of rooms; prices come from the oracle's newest observations.

    ``salts`` makes the salt by which the public log has a room's title.
    """

    oracle: Oracle
    salts: Salts

    async def room(self, tx: Tx, room: RoomId) -> RoomView:
        """Show one room with its whole life; refuses E-ROOM-UNKNOWN."""
        rows = await tx.fetch(f"{ROOMS} WHERE room.id = $1", room)
        if not rows:
            raise Refusal("E-ROOM-UNKNOWN", room=room)
        return (await self._views(tx, rows))[0]

    async def views(self, tx: Tx, rooms: Collection[RoomId]) -> list[RoomView]:
        """Show these rooms, newest first."""
        rows = await tx.fetch(f"{ROOMS} WHERE room.id = ANY ($1) ORDER BY room.id DESC", [*rooms])
        return await self._views(tx, rows)

    async def rooms(
        self,
        tx: Tx,
        *,
        status: RoomStatus | None,
        asset: str | None,
        host: PlayerId | None,
        before: RoomId | None,
        limit: int,
    ) -> list[RoomView]:
        """List rooms, newest first."""
        # Only what is asked for is in the statement, so that an index can answer it, and pools
        # are summed for those rooms alone that are shown.
        asked = {
            "status =": status,
            "assets @>": [asset] if asset is not None else None,
            "host_id =": host,
            "id <": before,
        }
        given = {condition: value for condition, value in asked.items() if value is not None}
        where = [f"{condition} ${place}" for place, condition in enumerate(given, start=2)]
        rows = await tx.fetch(
            f"""
            {ROOMS}
            WHERE room.id IN (SELECT id FROM parimutuel.rooms WHERE {" AND ".join(where) or "true"}
                              ORDER BY id DESC LIMIT $1)
            ORDER BY room.id DESC
            """,
            limit,
            *given.values(),
        )
        return await self._views(tx, rows)

    async def _views(self, tx: Tx, rows: Sequence[Row]) -> list[RoomView]:
        prices = await self._newest(tx, rows)
        moves = await tx.fetch(
            "SELECT room_id, status, at, cause FROM parimutuel.transitions "
            "WHERE room_id = ANY ($1) ORDER BY at, array_position($2::text[], status)",
            [row["id"] for row in rows],
            list(RoomStatus),
        )
        life: dict[int, list[Transition]] = {}
        for move in moves:
            transition = Transition(RoomStatus(move["status"]), move["at"], move["cause"])
            life.setdefault(move["room_id"], []).append(transition)
        return [
            replace(
                _view(row, prices[row["id"]], life.get(row["id"], [])),
                text_salt=self._salt(row["id"]).hex(),
            )
            for row in rows
        ]

    async def _newest(self, tx: Tx, rows: Sequence[Row]) -> dict[int, dict[str, Newest]]:
        """Give each room's newest prices, agreed on by its own terms, by asset."""
        subjects = {row["id"]: subject_of(row["id"]) for row in rows}
        terms = await self.oracle.terms_of(tx, subjects.values())
        wanted = {
            row["id"]: [Basis(asset, terms[subjects[row["id"]]]) for asset in row["assets"]]
            for row in rows
        }
        newest = await self.oracle.newest(tx, {basis for each in wanted.values() for basis in each})
        return {
            room: {basis.asset: newest[basis] for basis in bases if basis in newest}
            for room, bases in wanted.items()
        }

    def _salt(self, room: int) -> bytes:
        return self.salts.of(f"room|{room}")

    async def pool_courses(
        self, tx: Tx, rooms: Collection[RoomId], points: int
    ) -> dict[RoomId, list[PoolPoint]]:
        """Sum each room's bets in equal steps of time, then add the steps up."""
        rows = await tx.fetch(
            """
            SELECT bet.room_id, max(bet.accepted_at) AS at,
                   coalesce(sum(bet.stake) FILTER (WHERE bet.side = 'YES'), 0)::bigint AS yes,
                   coalesce(sum(bet.stake) FILTER (WHERE bet.side = 'NO'), 0)::bigint AS no
            FROM parimutuel.bets AS bet
            JOIN parimutuel.rooms AS room ON room.id = bet.room_id
            WHERE bet.room_id = ANY ($1)
            GROUP BY bet.room_id, width_bucket(
                extract(epoch FROM bet.accepted_at), extract(epoch FROM room.created_at),
                extract(epoch FROM room.locks_at), $2)
            ORDER BY bet.room_id, at
            """,
            list(rooms),
            points,
        )
        courses: dict[RoomId, list[PoolPoint]] = {room: [] for room in rooms}
        for row in rows:
            course = courses[row["room_id"]]
            last = course[-1] if course else PoolPoint(row["at"], 0, 0)
            course.append(PoolPoint(row["at"], last.yes + row["yes"], last.no + row["no"]))
        return courses

    async def bets(
        self, tx: Tx, player: PlayerId, before: BetId | None, limit: int
    ) -> list[OwnBet]:
        """List a player's bets, newest first, with what each was paid.

        All of a player's bets are looked at, but only those of the page are told of: 6 ms for
        one with 20,000. An index for it would cost every bet that is placed a twentieth.
        """
        rows = await tx.fetch(
            """
            SELECT bet.id, bet.room_id, room.title AS room_title, bet.side, bet.stake,
                   bet.accepted_at AS placed_at, bet.by_host, settlement.room_id AS settled,
                   settlement.outcome,
                   late.room_id IS NOT NULL OR bet.accepted_at >= settlement.cutoff AS scratched,
                   parimutuel.payout(bet.side, bet.stake, bet.accepted_at,
                       CASE WHEN late.room_id IS NULL THEN settlement.outcome END,
                       settlement.cutoff, settlement.net, settlement.winning) AS payout
            FROM (SELECT * FROM parimutuel.bets
                  WHERE player_id = $1 AND ($2::bigint IS NULL OR id < $2)
                  ORDER BY id DESC LIMIT $3) AS bet
            LEFT JOIN parimutuel.unbound AS late USING (room_id, player_id)
            JOIN parimutuel.rooms AS room ON room.id = bet.room_id
            LEFT JOIN parimutuel.settlements AS settlement ON settlement.room_id = bet.room_id
            ORDER BY bet.id DESC
            """,
            player,
            before,
            limit,
        )
        return [_own_bet(row) for row in rows]


class SettlementQueries:
    """What a room's file is written from."""

    async def head(self, tx: Tx, room: RoomId) -> Row:
        """Give a settled room with its decision; refuses E-ROOM-UNKNOWN, E-ROOM-UNSETTLED."""
        row = await tx.row(
            """
            SELECT room.id, room.title, room.market, room.resolve, room.host_id,
                   room.min_players, room.created_at, room.locks_at, room.settles_at,
                   room.terms, room.status, settlement.outcome, settlement.reason,
                   decision.trigger, decision.t_hit, decision.t_clear, decision.cutoff,
                   decision.evidence, settlement.handle, settlement.winning,
                   settlement.takeout, settlement.host_fee, settlement.protocol_fee,
                   settlement.breakage, settlement.scratched, settlement.bets AS bets_count
            FROM parimutuel.rooms AS room
            LEFT JOIN parimutuel.decisions AS decision ON decision.room_id = room.id
            LEFT JOIN parimutuel.settlements AS settlement ON settlement.room_id = room.id
            WHERE room.id = $1
            """,
            room,
        )
        if row is None:
            raise Refusal("E-ROOM-UNKNOWN", room=room)
        if row["handle"] is None:
            raise Refusal("E-ROOM-UNSETTLED", room=room, status=row["status"])
        return row

    async def bet(self, tx: Tx, bet: BetId, owner: PlayerId | None) -> Row:
        """Give a bet, its owner's alone unless that is left out. Refuses E-BET-UNKNOWN."""
        row = await tx.row(
            "SELECT room_id, side, stake, accepted_at FROM parimutuel.bets "
            "WHERE id = $1 AND ($2::bigint IS NULL OR player_id = $2)",
            bet,
            owner,
        )
        if row is None:
            raise Refusal("E-BET-UNKNOWN", bet=bet)
        return row

    def bets(self, tx: Tx, room: RoomId) -> AsyncIterator[Row]:
        """Stream a settled room's bets with what each was paid."""
        return tx.cursor(
            """
            SELECT bet.id, bet.side, bet.stake, bet.accepted_at,
                   late.room_id IS NULL AND (settlement.cutoff IS NULL
                       OR bet.accepted_at < settlement.cutoff) AS counted,
                   late.room_id IS NOT NULL AS unbound,
                   parimutuel.payout(bet.side, bet.stake, bet.accepted_at,
                       CASE WHEN late.room_id IS NULL THEN settlement.outcome END,
                       settlement.cutoff, settlement.net, settlement.winning) AS payout
            FROM parimutuel.bets AS bet
            LEFT JOIN parimutuel.unbound AS late USING (room_id, player_id)
            JOIN parimutuel.settlements AS settlement ON settlement.room_id = bet.room_id
            WHERE bet.room_id = $1
            """,
            room,
        )


@dataclass(frozen=True, slots=True)
class BetEntries:
    """Accepted bets as entries of the log (docs/spec/fairness.md, section 5)."""

    ref_key: bytes = field(repr=False)

    async def entries(self, tx: Tx, ids: Sequence[int]) -> list[bytes]:
        """Give the entry of each bet, in the order of ids."""
        rows = await tx.fetch(
            """
            SELECT id, room_id::text AS room, stake, side = 'YES' AS yes,
                   (extract(epoch FROM accepted_at) * 1000)::bigint AS accepted_at
            FROM parimutuel.bets WHERE id = ANY ($1::text::bigint[])
            """,
            array(ids),
        )
        entries: dict[int, bytes] = {}
        for bet, room, stake, yes, accepted_at in rows:
            reference = ref(self.ref_key, "bet", bet)
            entries[bet] = bet_entry(reference, accepted_at, stake, yes=yes, room=room)
            await _give_way(len(entries))
        return [entries[bet] for bet in ids]


async def _give_way(number: int) -> None:
    """Let others run now and then in a long loop that never waits."""
    if number % GIVE_WAY_EVERY == 0:
        await asyncio.sleep(0)


def _view(row: Row, newest: Mapping[str, Newest], life: list[Transition]) -> RoomView:
    terms = parse_terms(row["terms"])
    void = row["effective_at"]
    return RoomView(
        id=RoomId(row["id"]),
        title=row["title"],
        status=RoomStatus(row["status"]),
        reason=row["reason"],
        market=row["market"],
        resolve=row["resolve"],
        host_id=PlayerId(row["host_id"]),
        min_players=row["min_players"],
        players=row["players"],
        pools={Side.YES: row["yes"], Side.NO: row["no"]},
        dividend=dividends(row["yes"], row["no"], terms.pool),
        prices=_prices(row, newest),
        outcome=Side(row["outcome"]) if row["outcome"] and not row["reason"] else None,
        created_at=row["created_at"],
        locks_at=row["locks_at"],
        settles_at=row["settles_at"],
        settled_at=row["settled_at"],
        terms=row["terms"],
        transitions=life,
        pending_void=PendingVoid(row["void_reason"], void) if void else None,
    )


def _prices(row: Row, newest: Mapping[str, Newest]) -> list[PriceView]:
    """What each leaf is compared with, in the order of the leaves, where it is known."""
    return [
        PriceView(leaf.asset, known.price * (leaf.supply or 1), known.at)
        for leaf in leaves(parse_market(row["market"]))
        if (known := newest.get(leaf.asset)) is not None
    ]


def _own_bet(row: Row) -> OwnBet:
    columns: dict[str, Any] = dict(row)
    settled, outcome = columns.pop("settled") is not None, columns.pop("outcome")
    scratched = columns.pop("scratched")
    if not settled:
        status, payout = "ACCEPTED", None
    else:
        payout = columns["payout"]
        status = "REFUNDED" if outcome is None or scratched else ("WON" if payout else "LOST")
    columns["payout"] = payout
    columns["side"] = Side(columns["side"])
    return OwnBet(
        **columns, status=status, net=None if payout is None else payout - columns["stake"]
    )


async def read_rooms(tx: Tx) -> None:
    """Set the gauges of the rooms in play: how many, and how late the latest is."""
    rows = await tx.fetch(
        """
        SELECT room.status, count(*) AS rooms,
               extract(epoch FROM clock_timestamp() - min(room.locks_at)
                   FILTER (WHERE room.status IN ('QUEUING', 'OPEN'))) AS lock,
               extract(epoch FROM clock_timestamp() - min(room.settles_at)
                   FILTER (WHERE decision.room_id IS NULL)) AS settle,
               extract(epoch FROM clock_timestamp() - min(decision.at)) AS pay
        FROM parimutuel.rooms AS room
        LEFT JOIN parimutuel.decisions AS decision ON decision.room_id = room.id
        WHERE room.status IN ('QUEUING', 'OPEN', 'LOCKED', 'SETTLING')
        GROUP BY room.status
        """
    )
    rooms = {row["status"]: row["rooms"] for row in rows}
    for status in (RoomStatus.QUEUING, RoomStatus.OPEN, RoomStatus.LOCKED, RoomStatus.SETTLING):
        IN_PLAY.labels(status).set(rooms.get(status, 0))
    for step in ("lock", "settle", "pay"):
        LATE.labels(step).set(max((0, *(row[step] or 0 for row in rows))))
