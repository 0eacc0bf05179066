"""Starting the house: what stands in the way is said in one sentence, with the exit code."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rooms.platform.postgres import EmbeddedPostgres
from tests.stories.running import RunningHouse


def up(data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rooms", "up", "--data", str(data), "--robots", "0", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def one_sentence(ended: subprocess.CompletedProcess[str]) -> str:
    said = [line for line in ended.stderr.splitlines() if not line.endswith("...")]
    sentence, step = said[-2:]
    assert step.startswith("Next: ")
    assert "Traceback" not in ended.stderr
    return sentence


@pytest.mark.parametrize("taken_by", ["--port", "--sandbox-port"])
def test_a_port_in_use_is_named_with_the_option_that_changes_it(
    tmp_path: Path, taken_by: str
) -> None:
    other = {"--port": "--sandbox-port", "--sandbox-port": "--port"}[taken_by]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = up(tmp_path / "data", taken_by, str(port), other, "0")

    assert ended.returncode == 5
    assert f"Port {port} on 127.0.0.1 cannot be used" in one_sentence(ended)
    assert taken_by in ended.stderr
    assert not EmbeddedPostgres(tmp_path / "data").status().running


def test_a_second_house_in_the_same_folder_is_refused_and_the_first_goes_on(
    house: RunningHouse,
) -> None:
    ended = up(house.data, "--port", "0", "--sandbox-port", "0")

    assert ended.returncode == 5
    assert house.process is not None
    assert str(house.process.pid) in one_sentence(ended)
    assert EmbeddedPostgres(house.data).status().running


def test_after_everything_was_killed_at_once_the_house_starts_again(tmp_path: Path) -> None:
    house = RunningHouse(tmp_path / "data")
    house.start()
    postmaster = EmbeddedPostgres(house.data).status().pid
    assert postmaster is not None
    house.kill()
    os.killpg(os.getpgid(postmaster), signal.SIGKILL)

    house.start()

    assert EmbeddedPostgres(house.data).status().pid != postmaster
    assert house.stop() == 0


def test_commands_beside_a_running_house_use_its_database_and_leave_it_running(
    house: RunningHouse,
) -> None:
    for command in (["ledger", "check"], ["ledger", "trial-balance"], ["db", "status"]):
        ended = subprocess.run(
            [sys.executable, "-m", "rooms", *command, "--json", "--data", str(house.data)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        json.loads(ended.stdout)
    assert EmbeddedPostgres(house.data).status().running
