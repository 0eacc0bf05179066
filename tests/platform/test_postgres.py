"""The embedded PostgreSQL: who may do what, who keeps it running, what survives a kill."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rooms.platform.postgres import EmbeddedPostgres, PostgresProblem, use_database
from rooms.platform.settings import DatabaseSettings
from tests.platform.postgres_users import another_user, first_line, spawn


async def ask(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def pid_of(data: Path) -> int:
    pid = EmbeddedPostgres(data).status().pid
    assert pid is not None
    return pid


async def test_the_first_start_makes_three_roles_that_are_no_superusers(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "new") as dsn:
        for url, role in ((dsn.owner, "owner"), (dsn.app, "app"), (dsn.reader, "reader")):
            assert await ask(url, "SELECT current_user") == f"rooms_{role}"
            assert await ask(url, "SELECT current_setting('is_superuser')") == "off"
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'rooms'"
        assert await ask(dsn.app, owner) == "rooms_owner"


async def test_only_the_application_may_make_temporary_tables_and_nobody_public_ones(
    data: Path,
) -> None:
    with EmbeddedPostgres(data) as dsn:
        await ask(dsn.app, "CREATE TEMPORARY TABLE movements (amount bigint)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(dsn.reader, "CREATE TEMPORARY TABLE movements (amount bigint)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(dsn.app, "CREATE TABLE public.mine (amount bigint)")


async def test_a_wrong_password_is_refused(data: Path) -> None:
    with EmbeddedPostgres(data) as dsn:
        _, _, address = dsn.app.partition("@")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(f"postgresql://rooms_app:guess@{address}", "SELECT 1")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("max_connections", "200"),
        ("wal_segment_size", "4MB"),
    ],
)
async def test_the_server_keeps_what_it_acknowledges(
    running: EmbeddedPostgres, setting: str, value: str
) -> None:
    assert await ask(running.dsn().app, f"SELECT current_setting('{setting}')") == value


@pytest.fixture(scope="module")
def running(made_cluster: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    copy = tmp_path_factory.mktemp("running") / "data"
    database = EmbeddedPostgres(Path(shutil.copytree(made_cluster, copy)))
    with database:
        yield database


def test_the_last_one_out_turns_off_the_light(data: Path) -> None:
    ours = EmbeddedPostgres(data)
    with another_user(data) as (other, pid):
        ours.enter()
        other.communicate("\n")
        assert ours.status().pid == pid
    ours.leave()
    assert not ours.status().running


def test_two_users_in_one_process_are_two_users(data: Path) -> None:
    first, second = EmbeddedPostgres(data), EmbeddedPostgres(data)
    first.enter()
    second.enter()
    first.leave()
    pid = second.status().pid
    assert pid is not None
    second.leave()
    assert not second.status().running
    with pytest.raises(ChildProcessError):  # nobody is left to bury
        os.waitpid(pid, os.WNOHANG)


def test_two_first_starts_at_once_make_one_server(tmp_path: Path) -> None:
    with spawn(tmp_path / "new") as one, spawn(tmp_path / "new") as two:
        said = {first_line(one), first_line(two)}
        assert len(said) == 1
        assert said.pop().startswith("ready ")
        one.communicate("\n")
        two.communicate("\n")
    assert not EmbeddedPostgres(tmp_path / "new").status().running


def test_a_server_whose_parent_was_killed_is_adopted(data: Path) -> None:
    with another_user(data) as (parent, pid):
        parent.kill()
        parent.wait()
        database = EmbeddedPostgres(data)
        assert database.status().pid == pid
        database.enter()
        assert database.status().pid == pid
        database.leave()
    assert not database.status().running


async def test_what_was_committed_survives_the_death_of_everything(data: Path) -> None:
    with another_user(data) as (parent, pid):
        url = EmbeddedPostgres(data).dsn().owner
        await ask(url, "CREATE TABLE public.kept AS SELECT 7 AS number")
        parent.kill()
        os.kill(pid, signal.SIGKILL)
        parent.wait()
    with EmbeddedPostgres(data) as dsn:
        assert await ask(dsn.owner, "SELECT number FROM public.kept") == 7
        assert pid_of(data) != pid


def test_a_pid_file_whose_number_another_process_has_now_is_no_obstacle(data: Path) -> None:
    pid_file = data / "postgres" / "postmaster.pid"
    with another_user(data) as (parent, pid):
        left = pid_file.read_text()
        parent.kill()
        os.kill(pid, signal.SIGKILL)
        parent.wait()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as stranger:
        pid_file.write_text(left.replace(str(pid), str(stranger.pid)))
        with EmbeddedPostgres(data):
            assert pid_of(data) not in {pid, stranger.pid}
        assert stranger.poll() is None


def test_the_server_is_in_a_session_of_its_own_so_that_ctrl_c_passes_it_by(data: Path) -> None:
    with EmbeddedPostgres(data):
        assert os.getsid(pid_of(data)) != os.getsid(0)


def test_no_password_is_seen_in_the_process_list_the_log_or_a_repr(data: Path) -> None:
    with EmbeddedPostgres(data) as dsn:
        lines = (data / "secrets" / "postgres" / "pgpass").read_text().split()
        passwords = [line.rpartition(":")[2] for line in lines]
        listed = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
        seen = listed + (data / "postgres.log").read_text() + repr(dsn)
        assert len(set(passwords)) == 4
        assert not [password for password in passwords if password in seen]


def test_secrets_are_readable_by_their_owner_only(data: Path) -> None:
    assert (data / "secrets").stat().st_mode & 0o077 == 0
    assert (data / "secrets" / "postgres" / "pgpass").stat().st_mode & 0o077 == 0


def test_a_first_start_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n")
    (tmp_path / "start.lock").touch()
    with EmbeddedPostgres(tmp_path) as dsn:
        assert dsn.app.startswith("postgresql://rooms_app:")
    assert not (tmp_path / "postgres.new").exists()


def test_an_address_of_the_users_own_leaves_the_embedded_server_alone(tmp_path: Path) -> None:
    own = DatabaseSettings.model_validate({"url": "postgresql://me@db/rooms"})
    with use_database(tmp_path, own) as dsn:
        assert dsn.app == dsn.owner == "postgresql://me@db/rooms"
    assert list(tmp_path.iterdir()) == []


def test_asking_for_the_address_does_not_start_it(data: Path) -> None:
    with pytest.raises(PostgresProblem, match="is not running"):
        EmbeddedPostgres(data).dsn()
    assert not EmbeddedPostgres(data).status().running
