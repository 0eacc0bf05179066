"""What a verifier reports: each rule, whether the file keeps it, and where it does not."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from rooms.kernel.time import rfc3339
from rooms.proof.fields import Malformed

SHOWN: Final = 3
Verdict = Literal["verified", "mismatch", "not_revealed", "cannot_check"]


class Unreadable(Exception):  # noqa: N818 - it is said of a record
    """A record on which all further steps stand cannot be read; it has been noted."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rule: what was checked, or where the file does not keep it."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, rule by rule, and what the file alone cannot show."""

    verdict: Verdict
    steps: tuple[Step, ...]
    unchecked: tuple[str, ...]


class Findings:
    """Collects where a file differs from what the rules give, by the name of the rule."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._rules = rules
        self._wrong: dict[str, _Wrong] = defaultdict(_Wrong)

    def expect(self, rule: str, what: str, *, says: object, gives: object) -> None:
        """Compare what the file says with what the rules give; true is not 1."""
        if says != gives or isinstance(says, bool) is not isinstance(gives, bool):
            self.note(rule, f"{what} is {_shown(says)}, the rules give {_shown(gives)}")

    def note(self, rule: str, problem: str) -> None:
        """Remember a problem; of a million alike, the first few are enough to see."""
        assert rule in self._rules
        wrong = self._wrong[rule]
        wrong.count += 1
        if wrong.count <= SHOWN:
            wrong.first.append(problem)

    @property
    def spotless(self) -> bool:
        """Whether nothing was noted so far."""
        return not self._wrong

    def report(self, unchecked: tuple[str, ...], otherwise: Verdict = "verified") -> Report:
        """Sum up; ``otherwise`` is the verdict where nothing was found wrong."""
        steps = tuple(
            Step(rule, rule not in self._wrong, self._detail(rule)) for rule in self._rules
        )
        return Report("mismatch" if self._wrong else otherwise, steps, unchecked)

    def _detail(self, rule: str) -> str:
        if rule not in self._wrong:
            return self._rules[rule]
        wrong = self._wrong[rule]
        more = wrong.count - len(wrong.first)
        return "; ".join(wrong.first) + (f"; and {more} more" if more else "")


@contextmanager
def readable(findings: Findings, rule: str) -> Iterator[None]:
    """Note what cannot be read, and end what stands on it."""
    try:
        yield
    except Malformed as problem:
        findings.note(rule, str(problem))
        raise Unreadable from problem


@dataclass(slots=True)
class _Wrong:
    count: int = 0
    first: list[str] = field(default_factory=list)


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    return "nothing" if value is None else str(value)
