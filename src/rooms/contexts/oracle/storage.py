"""The oracle's rows: ticks with their observations, and the watches in force."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from rooms.contexts.oracle.api import Basis, Newest, NewWatch
from rooms.contexts.oracle.domain import Folded, History, Past, Watch
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx
from rooms.platform.metrics import PRICE_AGE, WATCHES
from rooms.proof.condition import Condition, Watching, leaves, market_json, parse_market
from rooms.proof.consensus import Observation, observation_json
from rooms.proof.terms import OracleTerms, oracle_json, parse_oracle

MOST_MARKETS: Final = 10_000
# What was agreed on or is watched since before terms had numbers is on these.
UNNUMBERED: Final = 0
AT_A_STRETCH: Final = 100
"""Rows that are read or written without giving way to everybody else in the process."""


class OracleStorage:
    """One method is one statement, however many assets and watches there are."""

    async def add_tick(self, tx: Tx, at: Instant, epoch: int | None, terms: int | None) -> int:
        return int(
            await tx.value(
                "INSERT INTO oracle.ticks (at, epoch, terms_id) VALUES ($1, $2, $3) RETURNING id",
                at,
                epoch,
                terms,
            )
        )

    async def number_of(self, tx: Tx, terms: OracleTerms) -> int:
        """Give the number of terms, which they get where nobody had the same before."""
        written = oracle_json(terms)
        number = await self._number_of(tx, written)
        if number is None:
            await tx.execute(
                "INSERT INTO oracle.terms (terms) VALUES ($1) ON CONFLICT DO NOTHING", written
            )
            number = await self._number_of(tx, written)
        assert number is not None, "terms that are stored have a number"
        return number

    async def _number_of(self, tx: Tx, written: Mapping[str, Any]) -> int | None:
        number: int | None = await tx.value("SELECT id FROM oracle.terms WHERE terms = $1", written)
        return number

    async def terms(self, tx: Tx, numbers: Collection[int | None]) -> dict[int | None, OracleTerms]:
        rows = await tx.fetch(
            "SELECT id, terms FROM oracle.terms WHERE id = ANY ($1)",
            [number for number in numbers if number is not None],
        )
        return {row["id"]: parse_oracle(row["terms"]) for row in rows}

    async def add_observations(
        self, tx: Tx, tick: int, terms: int | None, seen: Sequence[Observation]
    ) -> None:
        """Add what was seen at a tick; the terms are the tick's."""
        for start in range(0, len(seen), AT_A_STRETCH):
            await self._add_observations(tx, tick, terms, seen[start : start + AT_A_STRETCH])

    async def _add_observations(
        self, tx: Tx, tick: int, terms: int | None, seen: Sequence[Observation]
    ) -> None:
        await tx.execute(
            """
            INSERT INTO oracle.observations (asset, tick_id, terms_id, at, price, evidence)
            SELECT seen.asset, $1, $2, seen.at, seen.price, seen.evidence
            FROM unnest($3::text[], $4::timestamptz[], $5::numeric[], $6::jsonb[])
              AS seen (asset, at, price, evidence)
            """,
            tick,
            UNNUMBERED if terms is None else terms,
            [each.asset for each in seen],
            [each.at for each in seen],
            [each.price for each in seen],
            [observation_json(each, tick) for each in seen],
        )

    async def terms_of(self, tx: Tx, subjects: Collection[str]) -> dict[str, int]:
        rows = await tx.fetch(
            "SELECT subject, coalesce(terms_id, $2) AS terms FROM unnest($1::text[]) AS asked "
            "(subject) JOIN oracle.watches USING (subject)",
            list(subjects),
            UNNUMBERED,
        )
        return {row["subject"]: row["terms"] for row in rows}

    async def newest(self, tx: Tx, wanted: Collection[Basis]) -> dict[Basis, Newest]:
        rows = await tx.fetch(
            """
            SELECT wanted.asset, wanted.terms, newest.tick_id, newest.at, newest.price,
                   (newest.evidence ->> 'quote_reserve')::bigint AS quote_reserve
            FROM unnest($1::text[], $2::bigint[]) AS wanted (asset, terms)
            CROSS JOIN LATERAL (
                SELECT seen.tick_id, seen.at, seen.price, seen.evidence
                FROM oracle.observations AS seen
                WHERE seen.asset = wanted.asset AND seen.terms_id = wanted.terms
                ORDER BY seen.tick_id DESC
                LIMIT 1
            ) AS newest
            """,
            [basis.asset for basis in wanted],
            [basis.terms for basis in wanted],
        )
        return {Basis(asset, terms): Newest(asset, *found) for asset, terms, *found in rows}

    async def ever_priced(self, tx: Tx, assets: Collection[str]) -> set[str]:
        rows = await tx.fetch(
            "SELECT asset FROM unnest($1::text[]) AS wanted (asset) WHERE EXISTS ("
            "SELECT FROM oracle.observations AS seen WHERE seen.asset = wanted.asset)",
            list(assets),
        )
        return {row["asset"] for row in rows}

    async def evidence(
        self, tx: Tx, ticks: Sequence[int], assets: Collection[str]
    ) -> list[dict[str, Any]]:
        rows = await tx.fetch(
            "SELECT evidence FROM oracle.observations "
            "WHERE asset = ANY ($1) AND tick_id = ANY ($2) ORDER BY tick_id, asset",
            list(assets),
            list(ticks),
        )
        return [row["evidence"] for row in rows]

    async def judged(self, tx: Tx, assets: Collection[str]) -> dict[str, Instant]:
        """Give when the monitor's newest observation of each asset that has one was judged."""
        rows = await tx.fetch(
            """
            SELECT wanted.asset, (newest.evidence ->> 'judged_at')::timestamptz AS at
            FROM unnest($1::text[]) AS wanted (asset)
            CROSS JOIN LATERAL (
                SELECT seen.evidence
                FROM oracle.observations AS seen
                JOIN oracle.ticks AS tick ON tick.id = seen.tick_id AND tick.epoch IS NOT NULL
                WHERE seen.asset = wanted.asset
                ORDER BY seen.tick_id DESC
                LIMIT 1
            ) AS newest
            """,
            list(assets),
        )
        return {row["asset"]: row["at"] for row in rows}

    async def history(
        self,
        tx: Tx,
        *,
        assets: Collection[str],
        first_ticks: Collection[int],
        since: Instant,
        before: int,
        terms: int | None,
    ) -> History:
        """Give the monitor's observations since the instant, the last before, and the first.

        The monitor's are those that were agreed on by the same ``terms``.
        """
        rows = tx.cursor(
            """
            WITH floor AS MATERIALIZED (
                SELECT coalesce(max(id), 0) AS id FROM oracle.ticks WHERE at < $3
            )
            SELECT wanted.asset, past.tick_id, past.at, past.price, past.monitored
            FROM unnest($1::text[]) AS wanted (asset)
            CROSS JOIN floor
            CROSS JOIN LATERAL (
                SELECT seen.tick_id, seen.at, seen.price, true AS monitored
                FROM oracle.observations AS seen
                JOIN oracle.ticks AS tick ON tick.id = seen.tick_id AND tick.epoch IS NOT NULL
                  AND tick.terms_id IS NOT DISTINCT FROM $5
                WHERE seen.asset = wanted.asset AND seen.tick_id > floor.id AND seen.tick_id < $4
                UNION ALL
                (SELECT seen.tick_id, seen.at, seen.price, true
                 FROM oracle.observations AS seen
                 JOIN oracle.ticks AS tick ON tick.id = seen.tick_id AND tick.epoch IS NOT NULL
                   AND tick.terms_id IS NOT DISTINCT FROM $5
                 WHERE seen.asset = wanted.asset AND seen.tick_id <= floor.id
                 ORDER BY seen.tick_id DESC
                 LIMIT 1)
                UNION ALL
                SELECT seen.tick_id, seen.at, seen.price, false
                FROM oracle.observations AS seen
                WHERE seen.asset = wanted.asset AND seen.tick_id = ANY ($2)
            ) AS past
            ORDER BY past.tick_id
            """,
            list(assets),
            list(first_ticks),
            since,
            before,
            terms,
            prefetch=AT_A_STRETCH,
        )
        history: dict[str, list[Past]] = {asset: [] for asset in assets}
        async for asset, tick, at, price, monitored in rows:
            history[asset].append(Past(tick, at, price, monitored))
        return history

    async def add_watch(self, tx: Tx, watch: NewWatch) -> None:
        await tx.execute(
            """
            INSERT INTO oracle.watches (
                subject, market, assets, resolve, confirmations, token_window, first_tick,
                created_at, settles_at, clear_at, terms_id
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $10)
            """,
            watch.subject,
            market_json(watch.condition),
            sorted({leaf.asset for leaf in leaves(watch.condition)}),
            watch.resolve,
            watch.confirmations,
            watch.token_window,
            watch.first_tick,
            watch.created_at,
            watch.settles_at,
            await self.number_of(tx, watch.terms),
        )

    async def end_watch(self, tx: Tx, subject: str) -> bool:
        ended = await tx.execute(
            "UPDATE oracle.watches "
            "SET ended_at = date_trunc('milliseconds', clock_timestamp()) "
            "WHERE subject = $1 AND ended_at IS NULL",
            subject,
        )
        return ended == 1

    async def watches_in_force(self, tx: Tx) -> list[Watch]:
        rows = tx.cursor(
            """
            SELECT id, subject, terms_id, market::text AS market, resolve, confirmations,
                   token_window, first_tick, created_at, settles_at, clear_at, clear_tick,
                   met_since, met_ticks
            FROM oracle.watches
            WHERE ended_at IS NULL
            ORDER BY id
            """,
            prefetch=AT_A_STRETCH,
        )
        return [_watch(row) async for row in rows]

    async def keep_progress(self, tx: Tx, folded: Sequence[Folded]) -> set[int]:
        """Store how far watches have come; give the decided ones that nobody ended meanwhile."""
        rows = await tx.fetch(
            """
            WITH kept AS (
                UPDATE oracle.watches AS watch
                SET clear_at = progress.clear_at,
                    clear_tick = progress.clear_tick,
                    met_since = progress.met_since,
                    met_ticks = progress.met_ticks::bigint[],
                    ended_at = CASE WHEN progress.decided
                               THEN date_trunc('milliseconds', clock_timestamp()) END
                FROM unnest(
                    $1::bigint[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::text[],
                    $6::boolean[]
                ) AS progress (id, clear_at, clear_tick, met_since, met_ticks, decided)
                WHERE watch.id = progress.id AND watch.ended_at IS NULL
                RETURNING watch.id, progress.decided
            )
            SELECT id FROM kept WHERE decided
            """,
            [each.watch.id for each in folded],
            [each.watching.clear_at for each in folded],
            [each.watching.clear_tick for each in folded],
            [each.watching.met_since for each in folded],
            # An array of arrays would be unnested to its last element: each travels as text.
            ["{" + ",".join(map(str, each.watching.met_ticks)) + "}" for each in folded],
            [each.decision is not None for each in folded],
        )
        return {row["id"] for row in rows}


async def read_watches(tx: Tx) -> None:
    """Set the gauges of what is watched: how much, and how old the oldest price for it is."""
    row = await tx.row(
        """
        WITH watched AS (
            SELECT assets, coalesce(terms_id, 0) AS terms_id
            FROM oracle.watches WHERE ended_at IS NULL
        ), wanted AS (
            SELECT DISTINCT unnest(assets) AS asset, terms_id FROM watched
        )
        SELECT (SELECT count(*) FROM watched) AS watches,
               (SELECT extract(epoch FROM clock_timestamp() - min(newest.at))
                FROM wanted CROSS JOIN LATERAL (
                    SELECT seen.at FROM oracle.observations AS seen
                    WHERE seen.asset = wanted.asset AND seen.terms_id = wanted.terms_id
                    ORDER BY seen.tick_id DESC
                    LIMIT 1
                ) AS newest) AS age
        """
    )
    assert row is not None
    WATCHES.set(row["watches"])
    PRICE_AGE.set(row["age"] or 0)


@lru_cache(maxsize=MOST_MARKETS)
def _condition(market: str) -> Condition:
    """Parse a market, the same at every tick for as long as it is watched."""
    return parse_market(msgspec.json.decode(market))


def _watch(row: Row) -> Watch:
    return Watch(
        id=row["id"],
        subject=row["subject"],
        terms=row["terms_id"],
        condition=_condition(row["market"]),
        first_tick=row["first_tick"],
        confirmations=row["confirmations"],
        token_window=row["token_window"],
        watching=Watching(
            created_at=row["created_at"],
            settles_at=row["settles_at"],
            resolve=row["resolve"],
            clear_at=row["clear_at"],
            clear_tick=row["clear_tick"],
            met_since=row["met_since"],
            met_ticks=tuple(row["met_ticks"]),
        ),
    )
