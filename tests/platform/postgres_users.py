"""Users of an embedded PostgreSQL in processes of their own, for tests that kill them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = """
import sys
from pathlib import Path
from rooms.platform.postgres import EmbeddedPostgres
from rooms.platform.problem import Problem
database = EmbeddedPostgres(Path(sys.argv[1]))
try:
    database.enter()
except Problem as problem:
    print(int(problem.exit_code), problem.message, flush=True)
    sys.exit(problem.exit_code)
print("ready", database.status().pid, flush=True)
sys.stdin.readline()
database.leave()
"""


def spawn(data: Path, *, python: str = sys.executable, **how: Any) -> subprocess.Popen[str]:
    user: subprocess.Popen[str] = subprocess.Popen(
        [python, "-c", USER, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        **how,
    )
    return user


def first_line(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


@contextmanager
def another_user(data: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Give a process that uses the database, and the server's process id."""
    with spawn(data) as user:
        try:
            word, pid = first_line(user).split()
            assert word == "ready"
            yield user, int(pid)
        finally:
            if user.poll() is None:
                user.communicate("\n")
