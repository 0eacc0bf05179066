"""What waits for the sequencer, as rows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rooms.contexts.fairness.api import Accepted, RecordKind
from rooms.contexts.fairness.domain import Pending, PendingBatch, PendingRecord
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx, array
from rooms.platform.metrics import LOG_LAG, LOG_SIZE, LOG_WAITING


class PendingStorage:
    """Rows are added and never changed; one method is one statement."""

    async def add_records(
        self, tx: Tx, kind: RecordKind, at: Instant, records: Sequence[Mapping[str, Any]]
    ) -> None:
        await tx.execute(
            "INSERT INTO fairness.pending (kind, at, fields) SELECT $1::text, $2::timestamptz, "
            "jsonb_array_elements($3)",  # as with facts, no array that the driver asks about
            kind,
            at,
            list(records),
        )

    async def add_batch(self, tx: Tx, kind: Accepted, ids: Sequence[int], at: Instant) -> None:
        await tx.execute(
            "INSERT INTO fairness.pending (kind, at, ids) VALUES ($1, $2, $3::text::bigint[])",
            kind,
            at,
            array(ids),
        )

    async def oldest_running(self, tx: Tx) -> int:
        """Give the oldest transaction that this snapshot does not see ended."""
        return int(
            await tx.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::numeric::bigint")
        )

    async def waiting(
        self, tx: Tx, horizon: int, most: int, besides: Collection[int] = ()
    ) -> list[Pending]:
        """Give what is not in the log yet, in the order of transactions from the horizon on.

        Rows of the numbers ``besides`` are left out.
        """
        rows = await tx.fetch(
            """
            SELECT id, txid::text AS txid, kind, at, fields, ids
            FROM fairness.pending AS waiting
            WHERE txid >= $1::text::xid8 AND NOT EXISTS (
                SELECT FROM fairness.sequenced AS done WHERE done.pending_id = waiting.id)
              AND NOT EXISTS (SELECT FROM unnest($3::bigint[]) AS left_out (id)
                              WHERE left_out.id = waiting.id)
            ORDER BY waiting.txid, id LIMIT $2
            """,
            str(horizon),
            most,
            list(besides),
        )
        return [_pending(row) for row in rows]

    async def overtaken(self, tx: Tx, last: Pending, before: int) -> list[Pending]:
        """Give the records after ``last`` in that order that were noted before number ``before``.

        Their transactions have begun later, but wrote earlier than one that is taken: a game's
        second change must not come into the log before its first.
        """
        rows = await tx.fetch(
            """
            SELECT id, txid::text AS txid, kind, at, fields, ids
            FROM fairness.pending AS waiting
            WHERE (txid, id) > ($1::text::xid8, $2) AND id < $3 AND fields IS NOT NULL
              AND NOT EXISTS (
                SELECT FROM fairness.sequenced AS done WHERE done.pending_id = waiting.id)
            """,
            str(last.txid),
            last.id,
            before,
        )
        return [_pending(row) for row in rows]

    async def wait_for_head(self, tx: Tx) -> None:
        """Return when no head that was begun before is still being signed."""
        await tx.execute("SELECT fairness.wait_for_head()")

    async def unbound(
        self, tx: Tx, kind: Accepted, accepted_before: Instant, deadline: Instant
    ) -> list[int]:
        """Give rows accepted before an instant that no head signed before the deadline covers.

        What was accepted before the first head of all is not among them: no log ran yet. What
        the last head in time does not cover is looked through, and nothing older.
        """
        rows = await tx.fetch(
            """
            WITH begun AS MATERIALIZED (
                SELECT at FROM fairness.heads ORDER BY size LIMIT 1
            ), bound AS MATERIALIZED (
                SELECT coalesce(max(size), 0) AS size FROM fairness.heads WHERE at < $3
            ), horizon AS MATERIALIZED (
                SELECT coalesce((SELECT horizon FROM fairness.heads
                                 ORDER BY size DESC LIMIT 1), '0'::xid8) AS txid
            ), late AS (
                SELECT pending.at, pending.kind, pending.ids
                FROM fairness.sequenced JOIN fairness.pending ON pending.id = pending_id
                WHERE leaf >= (SELECT size FROM bound)
                UNION ALL
                SELECT pending.at, pending.kind, pending.ids
                FROM fairness.pending
                WHERE txid >= (SELECT txid FROM horizon) AND NOT EXISTS (
                    SELECT FROM fairness.sequenced WHERE pending_id = pending.id)
            )
            SELECT unnest(ids) AS id FROM late
            WHERE kind = $1 AND at < $2 AND at >= (SELECT at FROM begun)
            """,
            kind,
            accepted_before,
            deadline,
        )
        return [row["id"] for row in rows]


def _pending(row: Row) -> Pending:
    txid = int(row["txid"])
    if row["fields"] is None:
        return PendingBatch(row["id"], txid, Accepted(row["kind"]), row["at"], row["ids"])
    return PendingRecord(row["id"], txid, RecordKind(row["kind"]), row["at"], row["fields"])


async def read_log(tx: Tx) -> None:
    """Set the gauges of the log: its size, how much waits for it, for how long the oldest does."""
    row = await tx.row(
        """
        SELECT head.size, count(waiting.at) AS waiting,
               coalesce(extract(epoch FROM clock_timestamp() - min(waiting.at)), 0) AS lag
        FROM (SELECT coalesce(max(size), 0) AS size,
                     coalesce(max(horizon), '0'::xid8) AS horizon
              FROM (SELECT size, horizon FROM fairness.heads ORDER BY size DESC LIMIT 1) AS last
             ) AS head
        LEFT JOIN LATERAL (
            SELECT pending.at FROM fairness.pending
            WHERE pending.txid >= head.horizon AND NOT EXISTS (
                SELECT FROM fairness.sequenced WHERE pending_id = pending.id)
            LIMIT 1000
        ) AS waiting ON true
        GROUP BY head.size
        """
    )
    assert row is not None
    LOG_SIZE.set(row["size"])
    LOG_WAITING.set(row["waiting"])
    LOG_LAG.set(max(0, row["lag"]))
