import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import in_words, run_rooms

Rooms = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    """Run a command in an empty folder, and give how it ended."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return in_words(run_rooms(*arguments, cwd=tmp_path, environment=os.environ | environment))

    return run


@pytest.fixture
def launched(tmp_path: Path) -> Rooms:
    """Run a command as the launcher does, by a new Python, in an empty folder."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "rooms", *arguments],
            cwd=tmp_path,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
