"""``./rooms torture planted``: plant bugs in copies of the project; a test must catch each."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from rooms.cli.output import JsonOption, table
from rooms.platform.problem import ExitCode, Problem
from tests.torture.planted_bugs import FOLDER, Bug, Misfit, bugs_in
from tests.torture.planted_runs import Ending, Verdict, copied, require_own_code, run_tests
from tests.torture.running import counting, ended

AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one bug: the tests that caught it, and what is wrong with it (nothing)."""

    bug: str
    words: str
    caught_by: Mapping[str, Ending] = field(default_factory=dict)
    wrong: Sequence[str] = ()


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Bugs, by their names or numbers."),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the patches are.")] = FOLDER,
    as_json: JsonOption = False,
) -> int:
    """Plant each bug alone and run the tests that are said to catch it.

    Wrong is a bug that a named test does not catch, a patch that does not fit the code any more,
    and a test that fails without the bug as well.
    """
    bugs = _chosen(bugs_in(folder), names or [])
    begun = time.monotonic()
    with counting("bugs planted", len(bugs)) as advance:
        found = asyncio.run(plant_all(bugs, lambda: advance(1)))
    return _report(found, time.monotonic() - begun, as_json=as_json)


def _chosen(bugs: Sequence[Bug], names: Sequence[str]) -> list[Bug]:
    for name in names:
        if not any(_is_named(bug, name) for bug in bugs):
            raise Problem(
                f"There is no planted bug {name!r}",
                exit_code=ExitCode.USAGE,
                next_step="one of " + ", ".join(bug.name for bug in bugs),
            )
    return [bug for bug in bugs if not names or any(_is_named(bug, name) for name in names)]


def _is_named(bug: Bug, name: str) -> bool:
    return name in (bug.name, bug.name.partition("-")[0])


async def plant_all(bugs: Sequence[Bug], advance: Callable[[], None]) -> list[Found]:
    """Plant bugs in copies, two at a time; the tests have to pass in a copy without any."""
    turns = asyncio.Semaphore(AT_ONCE)
    named = list(dict.fromkeys(test for bug in bugs for test in bug.tests))
    sound = asyncio.create_task(_run(turns, named))

    async def hunt(bug: Bug) -> Found:
        try:
            endings = await _run(turns, bug.tests, bug)
            return _judged(bug, endings, await sound)
        except Misfit as misfit:
            return Found(bug.name, bug.words, wrong=[f"the patch does not fit: {misfit}"])
        finally:
            advance()

    return await asyncio.gather(*(hunt(bug) for bug in bugs))


async def _run(
    turns: asyncio.Semaphore, tests: Sequence[str], bug: Bug | None = None
) -> Mapping[str, Ending]:
    async with turns:
        with tempfile.TemporaryDirectory(prefix="rooms-planted-") as folder:
            tree = await asyncio.to_thread(copied, Path(folder) / "rooms")
            if bug is not None:
                bug.plant(tree)
            await require_own_code(tree)
            return await run_tests(tree, tests)


def _judged(bug: Bug, endings: Mapping[str, Ending], sound: Mapping[str, Ending]) -> Found:
    wrong = [] if bug.tests else ["it names no test"]
    caught = {}
    for test, ending in endings.items():
        if sound[test].verdict is not Verdict.PASSED:
            wrong.append(f"without the bug {test} {sound[test].verdict}: {sound[test].said}")
        elif ending.verdict is Verdict.FAILED:
            caught[test] = ending
        elif ending.verdict is Verdict.PASSED:
            wrong.append(f"not caught by {test}")
        else:
            wrong.append(f"{test} is {ending.verdict}: {ending.said}")
    return Found(bug.name, bug.words, caught, wrong)


def _report(found: Sequence[Found], took: float, *, as_json: bool) -> ExitCode:
    wrong = [each for each in found if each.wrong]
    data = {"bugs": found, "wrong": len(wrong), "seconds": round(took, 1)}

    def human(console: Console) -> None:
        rows = [
            (each.bug, test.removeprefix("tests/"), f"{ending.seconds:.1f}")
            for each in found
            for test, ending in each.caught_by.items()
        ]
        console.print(table(("bug", "caught by", "seconds"), rows))
        for each in wrong:
            for what in each.wrong:
                console.print(f"WRONG {each.bug}: {what}", markup=False)
            console.print(f"Next: ./rooms torture planted {each.bug}", markup=False)
        caught = len(found) - len(wrong)
        console.print(f"{caught} of {len(found)} planted bugs are caught, in {took:.0f} s.")

    return ended(data, human, wrong=len(wrong), as_json=as_json)
