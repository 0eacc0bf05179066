"""Durations as people write them: ``500ms``, ``3s``, ``15m``, ``24h``; exact."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer

_UNITS: Final = {
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_WRITTEN: Final = re.compile(r"(\d{1,9})(ms|s|m|h)", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read one whole number with its unit. ValueError for anything else."""
    parts = _WRITTEN.fullmatch(text.strip())
    if parts is None:
        raise ValueError(f"{text!r} is no duration: write 500ms, 3s, 15m or 24h")
    return int(parts[1]) * _UNITS[parts[2]]


def print_duration(duration: timedelta) -> str:
    """Write a duration of whole milliseconds in its largest unit that divides it."""
    for name, unit in _UNITS.items():
        if duration and duration % unit == timedelta():
            return f"{duration // unit}{name}"
    return f"{duration // _UNITS['ms']}ms" if duration else "0s"


def _read(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    return parse_duration(str(value))


Duration = Annotated[
    timedelta, BeforeValidator(_read), PlainSerializer(print_duration, when_used="json")
]
