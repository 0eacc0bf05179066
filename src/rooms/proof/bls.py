"""Signatures of beacons: BLS over BLS12-381, the signature in G1 and the public key in G2.

The scheme ``bls-unchained-g1-rfc9380`` of drand (RFC 9380 says how a message becomes a point).
The library checks that a point lies on its curve and in its subgroup; that it is not the point
at infinity is checked here. It is loaded with the first signature that is looked at.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

from rooms.proof.beacon import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Beacon, signed_message

DOMAIN: Final = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
GENERATOR: Final = bytes.fromhex(
    "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049"
    "334cf11213945d57e5ac7d055d042b7e024aa2b2f08f0a91260805272dc51051"
    "c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
)
TOGETHER: Final = 256
"""How many signatures are best checked by one equation."""
_INFINITY: Final = 0x40  # the flag in the first byte of a compressed point
_WEIGHT_BYTES: Final = 16

Point = Any


def is_signed(public_key: bytes, beacon: Beacon) -> bool:
    """Say whether a beacon's signature is its chain's, over its round; False for no signature."""
    key, point = _key(public_key), _signature(beacon.signature)
    if key is None or point is None:
        return False
    return _same(point, _message(beacon.round), key)


def wrongly_signed(public_key: bytes, beacons: Sequence[Beacon]) -> list[int]:
    """Give the rounds of those beacons whose signature is not their chain's.

    Many are checked by one equation, each with a weight that follows from the hash of all of
    them: who wanted errors to cancel out would have to try 2**128 sets. Where the equation does
    not hold, it is asked of each half.
    """
    key = _key(public_key)
    if key is None:
        return [beacon.round for beacon in beacons]
    points = [(beacon.round, _signature(beacon.signature)) for beacon in beacons]
    wrong = [number for number, point in points if point is None]
    weighed = [
        (number, point.scalar_mul(weight), _message(number).scalar_mul(weight))
        for (number, point), weight in zip(points, _weights(beacons), strict=True)
        if point is not None
    ]
    for start in range(0, len(weighed), TOGETHER):
        wrong += _wrong_among(weighed[start : start + TOGETHER], key)
    return sorted(wrong)


def is_public_key(public_key: bytes) -> bool:
    """Say whether these bytes are a point of G2 that can be somebody's public key."""
    return _key(public_key) is not None


def _wrong_among(weighed: list[tuple[int, Point, Point]], key: Point) -> list[int]:
    if not weighed:
        return []
    signatures, messages = weighed[0][1:]
    for _, signature, message in weighed[1:]:
        signatures, messages = signatures + signature, messages + message
    if _same(signatures, messages, key):
        return []
    if len(weighed) == 1:
        return [weighed[0][0]]
    middle = len(weighed) // 2
    return _wrong_among(weighed[:middle], key) + _wrong_among(weighed[middle:], key)


def _weights(beacons: Sequence[Beacon]) -> Iterator[int]:
    everything = hashlib.sha256()
    for beacon in beacons:
        everything.update(beacon.round.to_bytes(8, "big") + beacon.signature)
    for place in range(len(beacons)):
        weight = everything.copy()
        weight.update(place.to_bytes(8, "big"))
        yield int.from_bytes(weight.digest()[:_WEIGHT_BYTES], "big")


def _same(signature: Point, message: Point, key: Point) -> bool:
    """Compare the pairings e(signature, generator) and e(message, key)."""
    pyblst = _library()
    left = pyblst.miller_loop(signature, _generator())
    return bool(pyblst.final_verify(left, pyblst.miller_loop(message, key)))


def _message(beacon_round: int) -> Point:
    return _library().BlstP1Element().hash_to_group(signed_message(beacon_round), DOMAIN)


def _signature(raw: bytes) -> Point | None:
    if len(raw) != SIGNATURE_BYTES or raw[0] & _INFINITY:
        return None
    try:
        return _library().BlstP1Element().uncompress(raw)
    except ValueError:
        return None


@cache
def _key(raw: bytes) -> Point | None:
    if len(raw) != PUBLIC_KEY_BYTES or raw[0] & _INFINITY:
        return None
    try:
        return _library().BlstP2Element().uncompress(raw)
    except ValueError:
        return None


@cache
def _generator() -> Point:
    return _library().BlstP2Element().uncompress(GENERATOR)


@cache
def _library() -> Any:
    import pyblst  # type: ignore[import-untyped]  # noqa: PLC0415 - most checks need no beacon

    return pyblst
