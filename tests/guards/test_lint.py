"""The linter, the formatter and the type checker are content, and they are strict."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

# What ruff has to forbid, each by the code under which it does.
BAD: Final = {
    "T201": "print(1)",
    "S110": "try:\n    f()\nexcept Exception:\n    pass",
    "BLE001": "try:\n    f()\nexcept Exception:\n    g()",
    "E722": "try:\n    f()\nexcept:\n    g()",
    "FIX002": "# TODO: later",
    "ERA001": "# x = 1",
    "PGH003": "x = f()  # type: ignore",
    "PGH004": "x = f()  # noqa",
    "F401": "import os",
    "DTZ005": "import datetime\nx = datetime.datetime.now()",
    "ASYNC251": "import time\nasync def f() -> None:\n    time.sleep(1)",
    "ANN001": "def f(x) -> None: ...",
    "E501": "# " + "x" * 120,
    "C901": "def f(x: int) -> None:\n"
    + "".join(f"    if x == {n}:\n        g()\n" for n in range(12)),
    "RUF100": "x = 1  # noqa: E501",
}
WRONG: Final = {
    "no-untyped-def": "def f(x): return x",
    "no-any-return": "import json\ndef f() -> int: return json.loads('1')",
    "type-arg": "def f(x: list) -> None: ...",
    "arg-type": "from rooms.kernel.ids import BetId, RoomId\n"
    "def f(room: RoomId) -> None: ...\nf(BetId(1))",
    "unused-ignore": "x: int = 1  # type: ignore[misc]",
}


def run(tool: str, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", tool, *arguments],
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_linter_finds_nothing() -> None:
    done = run("ruff", "check", "--output-format=concise")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_is_as_the_formatter_would_write_it() -> None:
    done = run("ruff", "format", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("code", BAD)
def test_the_linter_bites(code: str) -> None:
    sample = "src/rooms/kernel/sample.py"
    done = run("ruff", "check", "--output-format=json", "--stdin-filename", sample, given=BAD[code])
    assert code in {finding["code"] for finding in json.loads(done.stdout)}


def test_the_formatter_bites() -> None:
    done = run("ruff", "format", "--check", "--stdin-filename", "src/a.py", given="x = ( 1)\n")
    assert done.returncode == 1


# One after the other in one process: mypy keeps one cache.
@pytest.mark.xdist_group("mypy")
def test_the_types_are_right() -> None:
    done = run("mypy", "--no-error-summary")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.xdist_group("mypy")
@pytest.mark.parametrize("code", WRONG)
def test_the_type_checker_bites(code: str, tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(WRONG[code])
    done = run("mypy", "--no-error-summary", str(sample))
    assert f"[{code}]" in done.stdout
