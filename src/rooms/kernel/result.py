"""A failure is a value: what the outside answers is ``Ok`` or ``Err``, never an exception."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ok(Generic[T_co]):
    """The world answered."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Err(Generic[E_co]):
    """The world did not answer, or what it said cannot be used; ``error`` says why."""

    error: E_co
