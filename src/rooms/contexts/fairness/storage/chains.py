"""Chains as rows: what the public may know of them."""

from collections.abc import Mapping
from typing import Any

from rooms.kernel.time import Instant
from rooms.platform.database import Tx, array
from rooms.proof.chain import SEED_BYTES, ChainTerms, parse_terms, terms_json


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

    async def grown(self, tx: Tx, newest: Mapping[str, int]) -> set[str]:
        """Say which games have another newest chain than the one of this number; 0 is none."""
        rows = await tx.fetch(
            """
            SELECT asked.game FROM unnest($1::text::text[], $2::text::integer[])
              AS asked (game, chain)
            WHERE asked.chain <> coalesce(
                (SELECT max(chain) FROM fairness.chains WHERE game = asked.game), 0)
            """,
            array([*newest]),
            array([*newest.values()]),
        )
        return {row[0] for row in rows}

    async def since(self, tx: Tx, first: Mapping[str, int]) -> list[ChainTerms]:
        """Give games' chains from the one that a round falls into on, in the order of rounds."""
        rows = await tx.fetch(
            """
            SELECT chain.terms
            FROM unnest($1::text::text[], $2::text::bigint[]) AS asked (game, first)
            CROSS JOIN LATERAL (
                SELECT terms, first_round FROM fairness.chains
                WHERE game = asked.game AND first_round >= coalesce(
                    (SELECT max(first_round) FROM fairness.chains
                     WHERE game = asked.game AND first_round <= asked.first), 0)
            ) AS chain
            ORDER BY asked.game, chain.first_round
            """,
            array([*first]),
            array([*first.values()]),
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
