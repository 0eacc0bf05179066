"""Which questions there are: each is a file of this folder."""

from importlib import import_module
from typing import Final, Protocol, cast

from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from rooms.platform.problem import ExitCode, Problem

QUESTIONS: Final = (
    "bets_in_process",
    "bets_over_http",
    "bets_open_loop",
    "hot_room",
    "settlement",
    "ledger_check",
    "commit_to_consumer",
    "oracle_tick",
    "touch_to_settled",
    "keno",
    "live",
)
ON_REQUEST: Final = ("growth",)
"""What takes too long to be run unless it is named."""


class Question(Protocol):
    """What such a file consists of. Its figures have the names of its targets."""

    ASKS: str
    TARGETS: dict[str, Target]

    async def measure(self, lab: Lab) -> list[Figure]:
        """Answer it."""
        ...


def question(name: str) -> Question:
    """Find a question by its name. Problem (exit code 2) where there is none."""
    if name not in (*QUESTIONS, *ON_REQUEST):
        raise Problem(
            f"There is no benchmark {name!r}",
            exit_code=ExitCode.USAGE,
            next_step="./rooms bench --list",
        )
    return cast("Question", import_module(f"benchmarks.{name}"))
