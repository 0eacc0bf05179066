"""Heads of the log as C2SP checkpoints: signed notes of an origin, a size and a root.

https://c2sp.org/signed-note, tlog-checkpoint and tlog-cosignature. A note is a text, an empty
line, and a line for each signature: of the log itself, and of witnesses who saw the log grow.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from rooms.proof.fields import Malformed
from rooms.proof.merkle import HASH_SIZE
from rooms.proof.signature import Signer, is_signed

LOG_KEY: Final = 0x01
WITNESS_KEY: Final = 0x04
_DASH: Final = "\u2014 "
_NAME: Final = re.compile(r"[^\s+]+")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_ID_SIZE: Final = 4
_TIME_SIZE: Final = 8


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key that signs notes: the log's own or a witness's. ``kind`` says which."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        named = f"{self.name}\n".encode()
        return sha256(named + bytes([self.kind]) + self.public).digest()[:_ID_SIZE]

    def text(self) -> str:
        """Write the key as ``name+id+key``, the form in which verifiers take it."""
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a head says: the tree of ``origin`` had ``size`` leaves and this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Write the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """A signature of a note, as it stands in the note."""

    name: str
    key_id: bytes
    signature: bytes

    def text(self) -> str:
        """Write the line without its end."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint with its signatures."""

    checkpoint: Checkpoint
    signatures: tuple[SignatureLine, ...]


def parse_key(text: str) -> NoteKey:
    """Read ``name+id+key``. Malformed where that is no Ed25519 key of a log or witness."""
    name, _, rest = text.strip().partition("+")
    wanted, _, encoded = rest.partition("+")
    raw = _decoded(encoded)
    if not _NAME.fullmatch(name) or len(raw) != 1 + HASH_SIZE:
        raise Malformed("it is no note key: name+id+key, Ed25519")
    key = NoteKey(name, raw[0], raw[1:])
    if key.kind not in (LOG_KEY, WITNESS_KEY) or key.id.hex() != wanted:
        raise Malformed("the key's id does not fit its name and bytes")
    return key


def sign_checkpoint(checkpoint: Checkpoint, key: NoteKey, signer: Signer) -> str:
    """Write a checkpoint signed by the log."""
    text = checkpoint.text()
    line = SignatureLine(key.name, key.id, signer.sign(text.encode()))
    return f"{text}\n{line.text()}\n"


def parse_note(text: str) -> Note:
    """Read a signed checkpoint. Malformed where it is none; signatures are not checked here."""
    head, _, signed = text.rpartition("\n\n")
    lines = head.split("\n")
    # Lines after the third would be extensions: the log writes none.
    if len(lines) != len(("origin", "size", "root")) or not signed.endswith("\n"):
        raise Malformed("it is no signed note of an origin, a size and a root")
    origin, size, encoded = lines
    root = _decoded(encoded)
    if not origin or not _SIZE.fullmatch(size) or len(root) != HASH_SIZE:
        raise Malformed("the note is not of an origin, a size and a root")
    signatures = tuple(_line(each) for each in signed[:-1].split("\n"))
    return Note(Checkpoint(origin, int(size), root), signatures)


def is_signed_by(note: Note, key: NoteKey) -> bool:
    """Say whether the log has signed the note with this key."""
    return any(
        is_signed(key.public, line.signature, note.checkpoint.text().encode())
        for line in note.signatures
        if line.name == key.name and line.key_id == key.id
    )


def cosigned_at(checkpoint: Checkpoint, line: SignatureLine, witness: NoteKey) -> int | None:
    """Give the Unix time in seconds at which a witness cosigned; None where it did not."""
    if (line.name, line.key_id) != (witness.name, witness.id):
        return None
    time = int.from_bytes(line.signature[:_TIME_SIZE], "big")
    signed = is_signed(
        witness.public, line.signature[_TIME_SIZE:], cosigned_message(checkpoint, time)
    )
    return time if signed else None


def cosign(checkpoint: Checkpoint, witness: NoteKey, signer: Signer, time: int) -> SignatureLine:
    """Sign a checkpoint as a witness does, at a Unix time in seconds."""
    signature = signer.sign(cosigned_message(checkpoint, time))
    return SignatureLine(witness.name, witness.id, time.to_bytes(_TIME_SIZE, "big") + signature)


def cosigned_message(checkpoint: Checkpoint, time: int) -> bytes:
    """Give what a witness signs."""
    return f"cosignature/v1\ntime {time}\n{checkpoint.text()}".encode()


def with_signatures(note: str, lines: Sequence[str]) -> str:
    """Add signature lines to a note."""
    return note + "".join(f"{line}\n" for line in lines)


def _line(text: str) -> SignatureLine:
    name, _, encoded = text.removeprefix(_DASH).partition(" ")
    raw = _decoded(encoded)
    if not text.startswith(_DASH) or not _NAME.fullmatch(name) or len(raw) <= _ID_SIZE:
        raise Malformed("a signature of the note is malformed")
    return SignatureLine(name, raw[:_ID_SIZE], raw[_ID_SIZE:])


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("a part of the note is not base64") from error
    if base64.b64encode(raw).decode() != text:  # the same bytes may not be written in two ways
        raise Malformed("a part of the note is not base64 as it is usually written")
    return raw
