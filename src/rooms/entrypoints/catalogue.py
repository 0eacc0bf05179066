"""The words of every refusal, read from ``refusals.toml``: nothing else knows any."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from rooms.entrypoints.money_text import sol_text
from rooms.kernel.time import rfc3339
from rooms.platform.settings.durations import print_duration

SOURCE: Final = Path(__file__).with_name("refusals.toml")
# {data} or {data:sol}; the braces of an example of JSON are followed by a quote.
DATA: Final = re.compile(r"\{([a-z_]+)(?::(sol))?\}")


@dataclass(frozen=True, slots=True)
class Words:
    """A refusal said to a person: what happened, where the money is, what to do."""

    title: str
    detail: str
    money: str
    next: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One code: its HTTP status and its sentences, in which ``{data}`` may stand."""

    code: str
    status: int
    title: str
    detail: tuple[str, ...]
    money: tuple[str, ...]
    next: tuple[str, ...]

    def words(self, data: Mapping[str, object]) -> Words:
        """Say it with this data; a sentence whose data is missing is left out."""
        return Words(self.title, *(_said(each, data) for each in self._texts()))

    def explained(self) -> Words:
        """Say it without a case at hand: data is shown by its name, as ``<stake>``."""
        return Words(
            self.title,
            *(" ".join(DATA.sub(r"<\1>", one) for one in each) for each in self._texts()),
        )

    def _texts(self) -> tuple[tuple[str, ...], ...]:
        return (self.detail, self.money, self.next)


@cache
def catalogue() -> Mapping[str, Entry]:
    """Give every code with its words, in the order of the file."""
    raw = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    return {code: _entry(code, table) for code, table in raw.items()}


def nearest(code: str) -> str | None:
    """Give the code that someone may have meant."""
    found = difflib.get_close_matches(code.upper(), catalogue(), n=1, cutoff=0.5)
    return found[0] if found else None


def _entry(code: str, table: Mapping[str, Any]) -> Entry:
    return Entry(
        code=code,
        status=table["status"],
        title=table["title"],
        detail=_sentences(table["detail"]),
        money=_sentences(table["money"]),
        next=_sentences(table["next"]),
    )


def _sentences(text: str | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _said(sentences: Iterable[str], data: Mapping[str, object]) -> str:
    return " ".join(
        DATA.sub(lambda found: _printed(data[found[1]], found[2]), sentence)
        for sentence in sentences
        if all(_printable(data.get(name), form) for name, form in DATA.findall(sentence))
    )


def _printable(value: object, form: str) -> bool:
    """An empty text says no more than a missing one."""
    return isinstance(value, int) if form else value is not None and value != ""


def _printed(value: object, form: str | None) -> str:
    if form and isinstance(value, int):
        return sol_text(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    return print_duration(value) if isinstance(value, timedelta) else str(value)
