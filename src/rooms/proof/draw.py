"""The draw of a keno round: docs/spec/fairness.md, section 3, bit for bit.

A pure function of the round's server seed, its game and number, and the public entropy.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain, count, islice
from struct import unpack
from typing import Final

NUMBERS: Final = 80
DRAWN: Final = 20
_SPAN: Final = 2**32
_WORD: Final = 4
_BLOCK: Final = 64  # of SHA-256
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_PER_BLOCK: Final = 32 // _WORD


def commit(server_seed: bytes) -> bytes:
    """Give what is shown before the round opens: SHA-256 of its seed, the seed staying secret."""
    return sha256(server_seed).digest()


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
    blocks = draw_blocks(server_seed, game, round_number, entropy)
    taken = _words(b"".join(islice(blocks, -(-drawn // _PER_BLOCK))))
    if max(taken) >= _SPAN - numbers:  # in few rounds of a million; below it none is ever skipped
        taken = fair_words(chain(taken, _words_of(blocks)), numbers, drawn)
    left = list(range(1, numbers + 1))
    for j, word in zip(range(drawn), taken, strict=False):
        i = j + word % (numbers - j)
        left[j], left[i] = left[i], left[j]
    return tuple(left[:drawn])


def fair_words(words: Iterable[int], numbers: int, drawn: int) -> Sequence[int]:
    """Give the words that decide: none above the last whole multiple of how many are left.

    Such words would favour the low remainders.
    """
    fair: list[int] = []
    for word in words:
        n = numbers - len(fair)
        if word < _SPAN - _SPAN % n:
            fair.append(word)
            if len(fair) == drawn:
                break
    return fair


def draw_words(server_seed: bytes, game: str, round_number: int, entropy: str) -> Iterator[int]:
    """Give the unsigned 32-bit words that decide a draw, without end."""
    return _words_of(draw_blocks(server_seed, game, round_number, entropy))


def _words_of(blocks: Iterable[bytes]) -> Iterator[int]:
    return chain.from_iterable(map(_words, blocks))


def _words(blocks: bytes) -> Sequence[int]:
    return unpack(f">{len(blocks) // _WORD}I", blocks)


def draw_blocks(server_seed: bytes, game: str, round_number: int, entropy: str) -> Iterator[bytes]:
    """Give the HMAC blocks of a round, 32 bytes each, without end."""
    message = f"rooms/draw/1|{game}|{round_number}|{entropy}|".encode("ascii")
    # HMAC as RFC 2104 writes it: for so short a message the library's takes twice as long.
    key = server_seed.ljust(_BLOCK, b"\0")
    assert len(key) == _BLOCK, "a longer key would be hashed first"
    inner, outer = key.translate(_INNER) + message, key.translate(_OUTER)
    for k in count():
        yield sha256(outer + sha256(b"%s%d" % (inner, k)).digest()).digest()


def mask(numbers: Iterable[int]) -> int:
    """Write a set of numbers as the sum of 2**(p-1): what is caught is then ``a & b``."""
    bits = 0
    for number in numbers:
        bits |= 1 << number - 1
    return bits


def catches(picks: int, drawn: int) -> int:
    """Count the picks that were drawn, both as masks."""
    return (picks & drawn).bit_count()
