"""What makes one source differ from the next: how it is asked, and how its answer is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rooms.contexts.oracle.ports import Reading, SourceSettings
from rooms.kernel.time import Instant
from rooms.platform.http import Params


@dataclass(frozen=True, slots=True)
class Request:
    """A question to a source: the path below its address, and what goes with it."""

    path: str
    params: Params = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON document as it came, with floats as Decimal; nothing in it is trusted."""

    body: object
    received_at: Instant


class UnusableError(Exception):
    """An answer that is no price; ``reason`` is one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Dialect(Protocol):
    """A source's language. Each is a module of pure functions, listed in ``registry``."""

    @property
    def BATCH(self) -> int:  # noqa: N802 - a module's constant
        """How many assets one request may name."""
        ...

    def name_of(self, asset: str) -> str | None:
        """Give the source's usual name for an asset; None where there is none."""
        ...

    def request(self, names: Sequence[str], source: SourceSettings) -> Request:
        """Put the question for at most ``BATCH`` assets by the source's own names."""
        ...

    def read(self, name: str, answer: Answer) -> Reading:
        """Find one asset's price in the answer. UnusableError for all that is not a price."""
        ...
