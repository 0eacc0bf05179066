"""The log's face: what is noted for it, and what it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rooms.contexts.fairness.api import (
    Accepted,
    Binding,
    EntrySource,
    Head,
    PublicKeys,
    RecordKind,
)
from rooms.contexts.fairness.domain import LogKeys
from rooms.contexts.fairness.queries import LogQueries
from rooms.contexts.fairness.service.fresh import Fresh
from rooms.contexts.fairness.service.recording import Recording
from rooms.contexts.fairness.storage.witnesses import WitnessStorage
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.database import Database, Tx
from rooms.proof.checkpoint import NoteKey, cosigned_at, parse_note
from rooms.proof.fields import Malformed
from rooms.proof.leaves import LeafProof
from rooms.proof.merkle import Node, Tree, consistency_nodes, inclusion_nodes
from rooms.proof.receipt import Receipt, sign_batch, sign_tree
from rooms.proof.tiles import TileName, entry_bundle, hash_of, tile_of, width_of

MOST_ENTRIES: Final = 1_000


@dataclass(frozen=True, slots=True)
class LogService(Recording):
    """Notes what belongs into the log, and reads the log."""

    database: Database
    witnesses: WitnessStorage
    queries: LogQueries
    sources: Mapping[Accepted, EntrySource]
    own: LogKeys
    fresh: Fresh
    known_witnesses: Sequence[NoteKey]

    def receipts(
        self, kind: Accepted, ids: Sequence[int], entries: Sequence[bytes]
    ) -> list[Receipt]:
        """Sign the entries of a committed batch, whose hashes the sequencer wants next."""
        tree = Tree.over(entries)
        self.fresh.keep(kind, ids, tree.layers[0])
        return sign_tree(entries, tree, self.own.receipt_signer)

    async def receipt(self, kind: Accepted, number: int, at: Instant) -> Receipt | None:
        """Make the receipt of a row accepted before again."""
        found = await self.receipts_of(kind, [number], at)
        return found[0] if found else None

    async def receipts_of(
        self, kind: Accepted, numbers: Sequence[int], at: Instant
    ) -> list[Receipt]:
        """Make the receipts of rows accepted in one batch again."""
        async with self.database.snapshot() as tx:
            batch = await self.queries.batch_of(tx, kind, numbers[0], at)
            if batch is None:
                return []
            entries = await self.sources[kind].entries(tx, batch[0])
        receipts = dict(zip(batch[0], sign_batch(entries, self.own.receipt_signer), strict=True))
        return [receipts[number] for number in numbers]

    async def binding(self, kind: Accepted, number: int, at: Instant) -> Binding | None:
        """Show an accepted row in the log."""
        async with self.database.snapshot() as tx:
            batch = await self.queries.batch_of(tx, kind, number, at)
            if batch is None or batch[1] is None:
                return None
            leaf = batch[1]
            entries, index = await self._under(tx, leaf, kind, number)
            head = await self.queries.head_over(tx, leaf)
        assert head is not None, "leaves come with their head"
        tree = Tree.over(entries)
        return Binding(
            entry=entries[index],
            index=index,
            size=len(entries),
            path=tree.path(index),
            leaf=leaf,
            head=head,
        )

    async def _under(
        self, tx: Tx, leaf: int, kind: Accepted, number: int
    ) -> tuple[list[bytes], int]:
        """Give all entries under an accepted leaf, and where among them one row's is."""
        entries: list[bytes] = []
        place = None
        for of_kind, ids in await self.queries.batches_under(tx, leaf):
            if of_kind is kind and number in ids:
                place = len(entries) + list(ids).index(number)
            entries += await self.sources[of_kind].entries(tx, ids)
        assert place is not None
        return entries, place

    async def leaf_of(self, kind: RecordKind, fields: Mapping[str, Any]) -> LeafProof | None:
        """Prove the first record of this kind that has these fields."""
        async with self.database.snapshot() as tx:
            found = await self.queries.records(tx, kind, fields)
            # What the database calls contained may have more in it: a longer list, for one.
            same = [
                leaf for leaf, record in found if all(record[k] == v for k, v in fields.items())
            ]
            return await self._proof(tx, same[0]) if same else None

    async def leaf_at(self, index: int) -> LeafProof:
        """Prove a leaf under the first cosigned head that covers it, or the first of all."""
        async with self.database.snapshot() as tx:
            return await self._proof(tx, index)

    async def _proof(self, tx: Tx, index: int) -> LeafProof:
        head = await self.queries.head_shown(tx, index)
        if head is None or index < 0:
            raise Refusal("E-LOG-RANGE", size=(await self._head(tx)).size)
        (entry,) = await self.queries.entries(tx, index, 1)
        path = await self._hashes(tx, inclusion_nodes(index, head.size))
        return LeafProof(entry, index, tuple(path), head.note)

    async def keys(self) -> PublicKeys:
        """Give the public keys."""
        return PublicKeys(self.own.key, self.own.receipt_signer.public, self.known_witnesses)

    async def head(self) -> Head:
        """Give the newest head."""
        async with self.database.snapshot() as tx:
            return await self._head(tx)

    async def witnessed(self) -> Head | None:
        """Give the newest head with a cosignature."""
        async with self.database.snapshot() as tx:
            return await self.queries.witnessed(tx)

    async def _head(self, tx: Tx) -> Head:
        head = await self.queries.head(tx)
        if head is None:
            raise Refusal("E-LOG-EMPTY")
        return head

    async def entries(self, start: int, end: int) -> list[str]:
        """Give entries from ``start`` to ``end``, both included."""
        async with self.database.snapshot() as tx:
            size = (await self._head(tx)).size
            _require(0 <= start <= end and start < size, size)
            return await self.queries.entries(tx, start, min(end - start + 1, MOST_ENTRIES))

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that the leaf at an index is in the tree of this size."""
        async with self.database.snapshot() as tx:
            known = (await self._head(tx)).size
            _require(0 <= index < size <= known, known)
            return await self._hashes(tx, inclusion_nodes(index, size))

    async def consistency(self, first: int, second: int) -> list[bytes]:
        """Prove that the tree of one size grew into that of another."""
        async with self.database.snapshot() as tx:
            known = (await self._head(tx)).size
            _require(0 <= first <= second <= known, known)
            return await self._hashes(tx, consistency_nodes(first, second) if first else [])

    async def _hashes(self, tx: Tx, parts: Sequence[Sequence[Node]]) -> list[bytes]:
        wanted = {tile_of(node) for nodes in parts for node in nodes}
        tiles = {name: await self.queries.hashes(tx, *name) for name in wanted}
        return [hash_of(nodes, tiles) for nodes in parts]

    async def tile(self, name: TileName) -> bytes:
        """Give a tile's hashes."""
        async with self.database.snapshot() as tx:
            await self._require_tile(tx, name)
            hashes = await self.queries.hashes(tx, name.level, name.number)
        return b"".join(hashes[: name.width])

    async def entry_tile(self, name: TileName) -> bytes:
        """Give the entries below a tile of level 0."""
        async with self.database.snapshot() as tx:
            await self._require_tile(tx, name)
            entries = await self.queries.entries(tx, name.first_leaf, name.width)
        return entry_bundle([entry.encode() for entry in entries])

    async def _require_tile(self, tx: Tx, name: TileName) -> None:
        size = (await self._head(tx)).size
        if width_of(name.level, name.number, size) < name.width:
            raise Refusal("E-LOG-TILE", size=size)

    async def cosign(self, note: str) -> int:
        """Take the cosignatures of known witnesses."""
        try:
            read = parse_note(note)
        except Malformed as problem:
            raise Refusal("E-COSIGNATURE", why=str(problem)) from problem
        found = [
            (line, witness, time)
            for line in read.signatures
            for witness in self.known_witnesses
            if (time := cosigned_at(read.checkpoint, line, witness)) is not None
        ]
        if not found:
            raise Refusal("E-COSIGNATURE", why="no known witness has cosigned it")
        async with self.database.transaction() as tx:
            head = await self.queries.head_of(tx, read.checkpoint.size)
            if head is None or parse_note(head.checkpoint).checkpoint != read.checkpoint:
                raise Refusal("E-COSIGNATURE", why="it is of no head of this log")
            for line, witness, time in found:
                await self.witnesses.add(tx, head.size, witness.name, line.text(), time)
        return len(found)


def _require(fits: bool, size: int) -> None:  # noqa: FBT001 - the condition itself
    if not fits:
        raise Refusal("E-LOG-RANGE", size=size)
