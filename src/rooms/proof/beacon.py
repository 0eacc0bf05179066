"""Public entropy that nobody knows before the lock: docs/spec/fairness.md, section 2.

Which beacon a round takes follows from its scheduled lock, never from when the lock ran.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

NO_ENTROPY: Final = "none"
DRAND: Final = "drand:"
SIGNATURE_BYTES: Final = 48
PUBLIC_KEY_BYTES: Final = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class DrandChain:
    """A drand chain that signs each round's number by itself (``bls-unchained-g1-rfc9380``).

    ``hash`` names it in hex and ``public_key`` is its 96 bytes; ``genesis`` is the Unix second
    of its round 1 and ``period`` the seconds between two rounds.
    """

    hash: str
    public_key: bytes
    genesis: int
    period: int

    def round_after(self, locks_at_ms: int, guard_ms: int) -> int:
        """Give R(n): the first beacon later than a scheduled lock and its guard (both in ms)."""
        since = locks_at_ms + guard_ms - 1000 * self.genesis
        return since // (1000 * self.period) + 2

    def appears_at(self, beacon_round: int) -> int:
        """Give the Unix second at which a beacon appears: time(R) of the specification."""
        return self.genesis + self.period * (beacon_round - 1)

    def round_at(self, unix_ms: int) -> int:
        """Give the newest beacon that may be known at a time, 0 before the first."""
        return max(0, (unix_ms - 1000 * self.genesis) // (1000 * self.period) + 1)

    @property
    def entropy(self) -> str:
        """Name the chain as the chain leaf of a game does."""
        return DRAND + self.hash


@dataclass(frozen=True, slots=True)
class Beacon:
    """One beacon: its round, the 48 bytes of its signature, and the randomness they give."""

    round: int
    signature: bytes

    @property
    def randomness(self) -> bytes:
        """What a draw takes as entropy, in hex: SHA-256 of the signature."""
        return hashlib.sha256(self.signature).digest()

    @property
    def entropy(self) -> str:
        """The randomness as a draw's message has it."""
        return self.randomness.hex()


def signed_message(beacon_round: int) -> bytes:
    """Give what a beacon's signature signs: SHA-256 of its round as 8 bytes, big-endian."""
    return hashlib.sha256(beacon_round.to_bytes(8, "big")).digest()
