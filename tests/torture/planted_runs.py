"""Runs named tests over a copy of the project, with a bug planted in it or without."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Final
from xml.etree import ElementTree as ET

from tests.torture.planted_bugs import ROOT

# Seconds after which a test counts as hanging, which is no way to find a bug.
PATIENCE: Final = 300
TO_CLEAN_UP: Final = 60
# Plugins that no named test needs; each start would take a second longer.
WITHOUT: Final = ("-p", "no:cacheprovider", "-p", "no:schemathesis")
_WHOSE_CODE: Final = (
    "import pathlib, rooms; print(pathlib.Path(rooms.__file__).resolve().parents[2])"
)


class Verdict(StrEnum):
    """How a test ended: only a failure in the test itself finds a bug."""

    FAILED = "failed"
    PASSED = "passed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a test ended, the first line of what it said, and how long it took."""

    verdict: Verdict
    said: str = ""
    seconds: float = 0.0


def copied(folder: Path) -> Path:
    """Copy the project to a new folder, without what was made from it but for compiled code.

    Python compiles again what is younger than that, as a file with a bug in it is.
    """
    made = {pattern.rstrip("/") for pattern in (ROOT / ".gitignore").read_text().split()}
    made -= {"__pycache__", "*.pyc"}
    return Path(copytree(ROOT, folder, ignore=ignore_patterns(".git", *made))).resolve()


async def run_tests(tree: Path, tests: Sequence[str]) -> Mapping[str, Ending]:
    """Run tests of a copy, by its code and nobody else's; give how each ended."""
    report, output = tree / "report.xml", tree / "output.txt"
    # What the tests start, other processes among them, imports from here too.
    env = {**os.environ, "PYTHONPATH": str(tree / "src"), "CI": "1"}
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", *tests, "-n", "0", "-q", *WITHOUT),
            *(f"--basetemp={tree / 'made'}", f"--junitxml={report}"),
            cwd=tree,
            env=env,
            stdout=written,
            stderr=written,
        )
        ended = await _ended(process)
    if not ended or not report.exists():
        why = "it did not end" if not ended else _last_line(output)
        return dict.fromkeys(tests, Ending(Verdict.BROKEN, why))
    cases = list(ET.parse(report).iter("testcase"))
    return {test: _ending_of(test, cases) for test in tests}


async def require_own_code(tree: Path) -> None:
    """Make sure that a process started for a copy imports the copy."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WHOSE_CODE),
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "src")},
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    whose = told.decode().strip()
    assert whose == str(tree), f"the code of {whose} would be tested, not that of {tree}"


async def _ended(process: asyncio.subprocess.Process) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            # As by Ctrl-C, so that it stops the server that it has started.
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(TO_CLEAN_UP):
                await process.wait()
    return True


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def _ending_of(test: str, cases: Sequence[ET.Element]) -> Ending:
    """Judge a test by all cases that it has: one that failed will do."""
    module, _, name = test.partition("::")
    classname = module.removesuffix(".py").replace("/", ".")
    own = [
        case
        for case in cases
        if case.get("classname") == classname and case.get("name", "").split("[")[0] == name
    ]
    seconds = round(sum(float(case.get("time", 0)) for case in own), 1)
    for tag, verdict in (("error", Verdict.BROKEN), ("failure", Verdict.FAILED)):
        for case in own:
            found = case.find(tag)
            if found is not None:
                return Ending(verdict, found.get("message", "").split("\n")[0], seconds)
    if not own or any(case.find("skipped") is not None for case in own):
        return Ending(Verdict.BROKEN, "it was not run")
    return Ending(Verdict.PASSED, seconds=seconds)
