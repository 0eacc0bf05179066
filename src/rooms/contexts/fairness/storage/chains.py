"""Chains as rows: what the public may know of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rooms.kernel.time import Instant
from rooms.platform.database import Tx, array
from rooms.proof.chain import SEED_BYTES, ChainTerms, parse_terms, terms_json


class Stretch(NamedTuple):
    """Rounds of a game, both ends included."""

    game: str
    first: int
    last: int


class ChainStorage:
    """Rows are added and never changed; one method is one statement."""

    async def newest(self, tx: Tx, game: str) -> ChainTerms | None:
        """Give the chain that a game began last."""
        terms = await tx.value(
            "SELECT terms FROM fairness.chains WHERE game = $1 ORDER BY chain DESC LIMIT 1", game
        )
        return None if terms is None else parse_terms(terms)

    async def last_begun(self, tx: Tx) -> ChainTerms | None:
        """Give the chain that was begun last, of whichever game."""
        terms = await tx.value(
            "SELECT terms FROM fairness.chains ORDER BY at DESC, game, chain LIMIT 1"
        )
        return None if terms is None else parse_terms(terms)

    async def terms(self, tx: Tx, game: str, chain: int) -> ChainTerms:
        """Give a chain that there is."""
        terms: Mapping[str, Any] = await tx.value(
            "SELECT terms FROM fairness.chains WHERE game = $1 AND chain = $2", game, chain
        )
        return parse_terms(terms)

    async def covering(self, tx: Tx, asked: Sequence[Stretch]) -> list[tuple[str, int]]:
        """Name the chains, as game and number, that rounds of games fall into, in their order."""
        rows = await tx.fetch(
            """
            SELECT asked.game, chain.chain
            FROM unnest($1::text::text[], $2::text::bigint[], $3::text::bigint[])
              AS asked (game, first, last)
            CROSS JOIN LATERAL (
                SELECT chain, first_round FROM fairness.chains
                WHERE game = asked.game AND first_round <= asked.last AND first_round >= coalesce(
                    (SELECT max(first_round) FROM fairness.chains
                     WHERE game = asked.game AND first_round <= asked.first), 0)
            ) AS chain
            ORDER BY asked.game, chain.first_round
            """,
            *map(array, zip(*asked, strict=True)),
        )
        return [(row[0], row[1]) for row in rows]

    async def named(self, tx: Tx, chains: Sequence[tuple[str, int]]) -> list[ChainTerms]:
        """Give chains that there are, by game and number."""
        rows = await tx.fetch(
            "SELECT terms FROM unnest($1::text::text[], $2::text::integer[]) AS a (game, chain) "
            "JOIN fairness.chains USING (game, chain)",
            *map(array, zip(*chains, strict=True)),
        )
        return [parse_terms(row[0]) for row in rows]

    async def add(self, tx: Tx, terms: ChainTerms, commits: bytes, at: Instant) -> None:
        """Keep a chain; a bug where its game has one of that number or first round."""
        await tx.execute(
            "INSERT INTO fairness.chains (game, chain, first_round, terms, commits, at) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            terms.game,
            terms.chain,
            terms.first_round,
            terms_json(terms),
            commits,
            at,
        )

    async def commits(self, tx: Tx, terms: ChainTerms, first: int, last: int) -> list[bytes]:
        """Give the commits of rounds of one chain, both included."""
        found: bytes = await tx.value(
            "SELECT substring(commits FROM $3 FOR $4) FROM fairness.chains "
            "WHERE game = $1 AND chain = $2",
            terms.game,
            terms.chain,
            SEED_BYTES * (terms.link(first) - 1) + 1,
            SEED_BYTES * (last - first + 1),
        )
        return [found[at : at + SEED_BYTES] for at in range(0, len(found), SEED_BYTES)]

    async def end(
        self, tx: Tx, game: str, chain: int, last_round: int, seed: bytes, at: Instant
    ) -> bool:
        """Keep how a chain ended; False where that is known already."""
        return bool(
            await tx.execute(
                "INSERT INTO fairness.chain_ends (game, chain, last_round, server_seed, at) "
                "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                game,
                chain,
                last_round,
                seed,
                at,
            )
        )

    async def now(self, tx: Tx) -> Instant:
        """Give the database's time."""
        at: Instant = await tx.value("SELECT date_trunc('milliseconds', clock_timestamp())")
        return at
