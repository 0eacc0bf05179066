"""What a context hands to the process that runs it."""

from collections.abc import Awaitable, Callable, Mapping
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
