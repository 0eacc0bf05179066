"""The face of fairness: what is recorded in the public log, and the seeds and beacons of draws.

A record is noted in the transaction of the thing that it records; the sequencer appends it to the
log soon after, outside that transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from rooms.kernel.ids import PlayerId
from rooms.kernel.money import Asset
from rooms.kernel.time import Instant
from rooms.platform.database import Tx
from rooms.proof.beacon import Beacon, DrandChain
from rooms.proof.chain import ChainTerms
from rooms.proof.checkpoint import NoteKey, with_signatures
from rooms.proof.leaves import LeafProof
from rooms.proof.receipt import Receipt
from rooms.proof.solvency import BalanceProof, Statement
from rooms.proof.tiles import TileName

# Rung on the doorbell when a new beacon is known: rounds that waited for it can be drawn.
BEACON_KNOWN: Final = "BeaconKnown"


class RecordKind(StrEnum):
    """Kinds of records that stand in the log by themselves (docs/spec/fairness.md, section 5)."""

    KENO_PAYTABLE = "keno.paytable"
    KENO_CHAIN = "keno.chain"
    KENO_CHAIN_END = "keno.chain_end"
    KENO_VOID = "keno.void"
    KENO_SKIPPED = "keno.skipped"
    ROOM_OPENED = "room.opened"
    ROOM_SETTLED = "room.settled"
    SOLVENCY = "solvency"
    ADMIN = "admin"


class Accepted(StrEnum):
    """What is accepted in batches and stands in the log under ``accepted`` leaves."""

    BET = "bet"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A signed head of the log: so many leaves had this root at that time.

    ``checkpoint`` is the signed note, ``cosignatures`` are the lines of witnesses below it.
    """

    size: int
    root: bytes
    at: Instant
    checkpoint: str
    cosignatures: tuple[str, ...]

    @property
    def note(self) -> str:
        """The checkpoint with the cosignatures."""
        return with_signatures(self.checkpoint, self.cosignatures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """That an accepted row is in the log: its entry under a leaf, the leaf under a head.

    ``path`` leads from the entry, the ``index``-th of ``size``, to the leaf's root. ``head`` is
    the first that covers the leaf: the row is bound since it was signed.
    """

    entry: bytes
    index: int
    size: int
    path: Sequence[bytes]
    leaf: int
    head: Head


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """What the house signs with, and whose cosignatures it takes; note keys as text."""

    head: NoteKey
    receipts: bytes
    witnesses: Sequence[NoteKey]


class Recorder(Protocol):
    """Notes for the log what happens in the caller's transaction."""

    async def record(
        self, tx: Tx, kind: RecordKind, at: Instant, fields: Mapping[str, Any]
    ) -> None:
        """Note a record: the fields of its kind, without ``kind``, ``v`` and ``at``.

        Amounts are decimal strings, times RFC 3339 strings, counts whole numbers. Roots over many
        rows are left out: the sequencer asks the kind's ``Completion`` for them.
        """
        ...

    async def record_all(
        self, tx: Tx, kind: RecordKind, at: Instant, records: Sequence[Mapping[str, Any]]
    ) -> None:
        """Note many records of one kind, by one statement, in their order."""
        ...

    async def accept(self, tx: Tx, kind: Accepted, ids: Sequence[int], at: Instant) -> None:
        """Note a batch of accepted rows by their ids, in the order of acceptance.

        ``at`` is the ``accepted_at`` that all of them have. The rows must never change: their
        binary entries are made from them again and again, by the kind's ``EntrySource``.
        """
        ...

    async def unbound(
        self, tx: Tx, kind: Accepted, *, accepted_before: Instant, deadline: Instant
    ) -> list[int]:
        """Give the rows accepted before an instant that are under no head signed before another.

        A head that is just being signed is waited for, so once the deadline has passed the answer
        stays. It never waits for the sequencer: what a stopped one left out is unbound. What was
        accepted before the log's first head of all is not asked about: no log ran yet.
        """
        ...


class Log(Recorder, Protocol):
    """The public, append-only log."""

    def receipts(
        self, kind: Accepted, ids: Sequence[int], entries: Sequence[bytes]
    ) -> list[Receipt]:
        """Sign the entries of a committed batch once; ``ids`` are in the order of ``accept``."""
        ...

    async def receipt(self, kind: Accepted, number: int, at: Instant) -> Receipt | None:
        """Make the receipt of a row accepted before again, by its id and ``accepted_at``.

        The same bytes as then; None where its batch was not noted for the log.
        """
        ...

    async def receipts_of(
        self, kind: Accepted, numbers: Sequence[int], at: Instant
    ) -> list[Receipt]:
        """Make the receipts of rows accepted in one batch again; none if it was not noted."""
        ...

    async def binding(self, kind: Accepted, number: int, at: Instant) -> Binding | None:
        """Show an accepted row in the log by its id and ``accepted_at``; None while it waits."""
        ...

    async def leaf_of(self, kind: RecordKind, fields: Mapping[str, Any]) -> LeafProof | None:
        """Prove the first record of this kind that has these fields; None while it waits."""
        ...

    async def leaf_at(self, index: int) -> LeafProof:
        """Prove a leaf under the first head with a cosignature that covers it.

        Under the first of all where none has one yet. Refuses E-LOG-RANGE.
        """
        ...

    async def keys(self) -> PublicKeys:
        """Give the public keys."""
        ...

    async def head(self) -> Head:
        """Give the newest head. Refuses E-LOG-EMPTY."""
        ...

    async def witnessed(self) -> Head | None:
        """Give the newest head with a cosignature."""
        ...

    async def entries(self, start: int, end: int) -> list[str]:
        """Give entries from ``start`` to ``end``, both included, as far as there are any.

        An answer has at most 1,000. Refuses E-LOG-RANGE.
        """
        ...

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that the leaf at an index is in the tree of this size. Refuses E-LOG-RANGE."""
        ...

    async def consistency(self, first: int, second: int) -> list[bytes]:
        """Prove that the tree of one size grew into that of another. Refuses E-LOG-RANGE."""
        ...

    async def tile(self, name: TileName) -> bytes:
        """Give a tile's hashes, one after the other. Refuses E-LOG-TILE."""
        ...

    async def entry_tile(self, name: TileName) -> bytes:
        """Give the entries below a tile of level 0, each after its length. Refuses E-LOG-TILE."""
        ...

    async def cosign(self, note: str) -> int:
        """Take the cosignatures of known witnesses from a note of one of the heads.

        Gives how many it has. Refuses E-COSIGNATURE where it has none, or is of no head.
        """
        ...


class EntrySource(Protocol):
    """Makes binary entries of accepted rows; given at the wiring by the context that has them."""

    async def entries(self, tx: Tx, ids: Sequence[int]) -> Sequence[bytes]:
        """Give the entry of each row (docs/spec/fairness.md, section 5), in the order of ids."""
        ...


class Completion(Protocol):
    """Adds what a record lacks: roots over rows that do not change any more."""

    async def complete(self, tx: Tx, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the missing fields of a record that has these."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChain:
    """What a game asks of its next chain: ``ChainTerms`` but chain, length and terminal."""

    game: str
    first_round: int
    epoch_ms: int
    interval_ms: int
    lead_ms: int
    guard_ms: int
    numbers: int
    drawn: int
    entropy: str
    paytable_hash: bytes


class RoundOf(NamedTuple):
    """A round of a game."""

    game: str
    number: int


class Locked(Protocol):
    """Who knows which rounds take no tickets any more; given by the context that locks them."""

    async def locked_to(self, tx: Tx, games: Collection[str]) -> Mapping[str, int]:
        """Give, per game, the highest round that is locked with all before it."""
        ...


class Seeds(Protocol):
    """The chains that commit every seed of a game. No seed leaves before its round is locked."""

    async def open_chain(self, tx: Tx, wanted: NewChain) -> ChainTerms:
        """Begin a game's next chain and write its ``keno.chain`` leaf, in the caller's ``tx``.

        The chain before it has its last round before this one's first, whatever its length; the
        numbering goes on without a gap. E-NO-MASTER-KEY where this process has not the key of the
        chain begun last, E-ENTROPY where it does not know the drand chain.
        """
        ...

    async def end_chain(self, tx: Tx, game: str, chain: int, last_round: int) -> None:
        """Write ``keno.chain_end`` of a chain whose last round is locked; a second time, nothing.

        E-NO-MASTER-KEY where this process was given none.
        """
        ...

    async def can_reveal(self) -> bool:
        """Say whether this process has the master key: the one of the chain begun last, if any.

        Who has not must not lead what draws: its rounds would stay locked.
        """
        ...

    async def commits(self, game: str, first: int, last: int) -> Mapping[int, bytes]:
        """Give the commits of rounds, both ends included; those of no chain are left out."""
        ...

    async def reveal(self, tx: Tx, rounds: Sequence[RoundOf]) -> list[bytes]:
        """Give the server seeds of rounds, in their order. A bug where one is not locked.

        ``Locked`` is asked in this transaction. E-NO-MASTER-KEY where this process was given none.
        """
        ...


class Beacons(Protocol):
    """Public entropy, verified before it is given."""

    async def learn(self) -> None:
        """Remember the drand chains that were ever used; to be called once, at the start."""
        ...

    def chain(self, entropy: str) -> DrandChain | None:
        """Give the drand chain that a game's entropy names, None where it is not known."""
        ...

    async def beacons(self, entropy: str, rounds: Collection[int]) -> Mapping[int, Beacon | None]:
        """Give those of these beacons that are known by now; asked outside of transactions.

        Those that should be known and are not are asked for, some at a time, which takes a second
        at most. None stands for one that was asked for and that nobody has; a beacon that nobody
        was asked for, this time, is left out: nothing is known of it.
        """
        ...

    async def clock_is_slow(self, tx: Tx) -> bool:
        """Say whether a verified beacon is 1 s or more ahead of the database's clock."""
        ...


@dataclass(frozen=True, slots=True)
class StatementView:
    """What the house said that it owes, over ``size`` accounts; the record may still wait."""

    statement: Statement
    size: int
    record: LeafProof | None


class Solvency(Protocol):
    """What the house owes, and that each balance is in the sum."""

    async def statement(self, asset: Asset) -> StatementView:
        """Give an asset's newest statement. Refuses E-NOT-STATED where there is none yet."""
        ...

    async def balance(self, player: PlayerId, asset: Asset) -> BalanceProof:
        """Prove that a player's balance is in the newest statement.

        Refuses E-NOT-STATED where the player had no account then, E-PROOF-WAITS where the record
        waits for the log.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fairness:
    """The faces of the context."""

    log: Log
    seeds: Seeds
    beacons: Beacons
    solvency: Solvency
