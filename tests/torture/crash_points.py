"""Where a process may die: before or after each message of each command."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from random import Random

from rooms.platform.problem import ExitCode, Problem


class Way(StrEnum):
    """A stream of messages, seen from the process: to and from PostgreSQL, to and from feeds."""

    SEND = "send"
    RECEIVE = "receive"
    ASK = "ask"
    HEAR = "hear"


class When(StrEnum):
    """``before``: the message never arrives. ``after``: it does, then the process dies."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Point:
    """The process dies before or after its ``number``-th message (from 1) on one way."""

    command: str
    way: Way
    when: When
    number: int

    def __str__(self) -> str:
        return f"{self.command}:{self.way}:{self.when}:{self.number}"


Counts = Mapping[Way, int]


def parse_point(text: str) -> Point:
    """Read a point as it is printed. Problem (exit code 2) where it is none."""
    try:
        command, way, when, number = text.split(":")
        return Point(command, Way(way), When(when), int(number))
    except ValueError:
        raise Problem(
            f"{text!r} is not a point",
            exit_code=ExitCode.USAGE,
            next_step="name one like place_bet:send:before:7; the ways are "
            + ", ".join(Way)
            + ", and it is before or after",
        ) from None


def all_points(counts: Mapping[str, Counts]) -> list[Point]:
    """Enumerate every point of commands that have this many messages on each way."""
    return [
        Point(command, way, when, number)
        for command, by_way in counts.items()
        for way in Way
        for number in range(1, by_way[way] + 1)
        for when in When
    ]


def chosen(points: Sequence[Point], seed: int) -> Iterator[Point]:
    """Give the points in the seed's order, for ever: all of them before any is repeated.

    The commands take turns, so that a short one is not lost among the long ones.
    """
    random = Random(seed)
    while True:
        turns: dict[str, list[Point]] = {}
        for point in random.sample(points, len(points)):
            turns.setdefault(point.command, []).append(point)
        for turn in zip_longest(*turns.values()):
            yield from (point for point in turn if point is not None)
