"""Strict reading of numbers and times that strangers send: a price, or one word why not."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

from rooms.contexts.oracle.adapters.dialect import UnusableError
from rooms.kernel.time import Instant, from_millis, parse_rfc3339, to_millis

MOST_DIGITS: Final = 40
MOST_MAGNITUDE: Final = 24
AHEAD_MILLIS: Final = 2_000
MILLIS: Final = 1_000
_NUMBER: Final = re.compile(r"-?[0-9]{1,80}(\.[0-9]{1,80})?([eE][+-]?[0-9]{1,3})?")
_WHOLE: Final = re.compile(r"-?[0-9]{1,40}")
_TICKER: Final = re.compile(r"[A-Z0-9]{1,20}")
_MINT: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")


def member(value: object, *keys: str) -> object:
    """Follow keys through objects; ``missing`` where one is not there."""
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            raise UnusableError("missing")
        value = value[key]
    return value


def optional(value: object, key: str) -> object:
    """Give a member that may be missing or null, as None; ``wrong_type`` if there is no object."""
    if not isinstance(value, dict):
        raise UnusableError("wrong_type")
    return value.get(key)


def rows(value: object) -> list[object]:
    """Take a list; ``wrong_type`` for anything else."""
    if not isinstance(value, list):
        raise UnusableError("wrong_type")
    return value


def item(value: object, index: int) -> object:
    """Take one place of a list; ``missing`` where the list ends before."""
    row = rows(value)
    if index >= len(row):
        raise UnusableError("missing")
    return row[index]


def same(value: object, expected: str) -> None:
    """Make sure that an answer is about what was asked; else ``another_symbol``."""
    if value != expected:
        raise UnusableError("another_symbol")


def positive(value: object) -> Decimal:
    """Read a positive number exactly, from a JSON number or from text.

    ``wrong_type``, ``not_positive``, or ``absurd`` (over 40 digits, or beyond 10^±24).
    """
    number = _number(value)
    if number <= 0:
        raise UnusableError("not_positive")
    if len(number.as_tuple().digits) > MOST_DIGITS or abs(number.adjusted()) > MOST_MAGNITUDE:
        raise UnusableError("absurd")
    return number


def whole(value: object) -> int:
    """Read a whole number of any sign, from a JSON number or from text; else ``wrong_type``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise UnusableError("wrong_type")


def moment(value: object, received_at: Instant, *, per_second: int = 1) -> Instant:
    """Read Unix time (seconds, or milliseconds with ``per_second=1000``), cut to milliseconds.

    ``future`` for more than 2 s after it was received, else as ``positive``.
    """
    millis = int(Fraction(positive(value)) * MILLIS / per_second)
    return _not_ahead(millis, received_at)


def written_moment(value: object, received_at: Instant) -> Instant:
    """Read an RFC 3339 time, cut to milliseconds; ``wrong_type`` or ``future``."""
    if not isinstance(value, str):
        raise UnusableError("wrong_type")
    try:
        return _not_ahead(to_millis(parse_rfc3339(value)), received_at)
    except (ValueError, OverflowError):
        raise UnusableError("wrong_type") from None


def ticker(asset: str) -> str | None:
    """Give a coin's ticker back; None for what cannot be one, such as a token's mint."""
    return asset if _TICKER.fullmatch(asset) else None


def mint(asset: str) -> str | None:
    """Give a token's mint address back; None for what cannot be one."""
    return asset if _MINT.fullmatch(asset) else None


def _number(value: object) -> Decimal:
    match value:
        case bool():
            raise UnusableError("wrong_type")
        case Decimal() if value.is_finite():
            return value
        case int():
            return Decimal(value)
        case str() if _NUMBER.fullmatch(value):
            return Decimal(value)
    raise UnusableError("wrong_type")


def _not_ahead(millis: int, received_at: Instant) -> Instant:
    if millis > to_millis(received_at) + AHEAD_MILLIS:
        raise UnusableError("future")
    return from_millis(millis)
