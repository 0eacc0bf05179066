"""What keeps the embedded PostgreSQL from starting: one sentence and an exit code each."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rooms.platform.filelock import hold_up_lock
from rooms.platform.postgres import EmbeddedPostgres
from rooms.platform.postgres.problem import problem_from_output
from rooms.platform.postgres.programs import program
from rooms.platform.problem import Problem
from tests.platform.postgres_users import first_line, spawn

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


def problem_of(data: Path) -> Problem:
    with pytest.raises(Problem) as caught:
        EmbeddedPostgres(data).enter()
    assert "\n" not in caught.value.message
    assert caught.value.next_step
    return caught.value


def test_data_of_another_version_is_left_alone(data: Path) -> None:
    (data / "postgres" / "PG_VERSION").write_text("17\n")
    problem = problem_of(data)
    assert "is of PostgreSQL 17" in problem.message
    assert problem.exit_code == 5


def test_a_folder_of_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    problem = problem_of(tmp_path)
    assert "is not a data folder of rooms" in problem.message
    assert problem.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_postgres_folder_that_is_no_cluster_is_named(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    problem = problem_of(tmp_path)
    assert "is not a data folder of PostgreSQL" in problem.message
    assert problem.exit_code == 5


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "is not a folder" in problem_of(tmp_path / "data").message
    assert "is not a folder" in problem_of(tmp_path / "data" / "below").message


def test_lost_passwords_are_told(data: Path) -> None:
    (data / "secrets" / "postgres" / "pgpass").unlink()
    problem = problem_of(data)
    assert "passwords of the database are missing" in problem.message
    assert problem.exit_code == 5


def test_a_server_that_cannot_start_is_told_with_its_own_last_word(data: Path) -> None:
    (data / "postgres" / "postgresql.conf").write_text("no_such_setting = 1\n")
    problem = problem_of(data)
    assert problem.message.startswith("Starting PostgreSQL failed: ")
    assert problem.exit_code == 5
    assert not EmbeddedPostgres(data).status().running


def test_what_postgres_says_of_a_full_disk_is_a_full_disk(tmp_path: Path) -> None:
    said = "FATAL:  could not write lock file: No space left on device"
    problem = problem_from_output("Starting PostgreSQL", said, tmp_path)
    assert "is full" in problem.message
    assert problem.exit_code == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk: run as root with CAP_SYS_ADMIN")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_too_small_for_a_first_start_is_told_before_anything_is_made(
    small_disk: Path,
) -> None:
    problem = problem_of(small_disk / "data")
    assert "is full: at least 300 MiB are needed" in problem.message
    assert problem.exit_code == 1
    assert not (small_disk / "data" / "postgres").exists()


def test_a_disk_without_any_room_is_told(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb") as ballast, pytest.raises(OSError, match="No space"):
        while True:
            ballast.write(bytes(2**20))
            ballast.flush()
    problem = problem_of(small_disk / "data")
    assert "is full" in problem.message
    assert problem.exit_code == 1


@pytest.fixture
def nobodys(tmp_path: Path) -> Path:
    """A place that another user reaches, and whose programs that user may run."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    for needed in (sys.executable, program("postgres")):
        reached = subprocess.run(["test", "-x", needed], user=NOBODY, group=NOBODY, check=False)
        if reached.returncode:
            pytest.skip(f"user {NOBODY} cannot reach {needed}: move the project out of a home")
    return tmp_path


@as_root
def test_a_folder_without_permission_is_told(nobodys: Path) -> None:
    with spawn(nobodys / "data", user=NOBODY, group=NOBODY, extra_groups=[]) as user:
        said = first_line(user)
    assert said.startswith("1 No permission to read and write")
    assert user.returncode == 1


@as_root
def test_it_runs_without_root(nobodys: Path) -> None:
    data = nobodys / "theirs"
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    with spawn(data, user=NOBODY, group=NOBODY, extra_groups=[]) as user:
        assert first_line(user).startswith("ready ")
        user.communicate("\n")
    assert (data / "postgres").stat().st_uid == NOBODY
    assert not EmbeddedPostgres(data).status().running


@as_root
def test_root_runs_another_users_cluster_as_that_user(nobodys: Path) -> None:
    data = nobodys / "theirs"
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    database = EmbeddedPostgres(data)
    with database:
        pid = database.status().pid
        assert Path(f"/proc/{pid}").stat().st_uid == NOBODY


def test_a_second_up_on_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    with hold_up_lock(tmp_path):
        with pytest.raises(Problem, match=f"process {os.getpid()}") as caught, hold_up_lock(tmp_path):
            pass
        assert caught.value.exit_code == 5
    with hold_up_lock(tmp_path):
        pass
