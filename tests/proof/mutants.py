"""Files changed by chance the way a forger would: one value for another, sealed anew."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any, Final

from tests.proof.room_files import sealed

TIMES: Final = (
    "2026-11-20T15:05:00Z",
    "2026-11-20T15:05:00.000Z",
    "2026-11-20T15:05:00.000999Z",
    "2026-11-20T15:05:00.0009999999Z",
    "2026-11-20t15:05:00z",
    "2026-11-20 15:05:00Z",
    "2026-11-20T15:05:00,5Z",
    "2026-11-20T17:05:00+02:00",
    "2026-11-20T17:05:00+0200",
    "2026-11-20T17:05:00+02",
    "2026-11-20T17:05:00+02:00:01",
    "20261120T150500Z",
    "2026-W47-5T15:05:00Z",
    "2026-11-20T15:05Z",
    "2026-11-20T15Z",
    "2026-11-20",
    "2026-11-31T15:05:00Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T15:05:60Z",
    "2026-11-20T15:05:00",
    "1970-01-01T00:00:00+05:00",
    "1969-12-31T23:00:00-05:00",
    "2999-12-31T23:59:59-05:00",
    "3000-01-01T01:00:00+05:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-11-20T15:05:00+24:00",
    "2026-11-20T15:05:00-00:00",
    "2026-11-20T15:05:00+23:59",
    "2026-11-20T15:05:00+01:60",
    "\u0662026-11-20T15:05:00Z",
    "2026-11-20T15:05:00Z\n",
    "-2026-11-20T15:05:00Z",
    "+02026-11-20T15:05:00Z",
)
NUMBERS: Final = (
    *("0", "-0", "007", "1", "-1", "+1", "1.", ".1", "1.0", "1.50", "1e3", " 1", "1 ", "1_0", ""),
    *("165", "165.00", "165.0000000000000000000000001", "0x10", "\u0661", "NaN", "Infinity", "--1"),
    *("9" * 79, "9" * 81, "0." + "0" * 77 + "1", str(2**63), str(2**64), str(-(2**64)), "1\n"),
)
WHOLE: Final = (0, 1, -1, 2, 3, 10_000, 2**31, 2**53 - 1, 2**53, -(2**53), 2**64, 31_622_400_000)
WORDS: Final = (
    *("YES", "NO", "yes", "touch", "close", "at_close", "nothing", "null", "true", "undefined"),
    *("used", "not used", "stale", "future", "origin", "outlier", "bound", "failed", "__proto__"),
    *("constructor", "toString", "ADMIN", "NO_CONSENSUS", "MIN_PLAYERS", "NO_WINNER", "binance"),
    *(
        "TARGET_MET_QUEUING",
        "coin",
        "token",
        "all",
        "any",
        "\ue000",
        "\U0001f600",
        "\ud800",
        "\x7f",
    ),
    *(
        "at_or_below",
        "coin_price",
        "token_market_cap",
        "SOL",
        "A" * 64,
        "A" * 65,
        "0" * 32,
        "F" * 32,
    ),
)
OTHERS: Final[tuple[Any, ...]] = (None, True, False, [], {}, [1], {"a": 1}, [None])
Place = tuple[Any, ...]


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Walk through everything in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, each in inside:
        yield (*path, name)
        if isinstance(each, dict | list):
            yield from places(each, (*path, name))


def mutant(chance: Random, value: Any) -> Any:
    """Change one thing of a JSON value."""
    value = deepcopy(value)
    *path, name = chance.choice(list(places(value)))
    holder = value
    for each in path:
        holder = holder[each]
    what = chance.random()
    if what < 0.06:
        del holder[name]
    elif what < 0.12 and isinstance(holder, dict):
        holder[chance.choice(WORDS)] = chance.choice((holder[name], *OTHERS))
    elif what < 0.18 and isinstance(holder, list):
        holder.insert(chance.randrange(len(holder) + 1), deepcopy(holder[name]))
    elif what < 0.22 and isinstance(holder, list):
        chance.shuffle(holder)
    else:
        holder[name] = other(chance, holder[name])
    return value


def other(chance: Random, value: Any) -> Any:
    """Give something else, mostly of the same kind."""
    if chance.random() < 0.1:
        return chance.choice(OTHERS + WHOLE + NUMBERS)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return chance.choice((value + 1, value - 1, *WHOLE))
    if isinstance(value, str) and value[:1].isdigit() and ":" in value:
        return chance.choice(TIMES)
    if isinstance(value, str) and value[:1].isdigit():
        return chance.choice((value + "0", "0" + value, value + ".0", *NUMBERS))
    return chance.choice(WORDS)


def forged(chance: Random, lines: Sequence[dict[str, Any]]) -> bytes:
    """Write a room's file with one to three changes, mostly under its own true hash."""
    made: Any = list(lines)
    for _ in range(chance.choice((1, 1, 2, 3))):
        made = mutant(chance, made) or made
    # What has no canonical form, or no head, keeps the hash it had.
    with suppress(ValueError, AttributeError, TypeError, KeyError):
        made = sealed(made) if chance.random() < 0.9 else made
    return b"".join(as_line(chance, each) for each in made)


def as_line(chance: Random, value: Any) -> bytes:
    """Write a line as somebody might."""
    text = json.dumps(value, ensure_ascii=chance.random() < 0.8)
    raw = text.encode("utf-8", "surrogatepass")
    what = chance.random()
    if what < 0.005:
        raw = b"\xef\xbb\xbf" + raw
    elif what < 0.01:
        raw = text.encode("utf-16" if chance.random() < 0.5 else "utf-32", "surrogatepass")
    elif what < 0.015:
        raw = raw.replace(b"{", b'{"x": ' + b"[" * 150 + b"]" * 150 + b", ", 1)
    elif what < 0.02:
        raw = raw.replace(b'{"', b'{"ref": 1, "', 1)
    elif what < 0.025:
        raw = b" \t" + raw + b" \r"
    elif what < 0.03:
        raw += chance.choice((b"\x0c", b"\xa0", b"\x00", b"x", b"\n"))
    return raw + b"\n"
