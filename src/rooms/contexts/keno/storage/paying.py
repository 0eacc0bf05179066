"""How the stakes of drawn and void rounds are divided: sums, and movements for the ledger."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from rooms.kernel.ids import GameId, JournalId
from rooms.kernel.time import Instant
from rooms.platform.database import Tx, array

# A ticket is paid its multiplier, or its stake where it is refunded; one that was cancelled has
# its stake back already. Stakes lie on a step on which every prize is whole.
PAY: Final = """
    WITH due AS (
        SELECT *, EXISTS (SELECT FROM keno.refunds AS refund
                          WHERE refund.game_id = due.game_id AND refund.number = due.number)
                  AS has_refunds
        FROM unnest($1::text::integer[], $2::text::bigint[], $3::text::bit(80)[],
                    $4::text::integer[])
          AS due (game_id, number, drawn, paytable_id)
    ), ticket AS MATERIALIZED (
        SELECT due.game_id, due.number, ticket.id, ticket.account_id, ticket.stake,
               refund.reason IS NOT NULL OR due.drawn IS NULL AS refunded,
               CASE WHEN refund.reason IS NOT NULL OR due.drawn IS NULL THEN ticket.stake
                    ELSE ticket.stake * multiplier.units / multiplier.scale END AS pay
        FROM due
        JOIN keno.tickets AS ticket
          ON ticket.game_id = due.game_id AND ticket.number = due.number
        LEFT JOIN LATERAL (
            SELECT reason FROM keno.refunds WHERE due.has_refunds AND ticket_id = ticket.id
        ) AS refund ON true
        LEFT JOIN keno.multipliers AS multiplier
          ON multiplier.paytable_id = due.paytable_id AND multiplier.spots = ticket.spots
         AND multiplier.catches = bit_count(ticket.picks & due.drawn)
        WHERE refund.reason IS DISTINCT FROM 'CANCELLED'
    ), paid AS (
        INSERT INTO pg_temp.movements (account_id, amount, kind, ref)
        SELECT account_id, pay, CASE WHEN refunded THEN 'refund' ELSE 'prize' END, 'ticket:' || id
        FROM ticket WHERE pay > 0 ORDER BY account_id
    )
    SELECT game_id, number, account_id % $5 AS shard, sum(stake)::bigint AS staked,
           coalesce(sum(pay) FILTER (WHERE NOT refunded), 0)::bigint AS paid,
           coalesce(sum(pay) FILTER (WHERE refunded), 0)::bigint AS refunded
    FROM ticket GROUP BY game_id, number, shard
"""


class Unpaid(NamedTuple):
    """A round with tickets that has a result and is not paid; ``draw`` is None for a void one."""

    game: GameId
    number: int
    draw: bytes | None
    beacon_round: int | None
    tickets: int
    exposure: int


class Payable(NamedTuple):
    """A round to be paid: the numbers drawn as bits, None where every stake goes back."""

    game: GameId
    number: int
    drawn: str | None
    paytable_id: int


class Divided(NamedTuple):
    """What one shard of stakes held of a round, and what of it is paid and refunded."""

    game: GameId
    number: int
    shard: int
    staked: int
    paid: int
    refunded: int


class PayingStorage:
    """One method is one statement."""

    async def by_index(self, tx: Tx, *, only: bool) -> None:
        """Let this transaction's next statements find tickets by their indexes, or as it likes.

        A plan from when there were few tickets would read every one that was ever sold.
        """
        await tx.execute(
            "SELECT set_config('enable_seqscan', $1, true), "
            "set_config('enable_hashjoin', $1, true), set_config('enable_mergejoin', $1, true)",
            "off" if only else "on",
        )

    async def unpaid(self, tx: Tx, games: Sequence[GameId], most: int) -> list[Unpaid]:
        """Give the rounds of these games that have to be paid, the oldest of each first."""
        rows = await tx.fetch(
            """
            SELECT result.game_id, result.number, result.draw, result.beacon_round,
                   result.tickets, round.exposure
            FROM unnest($1::text::integer[]) AS asked (id)
            JOIN keno.games AS game ON game.id = asked.id
            JOIN keno.results AS result
              ON result.game_id = game.id AND result.tickets > 0
             AND result.number > game.settled_to
            JOIN keno.rounds AS round
              ON round.game_id = result.game_id AND round.number = result.number
            WHERE NOT EXISTS (SELECT FROM keno.settlements AS settlement
                              WHERE settlement.game_id = result.game_id
                                AND settlement.number = result.number)
            ORDER BY result.number - game.settled_to, result.game_id
            LIMIT $2
            """,
            array(games),
            most,
        )
        return [Unpaid(GameId(row[0]), *row[1:]) for row in rows]

    async def pay(self, tx: Tx, rounds: Sequence[Payable], shards: int) -> list[Divided]:
        """Fill the movements with every prize and refund of these rounds; give the sums."""
        rows = await tx.fetch(PAY, *map(array, zip(*rounds, strict=True)), shards)
        return [Divided(GameId(row[0]), *row[1:]) for row in rows]

    async def add_settlements(
        self,
        tx: Tx,
        settled: Sequence[tuple[GameId, int, int, int]],
        journal: JournalId,
        at: Instant,
    ) -> None:
        """Write game, number, what was paid and what was refunded of rounds."""
        await tx.execute(
            "INSERT INTO keno.settlements (game_id, number, paid, refunded, journal_id, at) "
            "SELECT *, $5, $6 FROM unnest($1::text::integer[], $2::text::bigint[], "
            "$3::text::bigint[], $4::text::bigint[])",
            *map(array, zip(*settled, strict=True)),
            journal,
            at,
        )
