"""A figure and what it is held to: the floor that must be met, the aim that we work towards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, median_low
from typing import Any, Final

from rooms.platform.problem import ExitCode, Problem

Details = Mapping[str, float | None]

# What the machine gave on which the floors and aims were taken, in transactions/s.
REF8_OF_THE_FLOORS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a figure is held to.

    ``ratio``: floor and aim count in times the reference, not in ``unit``. ``least``: less is
    better. ``exact``: about being right, so it is judged however small the run was.
    """

    unit: str
    floor: float | None = None
    aim: float | None = None
    ratio: bool = False
    least: bool = False
    exact: bool = False

    def meets(self, reached: float, bound: float | None) -> bool:
        """Say whether a value is at least as good as a bound; without one it always is."""
        return bound is None or (reached <= bound if self.least else reached >= bound)

    def scaled(self, value: float, ref8: float) -> float:
        """Give what a machine would have given on which the reference is that of the floors."""
        faster = REF8_OF_THE_FLOORS / ref8
        return value / faster if self.least else value * faster

    def words(self, bound: float | None) -> str:
        """Write a bound for people."""
        return "" if bound is None else f"{bound:g} {'x Ref8' if self.ratio else self.unit}"


@dataclass(frozen=True, slots=True)
class Rate:
    """What one run of bets gave: the rate, and besides it times and costs."""

    per_second: float
    details: dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One answer: the median over the runs, and the worst run. ``ref8`` in transactions/s.

    ``scaled``: the median of what a machine with the floors' Ref8 would have given.
    """

    name: str
    value: float
    worst: float
    scaled: float | None
    unit: str
    ref8: float | None
    ratio: float | None
    worst_ratio: float | None
    floor: float | None
    aim: float | None
    aim_reached: bool
    ok: bool
    target: Target
    details: Details = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Give the fields of its line of JSON, the details beside the others."""
        names = (
            *("name", "value", "worst", "scaled", "unit", "ref8", "ratio", "worst_ratio"),
            *("floor", "aim", "aim_reached", "ok"),
        )
        plain = {name: getattr(self, name) for name in names} | dict(self.details)
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in plain.items()
        }


def judge(
    name: str,
    target: Target,
    values: Sequence[float],
    references: Sequence[float] = (),
    details: Sequence[Details] = (),
    *,
    at_full_size: bool = True,
) -> Figure:
    """Hold the runs' values to the target: the median decides, and its run's details are told.

    ``references`` has the reference of each run, where it was taken. A run that is smaller than
    the question asks for proves nothing about speed: then only exact targets are judged.
    """
    worst = max if target.least else min
    pairs = list(zip(values, references, strict=bool(references)))
    ratios = [value / ref for value, ref in pairs]
    scaled = [target.scaled(value, ref) for value, ref in pairs]
    reached = median(ratios) if target.ratio else median(values)
    judged = at_full_size or target.exact
    middle = values.index(median_low(values))
    return Figure(
        name=name,
        value=median(values),
        worst=worst(values),
        scaled=median(scaled) if scaled else None,
        unit=target.unit,
        ref8=median(references) if references else None,
        ratio=median(ratios) if target.ratio else None,
        worst_ratio=worst(ratios) if target.ratio else None,
        floor=target.floor,
        aim=target.aim,
        aim_reached=judged and target.meets(reached, target.aim),
        ok=target.meets(reached, target.floor) or not judged,
        target=target,
        details=details[middle] if details else {},
    )


def require_floors(figures: Iterable[Figure]) -> None:
    """Problem (exit code 3) where a figure misses its floor."""
    missed = [figure.name for figure in figures if not figure.ok]
    if missed:
        raise Problem(
            f"{len(missed)} floors are missed: {', '.join(missed)}",
            exit_code=ExitCode.PROBLEMS_FOUND,
            next_step="benchmarks/README.md says what each asks and where the time goes",
        )
