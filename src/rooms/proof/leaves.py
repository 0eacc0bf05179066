"""A record shown to be in the log: its entry, its path, the signed head above, and who signed.

docs/spec/verification.md says how proofs are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import rfc8785

from rooms.kernel.time import Instant
from rooms.proof.checkpoint import (
    Checkpoint,
    Note,
    NoteKey,
    cosigned_at,
    is_signed_by,
    parse_key,
    parse_note,
)
from rooms.proof.fields import Fields, Malformed, instant, octets, read_object, text, whole
from rooms.proof.findings import Findings
from rooms.proof.merkle import HASH_SIZE, is_included, leaf_hash
from rooms.proof.records import VERSION

LONGEST_PATH: Final = 64
_OF_EVERY_RECORD: Final = {"kind", "v", "at"}


@dataclass(frozen=True, slots=True)
class LeafProof:
    """An entry of the log, as it is hashed, with what shows that a head covers it."""

    entry: str
    index: int
    path: tuple[bytes, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record read out of an entry; ``fields`` are those of its kind."""

    kind: str
    at: Instant
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKeys:
    """What the deployment publishes at ``/v1/log/key``: who signs heads and receipts."""

    origin: str
    head: NoteKey
    receipts: bytes
    witnesses: tuple[NoteKey, ...] = ()


@dataclass(slots=True)
class Signers:
    """What is known of signers, and which heads have been looked at."""

    keys: PublishedKeys | None
    _heads: dict[str, tuple[Checkpoint, bool]] = field(default_factory=dict)

    def head(self, note: str) -> tuple[Checkpoint, bool]:
        """Read a head, and say whether the log signed it; without a key, that is believed."""
        if note not in self._heads:
            read = parse_note(note)
            self._heads[note] = read.checkpoint, self._is_signed(read)
        return self._heads[note]

    def _is_signed(self, note: Note) -> bool:
        if self.keys is None:
            return True
        return note.checkpoint.origin == self.keys.origin and is_signed_by(note, self.keys.head)

    def witnessed(self, note: str) -> int | None:
        """Give the first Unix second at which a known witness cosigned a head.

        None also for what is no head: that is noted where the head is checked.
        """
        try:
            read = parse_note(note)
        except Malformed:
            return None
        times = [
            time
            for witness in (self.keys.witnesses if self.keys else ())
            for line in read.signatures
            if (time := cosigned_at(read.checkpoint, line, witness)) is not None
        ]
        return min(times, default=None)

    def false_cosignatures(self, note: str) -> list[str]:
        """Name the known witnesses whose lines under a head they have not signed."""
        read = parse_note(note)
        return [
            witness.name
            for witness in (self.keys.witnesses if self.keys else ())
            for line in read.signatures
            if (line.name, line.key_id) == (witness.name, witness.id)
            and cosigned_at(read.checkpoint, line, witness) is None
        ]

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Say which signatures of the heads seen so far were not checked, for want of a key."""
        if self.keys is None:
            return ("the signers of heads and receipts: no --key was given",)
        known = {(key.name, key.id) for key in (self.keys.head, *self.keys.witnesses)}
        signed = {
            (line.name, line.key_id) for note in self._heads for line in parse_note(note).signatures
        }
        return tuple(
            f"a signature of {name[:80]} under a head: no key of that name was given"
            for name, _ in sorted(signed - known)
        )


def parse_keys(value: Fields) -> PublishedKeys:
    """Read the answer of ``/v1/log/key``; Malformed otherwise."""
    witnesses = value.get("witnesses", [])
    if not isinstance(witnesses, list) or not all(isinstance(each, str) for each in witnesses):
        raise Malformed('"witnesses" is not a list of keys')
    return PublishedKeys(
        origin=text(value, "origin"),
        head=parse_key(text(value, "key")),
        receipts=octets(value, "receipt_public_key", HASH_SIZE),
        witnesses=tuple(parse_key(each) for each in witnesses),
    )


def leaf_json(leaf: LeafProof) -> dict[str, Any]:
    """Write a leaf's proof."""
    return {
        "entry": leaf.entry,
        "index": leaf.index,
        "path": [each.hex() for each in leaf.path],
        "note": leaf.note,
    }


def parse_leaf(value: Fields) -> LeafProof:
    """Read what ``leaf_json`` wrote; Malformed for anything else."""
    require_names(value, {"entry", "index", "path", "note"})
    return LeafProof(
        text(value, "entry"), whole(value, "index"), parse_path(value), text(value, "note")
    )


def parse_path(value: Fields) -> tuple[bytes, ...]:
    """Read ``path``: hashes in hexadecimal."""
    path = value.get("path")
    if not isinstance(path, list) or len(path) > LONGEST_PATH:
        raise Malformed('"path" is not a list of hashes')
    return tuple(octets({"path": each}, "path", HASH_SIZE) for each in path)


def require_names(value: Fields, names: set[str]) -> None:
    """Refuse what has other fields than these: nothing in a proof is there unchecked."""
    if value.keys() != names:
        different = ", ".join(sorted(value.keys() ^ names))
        raise Malformed(f"it has not just the fields it should have: {different[:200]}")


def read_record(entry: str, kind: str, names: set[str]) -> Record:
    """Read an entry of one kind, written as canonical JSON; Malformed for anything else."""
    value = read_object(entry)
    require_names(value, names | _OF_EVERY_RECORD)
    if text(value, "kind") != kind or whole(value, "v") != VERSION:
        raise Malformed(f"the entry is no {kind} of version {VERSION}")
    if _canonical(value) != entry.encode():
        raise Malformed(f"the entry of the {kind} is not canonical JSON")
    fields = {name: value[name] for name in names}
    return Record(kind, instant(value, "at"), fields)


def _canonical(value: Fields) -> bytes | None:
    """Write canonical JSON; None for what has none, such as numbers beyond 2**53."""
    try:
        return rfc8785.dumps(value)
    except ValueError:
        return None


def check_leaf(
    findings: Findings, rule: str, what: str, leaf: LeafProof, signers: Signers
) -> Checkpoint:
    """Check that an entry is under its head and, where a key is known, that the log signed it."""
    head, signed = signers.head(leaf.note)
    hashed = leaf_hash(leaf.entry.encode())
    if not is_included(hashed, leaf.index, head.size, leaf.path, head.root):
        findings.note(rule, f"{what} is not the entry {leaf.index} under its head")
    if not signed:
        findings.note(rule, f"the head over {what} is not signed by the log's key")
    for witness in signers.false_cosignatures(leaf.note):
        findings.note(rule, f"{witness} has not signed the head over {what}")
    return head
