"""What the clock does to rounds, as rows: locked, skipped, drawn, void."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from rooms.kernel.ids import GameId
from rooms.kernel.time import Instant
from rooms.platform.database import Tx, array

# A game's pointers go over what lies behind them without a gap. Only what lies before them is read:
# a join would be planned over all rounds that the game ever had. Games are joined with, here as
# elsewhere: ``= ANY`` of an array of two thousand would be looked through for each of them.
# Where another transaction has moved them since this statement began, what was read says nothing
# about the game any more: it would go back, and stay there where no further round comes.
ADVANCE: Final = """
    UPDATE keno.games AS game
    SET drawn_to = drawn.upto,
        settled_to = coalesce((
            SELECT min(result.number) - 1 FROM keno.results AS result
            WHERE result.game_id = game.id AND result.tickets > 0
              AND result.number > game.settled_to AND result.number <= drawn.upto
              AND (SELECT settlement.number FROM keno.settlements AS settlement
                   WHERE settlement.game_id = game.id
                     AND settlement.number = result.number) IS NULL
        ), drawn.upto)
    FROM unnest($1::text::integer[]) AS asked (id)
    JOIN keno.games AS before ON before.id = asked.id
    CROSS JOIN LATERAL (
        SELECT coalesce(max(ended.number) FILTER (
                   WHERE ended.number = before.drawn_to + ended.place), before.drawn_to) AS upto
        FROM (SELECT result.number, row_number() OVER (ORDER BY result.number) AS place
              FROM keno.results AS result
              WHERE result.game_id = before.id AND result.number > before.drawn_to
                AND result.number <= before.locked_to) AS ended
    ) AS drawn
    WHERE game.id = before.id
      AND (game.drawn_to, game.settled_to) = (before.drawn_to, before.settled_to)
    RETURNING game.id
"""


class LockedRound(NamedTuple):
    """A round that is locked and has no result: what was sold of it."""

    game: GameId
    number: int
    tickets: int
    handle: int


class Decided(NamedTuple):
    """Rounds of a game that were decided together, without a gap.

    All before ``clear`` have no tickets, so that nothing has to be paid for them.
    """

    game: GameId
    first: int
    last: int
    clear: int


class Skip(NamedTuple):
    """A range of rounds."""

    game: GameId
    first: int
    last: int


class Drawn(NamedTuple):
    """A drawn round in the order of the insert's arrays; bytes in hexadecimal."""

    game: GameId
    number: int
    server_seed: str
    beacon_round: int | None
    signature: str | None
    draw: str
    tickets: int
    handle: int


class Voided(NamedTuple):
    """A round that will have no draw; its tickets are refunded."""

    game: GameId
    number: int
    server_seed: str
    beacon_round: int | None
    tickets: int
    handle: int
    reason: str


class RoundStorage:
    """Results are inserted and never changed."""

    async def due(self, tx: Tx, shard: int, shards: int, most: int) -> list[GameId]:
        """Give games whose next round's lock time has come."""
        rows = await tx.fetch(
            "SELECT id FROM keno.games WHERE locks_next <= clock_timestamp() "
            "AND status <> 'PAUSED' AND id % $2 = $1 ORDER BY locks_next, id LIMIT $3",
            shard,
            shards,
            most,
        )
        return [GameId(row[0]) for row in rows]

    async def next_lock(self, tx: Tx, shard: int, shards: int) -> float | None:
        """Give the seconds until the next round of any game locks, None where none will."""
        seconds = await tx.value(
            "SELECT extract(epoch FROM min(locks_next) - clock_timestamp()) FROM keno.games "
            "WHERE status <> 'PAUSED' AND id % $2 = $1",
            shard,
            shards,
        )
        return None if seconds is None else float(seconds)

    async def lock(self, tx: Tx, locked: Sequence[tuple[GameId, int, int]]) -> None:
        """Lock rounds of games up to the one given; the next locks at these milliseconds."""
        await tx.execute(
            """
            UPDATE keno.games AS game
            SET locked_to = now.locked_to,
                locks_next = 'epoch'::timestamptz + now.locks_ms * interval '1 ms'
            FROM unnest($1::text::integer[], $2::text::bigint[], $3::text::bigint[])
              AS now (id, locked_to, locks_ms)
            WHERE game.id = now.id
            """,
            *map(array, zip(*locked, strict=True)),
        )

    async def skip(self, tx: Tx, ranges: Sequence[Skip], reason: str, at: Instant) -> list[Skip]:
        """Skip the rounds of these ranges that nobody has a ticket for; give which they are."""
        rows = await tx.fetch(
            """
            WITH skipped AS (
                INSERT INTO keno.results (game_id, number, fate, tickets, handle, reason, at)
                SELECT missed.game_id, empty.number, 'SKIPPED', 0, 0, $4, $5
                FROM unnest($1::text::integer[], $2::text::bigint[], $3::text::bigint[])
                  AS missed (game_id, first, last),
                LATERAL generate_series(first, last) AS empty (number)
                WHERE NOT EXISTS (
                    SELECT FROM keno.rounds AS round
                    WHERE round.game_id = missed.game_id AND round.number = empty.number
                      AND round.tickets > 0)
                RETURNING game_id, number
            )
            INSERT INTO keno.skips (game_id, first, last, reason, at)
            SELECT game_id, min(number), max(number), $4, $5
            FROM (SELECT game_id, number,
                         number - row_number() OVER (PARTITION BY game_id ORDER BY number) AS run
                  FROM skipped) AS numbered
            GROUP BY game_id, run ORDER BY game_id, min(number)
            RETURNING game_id, first, last
            """,
            *map(array, zip(*ranges, strict=True)),
            reason,
            at,
        )
        return [Skip(GameId(row[0]), row[1], row[2]) for row in rows]

    async def advance(self, tx: Tx, games: Collection[GameId]) -> None:
        """Move the games' pointers over the rounds that are drawn, and those that are paid."""
        left = set(games)
        while left:
            left -= {GameId(row[0]) for row in await tx.fetch(ADVANCE, array(sorted(left)))}

    async def pass_over(self, tx: Tx, decided: Sequence[Decided]) -> int:
        """Move the pointers of games over rounds that were just decided; give of how many games.

        Left alone is a game with a gap before them, or with locked rounds after them: some of
        those may be decided already, and ``advance`` finds out.
        """
        return await tx.execute(
            """
            UPDATE keno.games AS game
            SET drawn_to = decided.last,
                settled_to = CASE WHEN game.settled_to = game.drawn_to THEN decided.clear - 1
                                  ELSE game.settled_to END
            FROM unnest($1::text::integer[], $2::text::bigint[], $3::text::bigint[],
                        $4::text::bigint[])
              AS decided (id, first, last, clear)
            WHERE game.id = decided.id AND game.drawn_to = decided.first - 1
              AND game.locked_to = decided.last
            """,
            *map(array, zip(*decided, strict=True)),
        )

    async def behind(self, tx: Tx, shard: int, shards: int) -> tuple[list[GameId], list[GameId]]:
        """Give the games with rounds that are locked and not drawn, and with some not paid."""
        rows = await tx.fetch(
            "SELECT id, drawn_to < locked_to, settled_to < drawn_to FROM keno.games "
            "WHERE settled_to < locked_to AND id % $2 = $1 ORDER BY id",
            shard,
            shards,
        )
        undrawn = [GameId(row[0]) for row in rows if row[1]]
        return undrawn, [GameId(row[0]) for row in rows if row[2]]

    async def undrawn(self, tx: Tx, ranges: Sequence[Skip], most: int) -> list[LockedRound]:
        """Give the rounds of these ranges that have no result yet, the oldest of each first."""
        rows = await tx.fetch(
            """
            SELECT pending.game_id, locked.number, coalesce(round.tickets, 0),
                   coalesce(round.handle, 0)
            FROM unnest($1::text::integer[], $2::text::bigint[], $3::text::bigint[])
              AS pending (game_id, first, last)
            CROSS JOIN LATERAL generate_series(first, last) AS locked (number)
            LEFT JOIN keno.rounds AS round
              ON round.game_id = pending.game_id AND round.number = locked.number
            WHERE NOT EXISTS (SELECT FROM keno.results AS result
                              WHERE result.game_id = pending.game_id
                                AND result.number = locked.number)
            ORDER BY locked.number - pending.first, pending.game_id
            LIMIT $4
            """,
            *map(array, zip(*ranges, strict=True)),
            most,
        )
        return [LockedRound(GameId(row[0]), *row[1:]) for row in rows]

    async def add_drawn(self, tx: Tx, drawn: Sequence[Drawn], at: Instant) -> None:
        await tx.execute(
            """
            INSERT INTO keno.results
                (game_id, number, fate, server_seed, beacon_round, signature, draw, tickets, handle,
                 at)
            SELECT game_id, number, 'DRAWN', decode(server_seed, 'hex'), beacon_round,
                   decode(signature, 'hex'), decode(draw, 'hex'), tickets, handle, $1
            FROM unnest($2::text::integer[], $3::text::bigint[], $4::text::text[],
                        $5::text::bigint[], $6::text::text[], $7::text::text[],
                        $8::text::integer[], $9::text::bigint[])
              AS drawn (game_id, number, server_seed, beacon_round, signature, draw, tickets,
                        handle)
            """,
            at,
            *map(array, zip(*drawn, strict=True)),
        )

    async def add_voided(self, tx: Tx, voided: Sequence[Voided], at: Instant) -> None:
        await tx.execute(
            """
            INSERT INTO keno.results
                (game_id, number, fate, server_seed, beacon_round, tickets, handle, reason, at)
            SELECT game_id, number, 'VOID', decode(server_seed, 'hex'), beacon_round, tickets,
                   handle, reason, $1
            FROM unnest($2::text::integer[], $3::text::bigint[], $4::text::text[],
                        $5::text::bigint[], $6::text::integer[], $7::text::bigint[],
                        $8::text::text[])
              AS voided (game_id, number, server_seed, beacon_round, tickets, handle, reason)
            """,
            at,
            *map(array, zip(*voided, strict=True)),
        )

    async def locked_to(self, tx: Tx, names: Collection[str]) -> dict[str, int]:
        """Give, per game, the highest round that is locked with all before it."""
        rows = await tx.fetch(
            "SELECT game, locked_to FROM unnest($1::text[]) AS asked (game) "
            "JOIN keno.games USING (game)",
            list(names),
        )
        return {row[0]: row[1] for row in rows}

    async def drained(self, tx: Tx) -> list[GameId]:
        """Give draining games that have no ticket left whose round is not paid."""
        rows: list[Any] = await tx.fetch(
            """
            SELECT game.id FROM keno.games AS game
            WHERE game.status = 'DRAINING' AND NOT EXISTS (
                SELECT FROM keno.rounds AS round
                WHERE round.game_id = game.id AND round.number > game.settled_to
                  AND round.tickets > 0)
            ORDER BY game.id
            """
        )
        return [GameId(row[0]) for row in rows]
