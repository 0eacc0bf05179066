import hashlib
from functools import cache

import pyblst  # type: ignore[import-untyped]
import pytest

from rooms.proof.beacon import QUICKNET, Beacon
from rooms.proof.bls import DOMAIN, GENERATOR, is_public_key, is_signed, wrongly_signed

SIGNED = {
    1000: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39",
    123: "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482"
    "e26cd02df835d3546d23c4b13e0dfc92",
}
RANDOMNESS = {
    1000: "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd",
    123: "fb8f7bc29bf24db51871ec8c79f3a1e4bd0557bc0dfcee9ed1d924e69d1c60dc",
}
SECRET = 0x1234567890ABCDEF
PRIME = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f624"
    "1eabfffeb153ffffb9feffffffffaaab",
    16,
)
INFINITY = bytes([0xC0]) + bytes(47)


@cache
def our_key() -> bytes:
    key = pyblst.BlstP2Element().uncompress(GENERATOR).scalar_mul(SECRET).compress()
    return bytes(key)


@cache
def signed(number: int) -> Beacon:
    message = hashlib.sha256(number.to_bytes(8, "big")).digest()
    point = pyblst.BlstP1Element().hash_to_group(message, DOMAIN)
    return Beacon(number, bytes(point.scalar_mul(SECRET).compress()))


@pytest.mark.parametrize("number", SIGNED)
def test_genuine_beacons_of_quicknet_are_verified(number: int) -> None:
    beacon = Beacon(number, bytes.fromhex(SIGNED[number]))

    assert is_signed(QUICKNET.public_key, beacon)
    assert beacon.entropy == RANDOMNESS[number]


def test_the_signature_of_one_round_is_none_of_another() -> None:
    signature = bytes.fromhex(SIGNED[1000])

    assert not is_signed(QUICKNET.public_key, Beacon(1001, signature))
    assert not is_signed(QUICKNET.public_key, Beacon(123, signature))
    assert not is_signed(our_key(), Beacon(1000, signature))


def test_the_negated_signature_is_refused() -> None:
    point = pyblst.BlstP1Element().uncompress(bytes.fromhex(SIGNED[1000]))

    assert not is_signed(QUICKNET.public_key, Beacon(1000, bytes((-point).compress())))


def outside_of_the_subgroup() -> bytes:
    """A point of the curve y**2 = x**3 + 4 that is not in G1: nearly all are not."""
    for x in range(4, 100):
        square = (x**3 + 4) % PRIME
        if pow(square, (PRIME - 1) // 2, PRIME) == 1:
            return bytes([0x80]) + x.to_bytes(47, "big")
    raise AssertionError


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(48),
        INFINITY,
        bytes([0xE0]) + bytes(47),
        bytes.fromhex(SIGNED[1000])[:-1],
        bytes.fromhex(SIGNED[1000]) + b"\0",
        bytes.fromhex(SIGNED[1000])[:-1] + b"\0",
        bytes([0x9F]) + b"\xff" * 47,
        outside_of_the_subgroup(),
    ],
)
def test_what_is_no_point_of_the_group_is_no_signature(signature: bytes) -> None:
    assert not is_signed(QUICKNET.public_key, Beacon(1000, signature))
    assert wrongly_signed(QUICKNET.public_key, [Beacon(1000, signature)]) == [1000]


def test_infinity_is_no_signature_even_under_a_key_that_it_fits() -> None:
    # Under the key at infinity the signature at infinity fits every message.
    infinite_key = bytes([0xC0]) + bytes(95)

    assert not is_public_key(infinite_key)
    assert not is_signed(infinite_key, Beacon(1000, INFINITY))
    assert wrongly_signed(infinite_key, [Beacon(1000, INFINITY)]) == [1000]


def test_a_key_is_a_point_of_its_group() -> None:
    assert is_public_key(QUICKNET.public_key)
    assert not is_public_key(QUICKNET.public_key[:-1])
    assert not is_public_key(QUICKNET.public_key[:-1] + b"\0")


def test_many_are_verified_at_once() -> None:
    beacons = [signed(number) for number in range(1, 301)]

    assert wrongly_signed(our_key(), beacons) == []
    assert wrongly_signed(our_key(), []) == []


def test_each_wrong_one_among_many_is_named() -> None:
    beacons = [signed(number) for number in range(1, 301)]
    beacons[6] = Beacon(7, beacons[7].signature)
    beacons[100] = Beacon(101, INFINITY)
    beacons[299] = Beacon(300, beacons[0].signature)

    assert wrongly_signed(our_key(), beacons) == [7, 101, 300]


def test_wrong_signatures_that_cancel_out_are_found() -> None:
    # Their plain sum is that of the right ones: only the weights tell.
    first, second = (
        pyblst.BlstP1Element().uncompress(signed(number).signature) for number in (1, 2)
    )
    shift = pyblst.BlstP1Element().hash_to_group(b"any", DOMAIN)
    shifted = [
        Beacon(1, bytes((first + shift).compress())),
        Beacon(2, bytes((second + (-shift)).compress())),
    ]

    assert wrongly_signed(our_key(), shifted) == [1, 2]
    assert not any(is_signed(our_key(), each) for each in shifted)
