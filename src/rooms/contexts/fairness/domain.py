"""What waits for the log and what the log is signed with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rooms.contexts.fairness.api import Accepted, RecordKind
from rooms.kernel.money import Asset
from rooms.kernel.time import Instant
from rooms.proof.checkpoint import LOG_KEY, Checkpoint, NoteKey, sign_checkpoint
from rooms.proof.merkle import leaf_hash
from rooms.proof.signature import Signer
from rooms.proof.sumtree import SumNode


class PendingRecord(NamedTuple):
    """A record that waits; ``txid`` is the transaction that noted it."""

    id: int
    txid: int
    kind: RecordKind
    at: Instant
    fields: Mapping[str, Any]


class PendingBatch(NamedTuple):
    """Accepted rows that wait, in the order of their acceptance."""

    id: int
    txid: int
    kind: Accepted
    at: Instant
    ids: Sequence[int]


Pending = PendingRecord | PendingBatch


class Leaf(NamedTuple):
    """An entry of the log, and the pending rows that it stands for."""

    entry: str
    hash: bytes
    pending: Sequence[int]


def leaf_of(entry: str, pending: Sequence[int]) -> Leaf:
    """Make a leaf of an entry."""
    return Leaf(entry, leaf_hash(entry.encode()), pending)


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Under which name the log is known, and what signs its heads and the receipts."""

    origin: str
    head_signer: Signer = field(repr=False)
    receipt_signer: Signer = field(repr=False)

    @property
    def key(self) -> NoteKey:
        """The public key of the log's heads."""
        return NoteKey(self.origin, LOG_KEY, self.head_signer.public)

    def sign_head(self, size: int, root: bytes) -> str:
        """Write the checkpoint of a head."""
        return sign_checkpoint(Checkpoint(self.origin, size, root), self.key, self.head_signer)


class NewHead(NamedTuple):
    """A head to be stored. ``horizon``: whatever older transactions noted is under it."""

    size: int
    root: bytes
    at: Instant
    checkpoint: str
    horizon: int
    epoch: int


class Part(NamedTuple):
    """A stretch of what is owed, in the order of salts: a complete subtree but for the last one.

    ``first`` is the salt of its first account; amounts are in the asset's smallest unit.
    """

    first: bytes
    accounts: Sequence[int]
    balances: Sequence[int]
    whole: SumNode


class NewStatement(NamedTuple):
    """What is owed of an asset at a time, ``whole`` over ``size`` accounts; was ``due`` then."""

    asset: Asset
    due: Instant
    at: Instant
    size: int
    whole: SumNode


class StatementRow(NamedTuple):
    """A statement as stored; ``leaf`` is where its record stands, None while it waits."""

    id: int
    asset: Asset
    at: Instant
    size: int
    liabilities: int
    root: bytes
    leaf: int | None
