"""Facts of the oracle. Times are Unix milliseconds."""

from dataclasses import dataclass

from rooms.kernel.event import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionMet(Fact):
    """The condition came true. ``ticks`` are the observations that show it.

    For a touch ``t_hit`` is the time of the first of two consecutive observations that met it,
    ``t_clear`` of the last before them that did not (creation, if none); None at close.
    """

    subject: str
    trigger: str
    ticks: list[int]
    t_hit: int | None
    t_clear: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionNotMet(Fact):
    """The settle time passed and the condition had not come true."""

    subject: str
    trigger: str
    ticks: list[int]
