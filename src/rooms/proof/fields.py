"""Read JSON as written by strangers, field by field: what is not of the form is named."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar

import rfc8785

from rooms.kernel.time import Instant, parse_rfc3339
from rooms.proof.decimals import plain

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 3000
LONGEST_MILLIS: Final = 366 * 24 * 3600 * 1000
Fields = Mapping[str, Any]
DEEPEST: Final = 100
# Standards know many ways to write a time; files have this one, whatever else a library reads.
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:[0-5]\d)",
    re.ASCII,
)
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*")
_HALVES: Final = re.compile("[\ud800-\udfff]")
T = TypeVar("T")


class Malformed(ValueError):  # noqa: N818 - said of a file: it is malformed
    """A file or line that is not of its form; the text is one sentence for a person."""


def read_object(line: str | bytes) -> dict[str, Any]:
    """Read one line of JSON that is an object, with no name twice and no fraction as number.

    Bytes are UTF-8; nothing is nested deeper than ``DEEPEST``.
    """
    try:
        value = json.loads(
            line.decode("utf-8-sig") if isinstance(line, bytes) else line,
            object_pairs_hook=_without_repetition,
            parse_float=_no_fraction,
            parse_constant=_no_fraction,
        )
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed("it is not JSON") from error
    if not isinstance(value, dict):
        raise Malformed("it is not a JSON object")
    opened = ("[", "{") if isinstance(line, str) else (b"[", b"{")
    if sum(map(line.count, opened)) > DEEPEST and _is_too_deep(value):  # type: ignore[arg-type]
        raise Malformed("it is not JSON")
    return value


def canonical(value: Any) -> bytes:
    """Write a value as canonical JSON (RFC 8785). Malformed where it has no such form."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        # Of halves of characters the library speaks in texts, not in names.
        raise Malformed("it has no canonical JSON form") from error


def text(fields: Fields, name: str) -> str:
    """Read a string of Unicode: JSON can write halves of characters, which have no bytes."""
    value = fields.get(name)
    if not isinstance(value, str) or _HALVES.search(value):
        return _wrong(name, "a string")
    return value


def flag(fields: Fields, name: str) -> bool:
    """Read true or false."""
    value = fields.get(name)
    return value if isinstance(value, bool) else _wrong(name, "true or false")


def whole(fields: Fields, name: str) -> int:
    """Read a JSON whole number."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _wrong(name, "a whole number")


def amount(fields: Fields, name: str) -> int:
    """Read an amount: a whole number in a string, because JSON readers round large ones."""
    value = number(fields, name)
    return int(value) if value.as_tuple().exponent == 0 else _wrong(name, "a whole amount")


def number(fields: Fields, name: str) -> Decimal:
    """Read a decimal number in a string."""
    try:
        return plain(fields.get(name))
    except ValueError:
        return _wrong(name, "a decimal number in a string")


def instant(fields: Fields, name: str) -> Instant:
    """Read an RFC 3339 time of this or the next centuries, so that durations can be added."""
    written = text(fields, name)
    if not _TIME.fullmatch(written):
        return _wrong(name, "an RFC 3339 time")
    try:
        value = parse_rfc3339(written)
    except (ValueError, OverflowError):
        return _wrong(name, "an RFC 3339 time")
    return value if FIRST_YEAR <= value.year < LAST_YEAR else _wrong(name, "a time of our age")


def millis(fields: Fields, name: str) -> timedelta:
    """Read a duration given as a whole number of milliseconds, of at most a year."""
    value = whole(fields, name)
    if abs(value) > LONGEST_MILLIS:
        return _wrong(name, "a duration in milliseconds")
    return timedelta(milliseconds=value)


def table(fields: Fields, name: str) -> dict[str, Any]:
    """Read an object."""
    value = fields.get(name)
    return value if isinstance(value, dict) else _wrong(name, "an object")


def tables(fields: Fields, name: str) -> list[dict[str, Any]]:
    """Read a list of objects."""
    value = fields.get(name)
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return value
    return _wrong(name, "a list of objects")


def octets(fields: Fields, name: str, length: int) -> bytes:
    """Read so many bytes in lower-case hex."""
    value = text(fields, name)
    if len(value) != 2 * length or not _HEX.fullmatch(value):
        return _wrong(name, f"{length} bytes in lower-case hex")
    return bytes.fromhex(value)


def optional(read: Callable[[Fields, str], T], fields: Fields, name: str) -> T | None:
    """Read a field that may be missing or null."""
    return None if fields.get(name) is None else read(fields, name)


def _wrong(name: str, wanted: str) -> NoReturn:
    raise Malformed(f'"{name}" is not {wanted}')


def _no_fraction(literal: str) -> NoReturn:
    raise Malformed(f"{literal[:40]} is not a whole number")


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        holders = [each for each in level if isinstance(each, dict | list)]
        level = [
            part for each in holders for part in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise Malformed("a name is there twice")
    return value
