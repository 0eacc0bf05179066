"""The draw of a keno round: docs/spec/fairness.md, section 3, bit for bit.

A pure function of the round's server seed, its game and number, and the public entropy.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from itertools import count
from struct import Struct
from typing import Final

NUMBERS: Final = 80
DRAWN: Final = 20
_SPAN: Final = 2**32
_WORDS: Final = Struct(">8I")


def commit(server_seed: bytes) -> bytes:
    """Give what is shown before the round opens: SHA-256 of its seed, the seed staying secret."""
    return hashlib.sha256(server_seed).digest()


def draw(
    server_seed: bytes,
    game: str,
    round_number: int,
    entropy: str,
    *,
    numbers: int = NUMBERS,
    drawn: int = DRAWN,
) -> tuple[int, ...]:
    """Draw ``drawn`` of the numbers 1 to ``numbers``, in drawn order.

    ``entropy`` is the beacon's randomness in lower-case hex, or empty where the chain has none.
    """
    words = draw_words(server_seed, game, round_number, entropy)
    left = list(range(1, numbers + 1))
    for j in range(drawn):
        n = numbers - j
        # Words above the last whole multiple of n would favour the low remainders.
        fair = _SPAN - _SPAN % n
        word = next(words)
        while word >= fair:
            word = next(words)
        i = j + word % n
        left[j], left[i] = left[i], left[j]
    return tuple(left[:drawn])


def draw_words(server_seed: bytes, game: str, round_number: int, entropy: str) -> Iterator[int]:
    """Give the unsigned 32-bit words that decide a draw, without end."""
    for block in draw_blocks(server_seed, game, round_number, entropy):
        yield from _WORDS.unpack(block)


def draw_blocks(server_seed: bytes, game: str, round_number: int, entropy: str) -> Iterator[bytes]:
    """Give the HMAC blocks of a round, 32 bytes each, without end."""
    message = f"rooms/draw/1|{game}|{round_number}|{entropy}|".encode("ascii")
    for k in count():
        yield hmac.digest(server_seed, b"%s%d" % (message, k), "sha256")


def mask(numbers: Iterable[int]) -> int:
    """Write a set of numbers as the sum of 2**(p-1): what is caught is then ``a & b``."""
    bits = 0
    for number in numbers:
        bits |= 1 << number - 1
    return bits


def catches(picks: int, drawn: int) -> int:
    """Count the picks that were drawn, both as masks."""
    return (picks & drawn).bit_count()
