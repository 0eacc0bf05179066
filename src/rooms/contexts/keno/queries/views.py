"""Tickets, rounds and bankrolls as people see them: SQL to views."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rooms.contexts.keno.api import BankrollView, RoundStatus, TicketStatus, TicketView
from rooms.contexts.keno.domain import PURCHASE_SIZE, read_picks
from rooms.kernel.ids import GameId, PlayerId, TicketId
from rooms.kernel.money import Asset
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx
from rooms.platform.metrics import KENO_BANKROLL, KENO_BEHIND

# What a ticket came to follows from its round's result: nothing of it is stored.
TICKETS: Final = """
    SELECT ticket.id, ticket.player_id, game.game, game.asset, ticket.number, ticket.picks,
           ticket.stake, ticket.accepted_at, refund.reason AS refunded, result.fate, caught.catches,
           result.reason AS voided, settlement.at AS settled_at,
           coalesce(ticket.stake * multiplier.units / multiplier.scale, 0) AS prize
    FROM keno.tickets AS ticket
    JOIN keno.games AS game ON game.id = ticket.game_id
    LEFT JOIN keno.refunds AS refund ON refund.ticket_id = ticket.id
    LEFT JOIN keno.results AS result
      ON result.game_id = ticket.game_id AND result.number = ticket.number
    LEFT JOIN keno.settlements AS settlement
      ON settlement.game_id = ticket.game_id AND settlement.number = ticket.number
    LEFT JOIN LATERAL (
        SELECT paytable_id FROM keno.terms
        WHERE game_id = ticket.game_id AND first_round <= ticket.number
        ORDER BY first_round DESC LIMIT 1
    ) AS terms ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS catches FROM generate_series(0, length(result.draw) - 1) AS place
        WHERE get_bit(ticket.picks, 80 - get_byte(result.draw, place)) = 1
    ) AS caught ON result.draw IS NOT NULL
    LEFT JOIN keno.multipliers AS multiplier
      ON multiplier.paytable_id = terms.paytable_id AND multiplier.spots = ticket.spots
     AND multiplier.catches = caught.catches
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRow:
    """What is stored of a round; ``status`` is None where its game's lock decides it."""

    status: RoundStatus | None
    reason: str | None
    beacon_round: int | None
    signature: bytes | None
    server_seed: bytes | None
    draw: tuple[int, ...] | None
    tickets: int
    handle: int
    paid: int | None
    refunded: int | None
    drawn_at: Instant | None
    settled_at: Instant | None


class KenoQueries:
    """The reading side of keno."""

    async def ticket(self, tx: Tx, ticket: TicketId, owner: PlayerId | None) -> TicketView:
        """Show a ticket; refuses E-TICKET-UNKNOWN, also where it is another's."""
        row = await tx.row(
            f"{TICKETS} WHERE ticket.id = $1 AND ticket.player_id = coalesce($2, ticket.player_id)",
            ticket,
            owner,
        )
        if row is None:
            raise Refusal("E-TICKET-UNKNOWN", ticket=ticket)
        return ticket_view(row)

    async def tickets(
        self,
        tx: Tx,
        player: PlayerId,
        *,
        game: GameId | None,
        number: int | None,
        before: TicketId | None,
        limit: int,
    ) -> list[TicketView]:
        """List a player's tickets, newest first."""
        # A purchase's tickets have following numbers, so the newest tickets are found by walking
        # the player's purchases; no index holds every ticket of every player.
        rows = await tx.fetch(
            f"""
            {TICKETS}
            WHERE ticket.id IN (
                SELECT own.id
                FROM (SELECT id FROM keno.tickets
                      WHERE player_id = $1 AND key IS NOT NULL AND id < $2
                        AND ($3::integer IS NULL OR game_id = $3)
                        AND ($4::bigint IS NULL OR $4 BETWEEN number AND number + rounds - 1)
                      ORDER BY id DESC LIMIT $5) AS purchase
                CROSS JOIN LATERAL (
                    SELECT id FROM keno.tickets
                    WHERE id >= purchase.id AND id < least(purchase.id + {PURCHASE_SIZE}, $2)
                      AND ($4::bigint IS NULL OR number = $4)
                ) AS own
                ORDER BY own.id DESC LIMIT $5
            )
            ORDER BY ticket.id DESC
            """,
            player,
            2**63 - 1 if before is None else before,
            game,
            number,
            limit,
        )
        return [ticket_view(row) for row in rows]

    async def of_rounds(
        self, tx: Tx, game: GameId, numbers: Collection[int], players: Collection[PlayerId]
    ) -> list[tuple[PlayerId, TicketView]]:
        """Give the tickets of these players in these rounds, in their order."""
        rows = await tx.fetch(
            f"{TICKETS} WHERE ticket.game_id = $1 AND ticket.number = ANY ($2) "
            "AND ticket.player_id = ANY ($3) ORDER BY ticket.id",
            game,
            [*numbers],
            [*players],
        )
        return [(PlayerId(row["player_id"]), ticket_view(row)) for row in rows]

    async def draws(
        self, tx: Tx, game: GameId, most: int, *, numbers: int, drawn: int
    ) -> list[tuple[int, ...]]:
        """Give the latest draws on terms with so many numbers, in the order of their rounds."""
        rows = await tx.fetch(
            """
            SELECT result.draw FROM keno.results AS result
            JOIN LATERAL (
                SELECT terms.numbers, terms.drawn FROM keno.terms AS terms
                WHERE terms.game_id = result.game_id AND terms.first_round <= result.number
                ORDER BY terms.first_round DESC LIMIT 1
            ) AS terms ON terms.numbers = $3 AND terms.drawn = $4
            WHERE result.game_id = $1 AND result.draw IS NOT NULL
            ORDER BY result.number DESC LIMIT $2
            """,
            game,
            most,
            numbers,
            drawn,
        )
        return [tuple(row["draw"]) for row in reversed(rows)]

    async def rounds(self, tx: Tx, game: GameId, numbers: Sequence[int]) -> Mapping[int, RoundRow]:
        """Give what is stored of rounds."""
        rows = await tx.fetch(
            """
            SELECT asked.number, result.fate, result.reason, result.beacon_round, result.signature,
                   result.server_seed, result.draw,
                   coalesce(result.tickets, round.tickets, 0) AS tickets,
                   coalesce(result.handle, round.handle, 0) AS handle,
                   settlement.paid, settlement.refunded, result.at AS drawn_at,
                   settlement.at AS settled_at
            FROM unnest($2::bigint[]) AS asked (number)
            LEFT JOIN keno.rounds AS round
              ON round.game_id = $1 AND round.number = asked.number
            LEFT JOIN keno.results AS result
              ON result.game_id = $1 AND result.number = asked.number
            LEFT JOIN keno.settlements AS settlement
              ON settlement.game_id = $1 AND settlement.number = asked.number
            """,
            game,
            list(numbers),
        )
        return {row["number"]: _round(row) for row in rows}

    async def bankrolls(self, tx: Tx) -> list[BankrollView]:
        """List the bankrolls."""
        rows = await tx.fetch(
            "SELECT operator, asset, funds, exposure FROM keno.bankrolls ORDER BY operator, asset"
        )
        return [BankrollView(row[0], Asset(row[1]), row[2], row[3]) for row in rows]


def ticket_view(row: Row) -> TicketView:
    """Show a ticket by a row of ``TICKETS``."""
    status = _status(row)
    won = status in (TicketStatus.WON, TicketStatus.LOST)
    return TicketView(
        id=TicketId(row["id"]),
        game=row["game"],
        number=row["number"],
        picks=read_picks(row["picks"].bytes),
        stake=row["stake"],
        asset=Asset(row["asset"]),
        accepted_at=row["accepted_at"],
        status=status,
        reason=row["refunded"] or row["voided"],
        catches=row["catches"],
        prize=row["prize"] if won else None,
    )


def _status(row: Row) -> TicketStatus:
    if row["refunded"] == "CANCELLED":
        return TicketStatus.CANCELLED
    if row["settled_at"] is None:
        return TicketStatus.ACCEPTED
    if row["refunded"] is not None or row["fate"] == "VOID":
        return TicketStatus.REFUNDED
    return TicketStatus.WON if row["prize"] else TicketStatus.LOST


def _round(row: Row) -> RoundRow:
    fate, draw = row["fate"], row["draw"]
    over = row["settled_at"] is not None or row["tickets"] == 0
    status = {
        None: None,
        "SKIPPED": RoundStatus.SKIPPED,
        "VOID": RoundStatus.VOID,
        "DRAWN": RoundStatus.SETTLED if over else RoundStatus.DRAWN,
    }[fate]
    return RoundRow(
        status=status,
        draw=None if draw is None else tuple(draw),
        **{
            name: row[name]
            for name in (
                *("reason", "beacon_round", "signature", "server_seed", "tickets", "handle"),
                *("paid", "refunded", "drawn_at", "settled_at"),
            )
        },
    )


async def read_rounds(tx: Tx) -> None:
    """Set the gauges of keno: how far rounds are behind, and what bankrolls stand for."""
    row = await tx.row(
        """
        SELECT coalesce(extract(epoch FROM clock_timestamp() - min(behind.locked_at)
                   FILTER (WHERE behind.drawn_to < behind.locked_to)), 0) AS draw,
               coalesce(extract(epoch FROM clock_timestamp() - min(behind.paid_at)
                   FILTER (WHERE behind.settled_to < behind.drawn_to)), 0) AS pay
        FROM (
            SELECT game.drawn_to, game.locked_to, game.settled_to,
                   game.locks_next - (game.locked_to - game.drawn_to)
                       * terms.interval_ms * interval '1 ms' AS locked_at,
                   game.locks_next - (game.locked_to - game.settled_to)
                       * terms.interval_ms * interval '1 ms' AS paid_at
            FROM keno.games AS game
            CROSS JOIN LATERAL (
                SELECT interval_ms FROM keno.terms
                WHERE game_id = game.id AND first_round <= game.locked_to + 1
                ORDER BY first_round DESC LIMIT 1
            ) AS terms
            WHERE game.settled_to < game.locked_to
        ) AS behind
        """
    )
    assert row is not None
    KENO_BEHIND.labels("draw").set(max(0, row["draw"]))
    KENO_BEHIND.labels("pay").set(max(0, row["pay"]))
    for each in await tx.fetch("SELECT operator, asset, funds, exposure FROM keno.bankrolls"):
        for part in ("funds", "exposure"):
            KENO_BANKROLL.labels(each["operator"], each["asset"], part).set(each[part])
