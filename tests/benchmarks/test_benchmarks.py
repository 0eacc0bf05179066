"""Every benchmark runs to its end on a house in miniature; how fast it is, nobody asks here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.figures import Figure, Target, judge, require_floors
from benchmarks.lab import Extent, Lab
from benchmarks.questions import ON_REQUEST, QUESTIONS, question
from benchmarks.server import Server
from rooms.platform.problem import ExitCode, Problem
from tests import conftest

ROOT: Final = Path(__file__).parents[2]
FIELDS: Final = {
    *(
        "name",
        "value",
        "worst",
        "scaled",
        "unit",
        "ref8",
        "ratio",
        "worst_ratio",
        "floor",
        "aim",
        "ok",
    ),
}
TINY: Final = Extent(runs=1, seconds=0.1, part=0.001)
# It stops its server, so it runs on one of its own.
STOPS_ITS_SERVER: Final = "bets_in_process"
FLOOR: Final = Target(unit="bets/s", floor=8, aim=15, ratio=True)


@pytest.fixture(scope="session")
def measured(server: conftest.Server) -> Server:
    """The session's server, as one that was given to the benchmarks: it is not stopped."""
    return Server(server.superuser)


@pytest.mark.parametrize(
    "name", [name for name in (*QUESTIONS, *ON_REQUEST) if name != STOPS_ITS_SERVER]
)
async def test_a_benchmark_answers_with_a_figure_for_each_of_its_targets(
    measured: Server, tmp_path: Path, name: str
) -> None:
    asked = question(name)

    figures = await asked.measure(Lab(measured, tmp_path, TINY, asked.TARGETS))

    assert [figure.name for figure in figures] == list(asked.TARGETS)
    assert all(figure.json().keys() >= FIELDS for figure in figures)
    assert [figure.name for figure in figures if not figure.ok] == []


def test_the_command_finds_every_acknowledged_bet_after_its_server_was_stopped() -> None:
    figures = run_command(STOPS_ITS_SERVER, "--runs", "1", "--seconds", "0.1", "--part", "0.001")

    assert list(figures) == list(question(STOPS_ITS_SERVER).TARGETS)
    assert all(figure.keys() >= FIELDS for figure in figures.values())
    lost = figures[f"{STOPS_ITS_SERVER}/lost"]
    assert lost["acknowledged"] > 0
    assert (lost["value"], lost["ok"]) == (0, True)
    assert figures[f"{STOPS_ITS_SERVER}/books"]["value"] == 0


def run_command(*arguments: str) -> dict[str, dict[str, Any]]:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return {figure["name"]: figure for figure in map(json.loads, ended.stdout.splitlines())}


def test_the_median_run_decides_and_the_worst_is_told() -> None:
    figure = judge("bets", FLOOR, [900, 700, 800], [100, 100, 100])

    assert (figure.value, figure.worst) == (800, 700)
    assert (figure.ratio, figure.worst_ratio) == (8, 7)
    assert figure.ok
    assert not figure.aim_reached


def test_a_missed_floor_ends_with_exit_code_3() -> None:
    missed = judge("bets", FLOOR, [790], [100])

    assert not missed.ok
    assert code_of([judge("good", FLOOR, [800], [100]), missed]) == ExitCode.PROBLEMS_FOUND


def test_what_should_be_little_misses_its_floor_from_above() -> None:
    target = Target(unit="ms", floor=40, aim=25, least=True)

    assert [judge("p99", target, [value]).ok for value in (40, 41)] == [True, False]
    assert judge("p99", target, [30, 20, 10]).worst == 30


def test_a_small_run_proves_nothing_about_speed_but_a_lost_bet_stays_lost() -> None:
    lost = Target(unit="bets", floor=0, least=True, exact=True)

    assert judge("bets", FLOOR, [1], [100], at_full_size=False).ok
    assert not judge("lost", lost, [1], at_full_size=False).ok


def code_of(figures: list[Figure]) -> ExitCode:
    with pytest.raises(Problem) as problem:
        require_floors(figures)
    return problem.value.exit_code
