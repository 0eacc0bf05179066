"""Public entropy that nobody knows before the lock: docs/spec/fairness.md, section 2.

Which beacon a round takes follows from its scheduled lock, never from when the lock ran.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from struct import Struct
from typing import Any, Final

from rooms.proof.fields import Fields, Malformed, octets, table, text, whole

NO_ENTROPY: Final = "none"
DRAND: Final = "drand:"
SCHEME: Final = "bls-unchained-g1-rfc9380"
DEFAULT_ID: Final = "default"
SIGNATURE_BYTES: Final = 48
PUBLIC_KEY_BYTES: Final = 96
HASH_BYTES: Final = 32
LONGEST_PERIOD: Final = 3600
_TIMES: Final = Struct(">Iq")


@dataclass(frozen=True, kw_only=True)
class DrandChain:
    """A drand chain that signs each round's number by itself (``bls-unchained-g1-rfc9380``).

    ``genesis`` is the Unix second of its round 1, ``period`` the seconds between two rounds,
    ``public_key`` its 96 bytes, ``group_hash`` what it calls the group of its signers.
    """

    public_key: bytes
    period: int
    genesis: int
    group_hash: bytes
    beacon_id: str

    @cached_property
    def hash(self) -> str:
        """Name the chain in hex. The name binds all of it, as drand hashes its own info."""
        named = "" if self.beacon_id == DEFAULT_ID else self.beacon_id
        times = _TIMES.pack(self.period, self.genesis)
        parts = times + self.public_key + self.group_hash + named.encode()
        return hashlib.sha256(parts).hexdigest()

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
    """One beacon: its round and the 48 bytes of its signature, which give its randomness."""

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


def hash_of(entropy: str) -> str:
    """Give the hash of the drand chain that an ``entropy`` names; a bug where it names none."""
    assert entropy.startswith(DRAND)
    return entropy.removeprefix(DRAND)


def info_json(chain: DrandChain) -> dict[str, Any]:
    """Write a chain as its mirrors answer ``/{hash}/info``."""
    return {
        "public_key": chain.public_key.hex(),
        "period": chain.period,
        "genesis_time": chain.genesis,
        "hash": chain.hash,
        "groupHash": chain.group_hash.hex(),
        "schemeID": SCHEME,
        "metadata": {"beaconID": chain.beacon_id},
    }


def parse_info(value: Fields) -> DrandChain:
    """Read what a mirror says of its chain; Malformed where it is not of its own hash."""
    if text(value, "schemeID") != SCHEME:
        raise Malformed(f"the chain's scheme is not {SCHEME}")
    chain = DrandChain(
        public_key=octets(value, "public_key", PUBLIC_KEY_BYTES),
        period=whole(value, "period"),
        genesis=whole(value, "genesis_time"),
        group_hash=octets(value, "groupHash", HASH_BYTES),
        beacon_id=text(table(value, "metadata"), "beaconID"),
    )
    if not 1 <= chain.period <= LONGEST_PERIOD or not 0 <= chain.genesis < 2**62:
        raise Malformed("the chain's period or genesis is beyond reason")
    if chain.hash != text(value, "hash"):
        raise Malformed("the chain is not the one of its hash")
    return chain


def beacon_json(beacon: Beacon) -> dict[str, Any]:
    """Write a beacon as mirrors answer ``/{hash}/public/{round}``."""
    return {
        "round": beacon.round,
        "randomness": beacon.entropy,
        "signature": beacon.signature.hex(),
    }


def parse_beacon(value: Fields) -> Beacon:
    """Read what a mirror answers; Malformed where the randomness is not of the signature.

    Whether the signature is right is asked elsewhere.
    """
    beacon = Beacon(whole(value, "round"), octets(value, "signature", SIGNATURE_BYTES))
    if not 1 <= beacon.round < 2**63:
        raise Malformed("there is no beacon of that round")
    if text(value, "randomness") != beacon.entropy:
        raise Malformed("the randomness is not the hash of the signature")
    return beacon


def signed_message(beacon_round: int) -> bytes:
    """Give what a beacon's signature signs: SHA-256 of its round as 8 bytes, big-endian."""
    return hashlib.sha256(beacon_round.to_bytes(8, "big")).digest()


QUICKNET: Final = DrandChain(
    public_key=bytes.fromhex(
        "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
        "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
        "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
    ),
    period=3,
    genesis=1_692_803_367,
    group_hash=bytes.fromhex("f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e"),
    beacon_id="quicknet",
)
"""The League of Entropy's chain of beacons every three seconds."""


SANDBOX: Final = DrandChain(
    public_key=bytes.fromhex(
        "965df8d98867e5a234141a1ca508eebbff9f09ea50d3b083918a851be817903c"
        "bd92e97d7d64e3f71abf89053aac7cf1101718e9ad4ceb9fd2dad5a7f7e4cc70"
        "efd97418e5ad3b3aaae7162668e360025d4eb7e6cd6356b18360db69248c9e73"
    ),
    period=1,
    genesis=1_700_000_000,
    group_hash=hashlib.sha256(b"rooms/sandbox/drand").digest(),
    beacon_id="rooms-sandbox",
)
"""The sandbox's own chain, every second. Its secret key is published: it proves nothing."""

SANDBOX_MIRRORS: Final = ("api", "api2", "api3", "cloudflare")
