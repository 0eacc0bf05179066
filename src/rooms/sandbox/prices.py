"""Play prices: a seeded walk, or a script that overrides it from the moment it was set.

All of it is a pure function of seed, asset, source and time, so that two runs with one seed and
one clock show the same prices. Floating point is good enough for what is only made up.
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final

import msgspec

from rooms.kernel.time import Instant, to_millis
from rooms.sandbox import names

STARTS: Final[Mapping[str, Decimal]] = {
    "SOL": Decimal(150),
    "BTC": Decimal(95_000),
    "ETH": Decimal(3_400),
    "USDC": Decimal(1),
    names.MINT: Decimal("0.005"),
}
UNKNOWN_COIN: Final = Decimal(100)
UNKNOWN_TOKEN: Final = Decimal("0.005")

STEP: Final = 0.0001
"""The walk moves by a standard deviation of about twice this part of the price each second."""
OCTAVES: Final = 12
"""The slowest wave takes 2^11 seconds, which keeps the walk within about 3 % of its start."""
MOST_OFF: Final = 80
"""How far one source is off at most, in millionths: 0.008 %, which leaves room for rounding."""
MILLION: Final = 1_000_000
_DIGITS: Final = Context(prec=8)
_MILLIS: Final = 1_000


class Script(msgspec.Struct, frozen=True):
    """Prices by time: each step (milliseconds after the start, price) holds until the next."""

    starts: int
    steps: tuple[tuple[int, Decimal], ...]

    def price(self, at: Instant) -> Decimal | None:
        """Give the price in force; None before the first step."""
        since = to_millis(at) - self.starts
        reached = bisect_right(self.steps, since, key=lambda step: step[0])
        return self.steps[reached - 1][1] if reached else None


def walk(seed: int, asset: str, at: Instant) -> Decimal:
    """Give the walk's price at an instant; it changes on the full second.

    Waves of 1, 2, 4, ... seconds through random points, the slower the higher, look like a random
    walk and need no history.
    """
    second = to_millis(at) // _MILLIS
    drift = sum(_wave(f"{seed}|{asset}|{octave}", octave, second) for octave in range(OCTAVES))
    return _rounded(Decimal(float(start(asset)) * math.exp(drift)))


def start(asset: str) -> Decimal:
    """Give the price around which an asset walks, in US dollars."""
    return STARTS.get(asset) or (UNKNOWN_COIN if names.is_ticker(asset) else UNKNOWN_TOKEN)


def as_seen_by(seed: int, source: str, asset: str, price: Decimal) -> Decimal:
    """Shift a price by what this source is always off, at most 0.01 %."""
    off = round(_point(f"{seed}|{source}|{asset}", 0) * MOST_OFF)
    return _rounded(price * (MILLION + off) / MILLION)


def _wave(key: str, octave: int, second: int) -> float:
    length = 1 << octave
    left, into = divmod(second, length)
    before, after = _point(key, left), _point(key, left + 1)
    height = STEP * math.sqrt(3 * length)
    return height * (before + (after - before) * into / length)


@lru_cache(maxsize=65_536)
def _point(key: str, place: int) -> float:
    """Draw from -1 to 1, always the same for one key and place."""
    digest = hashlib.blake2b(f"{key}|{place}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**63 - 1


def _rounded(price: Decimal) -> Decimal:
    return Decimal(format(_DIGITS.create_decimal(price), "f"))
