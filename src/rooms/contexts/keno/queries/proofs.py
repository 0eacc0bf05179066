"""What the files of rounds, tickets and days are written from, and the log's entries of tickets."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rooms.contexts.keno.api import TicketView
from rooms.contexts.keno.queries.views import TICKETS, ticket_view
from rooms.kernel.ids import GameId
from rooms.platform.database import Tx, array
from rooms.proof.records import packed_ticket, ref

GIVE_WAY_EVERY: Final = 200


class ProofRow(NamedTuple):
    """What is stored of a round; all but its number may be missing."""

    number: int
    fate: str | None
    server_seed: bytes | None
    beacon_round: int | None
    signature: bytes | None
    draw: bytes | None


class ProofQueries:
    """One method is one statement."""

    async def rounds(self, tx: Tx, game: GameId, first: int, last: int) -> list[ProofRow]:
        """Give each round from first to last."""
        rows = await tx.fetch(
            """
            SELECT asked.number, fate, server_seed, beacon_round, signature, draw
            FROM generate_series($2::bigint, $3::bigint) AS asked (number)
            LEFT JOIN keno.results AS result
              ON result.game_id = $1 AND result.number = asked.number
            ORDER BY asked.number
            """,
            game,
            first,
            last,
        )
        return [ProofRow(*row) for row in rows]

    async def skips(self, tx: Tx, game: GameId, first: int, last: int) -> list[int]:
        """Give the first rounds of the ranges skipped together that touch these rounds."""
        rows = await tx.fetch(
            "SELECT skip.first FROM keno.skips AS skip "
            "WHERE game_id = $1 AND skip.first <= $3 AND skip.last >= $2 ORDER BY skip.first",
            game,
            first,
            last,
        )
        return [row[0] for row in rows]

    async def voids(self, tx: Tx, game: GameId, first: int, last: int) -> list[int]:
        """Give those of these rounds that are void."""
        rows = await tx.fetch(
            "SELECT number FROM keno.results "
            "WHERE game_id = $1 AND number BETWEEN $2 AND $3 AND fate = 'VOID' ORDER BY number",
            game,
            first,
            last,
        )
        return [row[0] for row in rows]

    async def tickets(
        self, tx: Tx, game: GameId, first: int, last: int
    ) -> dict[int, list[TicketView]]:
        """Give the tickets of rounds that have a result, by round, as they were sold."""
        rows = await tx.fetch(
            f"{TICKETS} WHERE ticket.game_id = $1 AND ticket.number BETWEEN $2 AND $3 "
            "AND result.fate IS NOT NULL ORDER BY ticket.id",
            game,
            first,
            last,
        )
        found: dict[int, list[TicketView]] = {}
        for row in rows:
            found.setdefault(row["number"], []).append(ticket_view(row))
        return found


@dataclass(frozen=True, slots=True)
class TicketEntries:
    """Accepted tickets as entries of the log (docs/spec/fairness.md, section 5)."""

    ref_key: bytes = field(repr=False)

    async def entries(self, tx: Tx, ids: Sequence[int]) -> list[bytes]:
        """Give the entry of each ticket, in the order of ids."""
        rows = await tx.fetch(
            "SELECT id, accepted_ms, stake, number, picks, game "
            "FROM keno.sold_tickets($1::text::bigint[])",
            array(ids),
        )
        entries: dict[int, bytes] = {}
        for ticket, accepted_at, stake, number, picks, game in rows:
            reference = ref(self.ref_key, "ticket", ticket)
            entries[ticket] = packed_ticket(
                reference, accepted_at, stake, number, picks.bytes, game
            )
            if len(entries) % GIVE_WAY_EVERY == 0:
                await asyncio.sleep(0)
        return [entries[ticket] for ticket in ids]
