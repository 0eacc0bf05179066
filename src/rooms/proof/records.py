"""What stands in the log: records as canonical JSON, accepted bets and tickets as binary entries.

docs/spec/fairness.md, section 5. Integers in binary are big-endian; amounts are in the asset's
smallest unit, times Unix milliseconds.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import rfc8785

from rooms.kernel.time import Instant, rfc3339

VERSION: Final = 1
LONGEST_ENTRY: Final = 65_535
TICKET: Final = 0x01
BET: Final = 0x02
REF_SIZE: Final = 16
BLOCK_SIZE: Final = 64  # of SHA-256
PICKS_SIZE: Final = 10

_TICKET: Final = struct.Struct(">B16sQQQ10s")
_BET: Final = struct.Struct(">B16sQQB")
_PAYOUT: Final = struct.Struct(">16sQ")


def entry_of(kind: str, at: Instant, fields: Mapping[str, Any]) -> str:
    """Write a record as the log has it. ValueError where it is too long or has no such form."""
    entry = rfc8785.dumps({**fields, "kind": kind, "v": VERSION, "at": rfc3339(at)})
    if len(entry) > LONGEST_ENTRY:
        raise ValueError(f"a {kind} of {len(entry)} bytes is too long for the log")
    return entry.decode()


def accepted_entry(at: Instant, count: int, root: bytes) -> str:
    """Write an ``accepted`` record, the most frequent one, as ``entry_of`` would."""
    return f'{{"at":"{rfc3339(at)}","count":{count},"kind":"accepted","root":"{root.hex()}","v":1}}'


def ref(key: bytes, kind: str, number: int) -> bytes:
    """Give the opaque public reference of a bet or ticket: computed, never stored.

    It is the first half of HMAC-SHA256 over ``rooms/ref/1|kind|number``.
    """
    begun, around = _begun(key, kind)
    inner, outer = begun.copy(), around.copy()
    inner.update(b"%d" % number)
    outer.update(inner.digest())
    return outer.digest()[:REF_SIZE]


@lru_cache(maxsize=16)
def _begun(key: bytes, kind: str) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """Begin both hashes of an HMAC (RFC 2104): all references of a kind begin alike.

    The library's HMAC begins anew each time, which costs more than twice as much.
    """
    block = (key if len(key) <= BLOCK_SIZE else sha256(key).digest()).ljust(BLOCK_SIZE, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    inner.update(f"rooms/ref/1|{kind}|".encode())
    return inner, outer


def bet_entry(reference: bytes, accepted_at: int, stake: int, *, yes: bool, room: str) -> bytes:
    """Write an accepted bet."""
    return _BET.pack(BET, reference, accepted_at, stake, yes) + room.encode("ascii")


def ticket_entry(
    reference: bytes, accepted_at: int, stake: int, round_: int, picks: Iterable[int], game: str
) -> bytes:
    """Write an accepted ticket; a pick p from 1 to 80 is the bit of value 2**(p - 1)."""
    bits = sum(1 << pick - 1 for pick in picks).to_bytes(PICKS_SIZE, "big")
    return packed_ticket(reference, accepted_at, stake, round_, bits, game)


def packed_ticket(
    reference: bytes, accepted_at: int, stake: int, round_: int, bits: bytes, game: str
) -> bytes:
    """Write an accepted ticket whose picks are its ten bytes already."""
    return _TICKET.pack(TICKET, reference, accepted_at, stake, round_, bits) + game.encode("ascii")


def payout_entry(reference: bytes, payout: int) -> bytes:
    """Write what an accepted bet was paid, a leaf under ``payouts_root``."""
    return _PAYOUT.pack(reference, payout)


@dataclass(frozen=True, slots=True)
class Salts:
    """Salts of texts, by what they are of: computed from a key, stored nowhere."""

    key: bytes = field(repr=False)

    def of(self, what: str) -> bytes:
        """Give the 16 bytes that go before a text."""
        message = f"rooms/salt/1|{what}".encode()
        return hmac.digest(self.key, message, "sha256")[:REF_SIZE]


def salted_hash(salt: bytes, text: str) -> str:
    """Hash a text that may have to be erased: without the salt nobody can guess it."""
    return sha256(salt + text.encode()).hexdigest()


def canonical_hash(value: Any) -> str:
    """Hash the canonical JSON (RFC 8785) of a value."""
    return sha256(rfc8785.dumps(value)).hexdigest()
