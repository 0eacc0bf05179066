"""The rules of docs/spec/fairness.md once more, slowly and by hand: bits, lists, no library of ours."""

import hashlib
from collections.abc import Iterator
from fractions import Fraction


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    key = key.ljust(64, b"\0") if len(key) <= 64 else hashlib.sha256(key).digest().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def words(seed: bytes, game: str, number: int, entropy: str) -> Iterator[int]:
    k = 0
    while True:
        message = "|".join(("rooms/draw/1", game, str(number), entropy, str(k)))
        block = hmac_sha256(seed, message.encode())
        for at in range(0, 32, 4):
            a, b, c, d = block[at : at + 4]
            yield ((a * 256 + b) * 256 + c) * 256 + d
        k += 1


def shuffled(stream: Iterator[int], numbers: int, drawn: int) -> list[int]:
    """Take each number out of a shrinking list: what swapping does, told in another way."""
    place = {position: position + 1 for position in range(numbers)}
    out = []
    for j in range(drawn):
        n = numbers - j
        word = next(w for w in stream if w // n < 2**32 // n)
        i = j + word % n
        out.append(place[i])
        place[i] = place[j]
    return out


def draw(seed: bytes, game: str, number: int, entropy: str) -> list[int]:
    return shuffled(words(seed, game, number, entropy), 80, 20)


def seeds(master: bytes, game: str, chain: int, length: int) -> list[bytes]:
    """All seeds, the terminal at 0."""
    found = [hmac_sha256(master, b"rooms/chain/1|" + f"{game}|{chain}".encode())]
    while len(found) <= length:
        found.insert(0, hashlib.sha256(b"rooms/link/1" + found[0]).digest())
    return found


def beacon_round(locks_at_ms: int, guard_ms: int, genesis: int, period: int) -> int:
    """Count beacons until one comes later than the lock and its guard."""
    # Most of the way is jumped over, or the counting would take years.
    number = max(1, (locks_at_ms // 1000 - genesis) // period - 5)
    while 1000 * (genesis + period * (number - 1)) <= locks_at_ms + guard_ms:
        number += 1
    return number


def chance(spots: int, caught: int) -> Fraction:
    """Draw the picks one by one from the bag of all numbers: a walk over every order."""
    ways = {0: Fraction(1)}
    for picked in range(spots):
        after: dict[int, Fraction] = {}
        for hits, part in ways.items():
            hit = Fraction(20 - hits, 80 - picked)
            after[hits + 1] = after.get(hits + 1, Fraction()) + part * hit
            after[hits] = after.get(hits, Fraction()) + part * (1 - hit)
        ways = after
    return ways.get(caught, Fraction())
