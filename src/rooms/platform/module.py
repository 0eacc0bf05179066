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


@dataclass(frozen=True, slots=True)
class Module(Generic[Face_co]):
    """A wired context: its face for others, and what has to run for it."""

    name: str
    face: Face_co
    consumers: tuple[Consumer, ...] = ()
    workers: tuple[Worker, ...] = ()
