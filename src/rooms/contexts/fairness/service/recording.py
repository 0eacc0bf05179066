"""Note what belongs into the log, in the transaction that makes it true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rooms.contexts.fairness.api import Accepted, RecordKind
from rooms.contexts.fairness.storage.pending import PendingStorage
from rooms.kernel.time import Instant
from rooms.platform.database import Tx


@dataclass(frozen=True, slots=True)
class Recording:
    """Notes records and batches, and says which of them no head covered in time."""

    pending: PendingStorage

    async def record(
        self, tx: Tx, kind: RecordKind, at: Instant, fields: Mapping[str, Any]
    ) -> None:
        """Note a record."""
        await self.record_all(tx, kind, at, [fields])

    async def record_all(
        self, tx: Tx, kind: RecordKind, at: Instant, records: Sequence[Mapping[str, Any]]
    ) -> None:
        """Note many records of one kind."""
        for fields in records:
            assert not fields.keys() & {"kind", "v", "at"}, "the sequencer adds these"
        await self.pending.add_records(tx, kind, at, records)

    async def accept(self, tx: Tx, kind: Accepted, ids: Sequence[int], at: Instant) -> None:
        """Note a batch of accepted rows."""
        assert ids, "a batch has something in it"
        await self.pending.add_batch(tx, kind, ids, at)

    async def unbound(
        self, tx: Tx, kind: Accepted, *, accepted_before: Instant, deadline: Instant
    ) -> list[int]:
        """Give the rows that no head signed before the deadline covers."""
        await self.pending.wait_for_head(tx)
        return await self.pending.unbound(tx, kind, accepted_before, deadline)
