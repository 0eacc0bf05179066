"""What a context hands to the process that runs it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rooms.kernel.event import Fact
from rooms.platform.database import Tx

Face_co = TypeVar("Face_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A reaction to facts: each is handled once, in the transaction that notes it as handled."""

    name: str
    reactions: Mapping[type[Fact], Callable[[Tx, Any], Awaitable[None]]]

    @property
    def kinds(self) -> Collection[type[Fact]]:
        """Give the facts it reacts to."""
        return self.reactions.keys()


@dataclass(frozen=True, slots=True)
class Together:
    """A reaction to many facts at once, in the one transaction that notes all of them as handled.

    It hears what happens from its first start on. ``pause`` is how long it rests between two
    looks, so that more facts come together (seconds).
    """

    name: str
    kinds: Collection[type[Fact]]
    react: Callable[[Tx, Sequence[Fact]], Awaitable[None]]
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A loop that runs as long as its process; if it ends by a bug it is started again."""

    name: str
    run: Callable[[], Awaitable[None]]


Reading = Callable[[Tx], Awaitable[None]]
"""Sets gauges by what stands in the database: a look that costs no more than an index does."""


@dataclass(frozen=True, slots=True)
class Module(Generic[Face_co]):
    """A wired context: its face for others, what has to run for it, and how it is doing."""

    name: str
    face: Face_co
    consumers: tuple[Consumer, ...] = ()
    workers: tuple[Worker, ...] = ()
    readings: tuple[Reading, ...] = ()
