"""What a command logs goes to standard error, line by line, and shows no variable."""

import json
import subprocess
import sys
from pathlib import Path

from rooms.platform.postgres import Dsn
from tests.cli.test_ledger import folder

__all__ = ["folder"]

QUESTION = """
import sys
from pathlib import Path
import structlog
from rooms.processes.office import ask_books, ask_house

async def fail(_):
    password = "correct-" + "horse"
    try:
        raise KeyError("a bug")
    except KeyError:
        structlog.get_logger().exception("it failed")

ask_books(Path(sys.argv[1]), fail)
ask_house(Path(sys.argv[1]), fail)
"""


def test_a_bug_under_a_command_shows_its_trace_and_no_variables(folder: tuple[Path, Dsn]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUESTION, str(folder[0])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["it failed", "it failed"]
    assert "KeyError: 'a bug'" in lines[0]["exception"]
    assert "correct-horse" not in done.stderr
