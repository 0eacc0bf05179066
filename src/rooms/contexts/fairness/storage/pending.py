"""What waits for the sequencer, as rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from rooms.contexts.fairness.api import Accepted, RecordKind
from rooms.kernel.time import Instant
from rooms.platform.database import Tx, array


class PendingStorage:
    """Rows are added and never changed; one method is one statement."""

    async def add_record(
        self, tx: Tx, kind: RecordKind, at: Instant, fields: Mapping[str, Any]
    ) -> None:
        await tx.execute(
            "INSERT INTO fairness.pending (kind, at, fields) VALUES ($1, $2, $3)", kind, at, fields
        )

    async def add_batch(self, tx: Tx, kind: Accepted, ids: Sequence[int], at: Instant) -> None:
        await tx.execute(
            "INSERT INTO fairness.pending (kind, at, ids) VALUES ($1, $2, $3::text::bigint[])",
            kind,
            at,
            array(ids),
        )
