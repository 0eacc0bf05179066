"""What a benchmark starts ends with it, also where nobody could tell it to."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
WAITING: Final = (
    "import json, os, time; print(json.dumps(os.getpid()), flush=True); time.sleep(600)"
)
BENCHMARK: Final = f"""
import asyncio, pathlib, sys
from benchmarks.processes import process

async def main():
    async with process("-c", {WAITING!r}, log=pathlib.Path(sys.argv[1])) as (_, told):
        print(told, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of it")
def test_what_a_killed_benchmark_had_started_ends(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", BENCHMARK, str(tmp_path / "log")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src:."},
        stdout=subprocess.PIPE,
    )
    with running:
        assert running.stdout is not None
        started = os.pidfd_open(json.loads(running.stdout.readline()))
        running.kill()

    ended, _, _ = select.select([started], [], [], 60)
    os.close(started)
    assert ended, "it is still there"
