"""The sequencer: what waits becomes leaves of the log, and a signed head covers them.

One process leads by the lease. It reads what waits and hashes it outside of any lock; then, in one
short transaction that names its epoch, leaves, tiles and the head are added.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rooms.contexts.fairness.api import Accepted, EntrySource
from rooms.contexts.fairness.domain import (
    Leaf,
    LogKeys,
    NewHead,
    Pending,
    PendingBatch,
    PendingRecord,
    leaf_of,
)
from rooms.contexts.fairness.queries import LogQueries
from rooms.contexts.fairness.service.completing import Completing
from rooms.contexts.fairness.service.fresh import Fresh
from rooms.contexts.fairness.storage.pending import PendingStorage
from rooms.contexts.fairness.storage.tree import TreeStorage
from rooms.kernel.time import Instant
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.proof.merkle import leaf_hash, root_of
from rooms.proof.records import accepted_entry, entry_of
from rooms.proof.tiles import HEIGHT, Edge

# One head takes so many pending rows, and so many entries of batches, at most.
MOST_ROWS: Final = 1_000
MOST_ENTRIES: Final = 20_000
GIVE_WAY_EVERY: Final = 1_000
SUBTREE: Final = 1_024


@dataclass(frozen=True, slots=True)
class Taken:
    """What the next head will cover."""

    records: Sequence[tuple[PendingRecord, Mapping[str, Any]]]
    batches: Sequence[PendingBatch]
    entries: int  # of the batches
    root: bytes  # over all of them
    horizon: int
    more: bool


@dataclass(slots=True)
class Sequencing:
    """Appends to the log. The tree's edge is kept from head to head while this process leads."""

    database: Database
    pending: PendingStorage
    tree: TreeStorage
    queries: LogQueries
    keys: LogKeys
    sources: Mapping[Accepted, EntrySource]
    completing: Completing
    fresh: Fresh
    _edge: Edge | None = field(default=None, init=False)
    _horizon: int = field(default=0, init=False)
    _epoch: int | None = field(default=None, init=False)

    async def append(self, lease: Lease) -> bool:
        """Append what waits, under a new head; True where more waits already.

        Raises LeadershipLost where another process leads by now.
        """
        edge, self._edge = self._edge, None  # whatever is raised, the edge is read again
        if edge is None or self._epoch != lease.epoch:
            edge = await self._load()
        async with self.database.snapshot() as tx:
            taken = await self._take(tx)
        first = edge is None
        edge = edge or Edge()
        if first or taken.records or taken.batches:
            await self._store(lease, edge, taken)
        self._edge, self._horizon, self._epoch = edge, taken.horizon, lease.epoch
        return taken.more

    async def _load(self) -> Edge | None:
        """Read where the log ends; None where it has no head yet."""
        async with self.database.snapshot() as tx:
            last = await self.tree.last(tx)
            if last is None:
                self._horizon = 0
                return None
            size, self._horizon = last
            return await self._edge_of(tx, size)

    async def _edge_of(self, tx: Tx, size: int) -> Edge:
        levels: list[list[bytes]] = []
        while not levels or size >> HEIGHT * len(levels):
            level = len(levels)
            levels.append(await self.queries.hashes(tx, level, size >> HEIGHT * (level + 1)))
        return Edge(size, levels)

    async def _take(self, tx: Tx) -> Taken:
        horizon = await self.pending.oldest_running(tx)
        # Not even read again: as many as a head takes would keep all others from it.
        unfinished = self.completing.unfinished()
        rows = await self.pending.waiting(tx, self._horizon, MOST_ROWS, unfinished.keys())
        more = len(rows) == MOST_ROWS
        if more:
            horizon = min(horizon, rows[-1].txid)
            rows += await self._overtaken(tx, rows)
        records, batches, left = self._choose(rows)
        batches.sort(key=lambda batch: (batch.at, batch.id))
        return Taken(
            records=records,
            batches=batches,
            entries=sum(len(batch.ids) for batch in batches),
            root=await _root(await self._hashes(tx, batches)),
            horizon=min([horizon, *(row.txid for row in left), *unfinished.values()]),
            more=more or any(isinstance(row, PendingBatch) for row in left),
        )

    async def _overtaken(self, tx: Tx, rows: Sequence[Pending]) -> list[Pending]:
        """Give the records that would come after one of these rows though noted before it."""
        noted = [row.id for row in rows if isinstance(row, PendingRecord)]
        return await self.pending.overtaken(tx, rows[-1], max(noted)) if noted else []

    def _choose(
        self, rows: Sequence[Pending]
    ) -> tuple[list[tuple[PendingRecord, Mapping[str, Any]]], list[PendingBatch], list[Pending]]:
        """Sort what waits into records that are complete, batches, and what is left for later."""
        records: list[tuple[PendingRecord, Mapping[str, Any]]] = []
        batches: list[PendingBatch] = []
        left: list[Pending] = []
        entries, full = 0, False
        for row in rows:
            if isinstance(row, PendingRecord):
                fields = self.completing.completed(row)
                if fields is None:
                    left.append(row)
                else:
                    records.append((row, fields))
            elif full or (entries and entries + len(row.ids) > MOST_ENTRIES):
                full = True
                left.append(row)
            else:
                entries += len(row.ids)
                batches.append(row)
        return records, batches, left

    async def _hashes(self, tx: Tx, batches: Sequence[PendingBatch]) -> list[bytes]:
        """Give the hashes of batches' entries, batch after batch; read what is not fresh."""
        known = [self.fresh.take(batch.kind, batch.ids) for batch in batches]
        read = [batch for batch, hashes in zip(batches, known, strict=True) if hashes is None]
        missing = await self._hash(tx, read)
        hashes: list[bytes] = []
        for batch, fresh in zip(batches, known, strict=True):
            if fresh is None:
                hashes += [missing[batch.kind, number] for number in batch.ids]
            else:
                hashes += fresh
        return hashes

    async def _hash(
        self, tx: Tx, batches: Sequence[PendingBatch]
    ) -> dict[tuple[Accepted, int], bytes]:
        hashes: dict[tuple[Accepted, int], bytes] = {}
        for kind, source in self.sources.items():
            ids = [number for batch in batches if batch.kind is kind for number in batch.ids]
            found = await source.entries(tx, ids) if ids else []
            for number, entry in zip(ids, found, strict=True):
                hashes[kind, number] = leaf_hash(entry)
                if len(hashes) % GIVE_WAY_EVERY == 0:
                    await asyncio.sleep(0)
        return hashes

    async def _store(self, lease: Lease, edge: Edge, taken: Taken) -> None:
        # Who shows an accepted leaf shows when its head was signed: both have this one time.
        async with self.database.transaction() as tx:
            await self.tree.keep_short(tx)
            epoch = await lease.guard(tx)
            # A clock that was set back signs nothing that is older than what it covers.
            at = max([await self.tree.begin_head(tx), *(each.at for each in taken.batches)])
            start, leaves = edge.size, self._leaves(taken, at)
            tiles = [tile for leaf in leaves for tile in edge.append(leaf.hash)]
            await self.tree.add_leaves(tx, start, leaves)
            await self.tree.add_sequenced(tx, start, leaves)
            await self.tree.add_tiles(tx, tiles)
            root = edge.root()
            checkpoint = self.keys.sign_head(edge.size, root)
            head = NewHead(edge.size, root, at, checkpoint, taken.horizon, epoch)
            await self.tree.add_head(tx, head)
        self.completing.forget([record.id for record, _ in taken.records])

    def _leaves(self, taken: Taken, at: Instant) -> list[Leaf]:
        leaves = [
            leaf_of(entry_of(record.kind, record.at, fields), [record.id])
            # Who saw another's record has a later number, though maybe an older transaction.
            for record, fields in sorted(taken.records, key=lambda each: each[0].id)
        ]
        if taken.batches:
            entry = accepted_entry(at, taken.entries, taken.root)
            leaves.append(leaf_of(entry, [batch.id for batch in taken.batches]))
        return leaves


async def _root(hashes: Sequence[bytes]) -> bytes:
    """Give the root over leaves by subtrees of one height: others run between them."""
    roots = []
    for start in range(0, len(hashes), SUBTREE):
        roots.append(root_of(hashes[start : start + SUBTREE]))
        await asyncio.sleep(0)
    return root_of(roots)
