"""What keeps the embedded PostgreSQL from starting: one sentence and an exit code each."""

import os
import subprocess
import sys
import tempfile
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
    assert not EmbeddedPostgres(data).status().running


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
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(bytes(200 * 2**20))
    problem = problem_of(small_disk / "data")
    assert "is full" in problem.message
    assert problem.exit_code == 1


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A place that another user reaches; pytest keeps its own to itself."""
    require_reach(program("postgres"))
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


def require_reach(path: Path) -> None:
    reached = subprocess.run(["test", "-x", path], user=NOBODY, group=NOBODY, check=False)
    if reached.returncode:
        pytest.skip(f"user {NOBODY} may not run {path}: keep it where everybody may read")


@pytest.fixture
def nobodys_python() -> str:
    """An interpreter that another user may run; with our path it finds what we find."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = Path(f"/usr/bin/{version}")
    require_reach(python)
    return str(python)


def spawn_nobody(data: Path, python: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)}
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return spawn(data, python=python, env=environment, **nobody)


@as_root
def test_a_folder_without_permission_is_told(nobodys: Path, nobodys_python: str) -> None:
    with spawn_nobody(nobodys / "data", nobodys_python) as user:
        said = first_line(user)
    assert said.startswith("1 No permission to read and write")
    assert user.returncode == 1


@as_root
def test_it_runs_without_root(nobodys: Path, nobodys_python: str) -> None:
    data = nobodys / "theirs"
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    with spawn_nobody(data, nobodys_python) as user:
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


@as_root
def test_where_user_namespaces_are_forbidden_root_gives_the_cluster_to_nobody(
    nobodys: Path,
) -> None:
    with EmbeddedPostgres(nobodys / "data"):
        assert (nobodys / "data" / "postgres").stat().st_uid == 0
    without_unshare = {"PATH": str(nobodys)}
    with spawn(nobodys / "data", env=without_unshare) as user:
        pid = first_line(user).removeprefix("ready ")
        assert Path(f"/proc/{pid}").stat().st_uid == NOBODY
        user.communicate("\n")
    assert (nobodys / "data" / "postgres").stat().st_uid == NOBODY


def test_a_second_up_on_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    with hold_up_lock(tmp_path):
        with (
            pytest.raises(Problem, match=f"process {os.getpid()}") as caught,
            hold_up_lock(tmp_path),
        ):
            pass
        assert caught.value.exit_code == 5
    with hold_up_lock(tmp_path):
        pass
