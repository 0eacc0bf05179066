"""The cluster on disk: how it is made, and whether it is one that we can run."""

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

from rooms.platform.datafolder import require_space
from rooms.platform.postgres.problem import PostgresProblem, problem_from_output
from rooms.platform.postgres.programs import MAJOR_VERSION, RunAs, run

SUPERUSER: Final = "postgres"
OWNER: Final = "rooms_owner"
APP: Final = "rooms_app"
READER: Final = "rooms_reader"
DATABASE: Final = "rooms"
_ROLES: Final = (SUPERUSER, OWNER, APP, READER)
_FIRST_START_MEBIBYTES: Final = 300
_START_MEBIBYTES: Final = 64
_WAL_MEGABYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster and its passwords are."""

    data: Path

    @property
    def folder(self) -> Path:
        """The folder that PostgreSQL calls its data directory."""
        return self.data / "postgres"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data / "postgres.log"

    @property
    def password_file(self) -> Path:
        """Each role's password, in the form that libpq reads (PGPASSFILE)."""
        return self.data / "secrets" / "postgres" / "pgpass"

    def passwords(self) -> Mapping[str, str]:
        """Read each role's password. PostgresProblem where they were lost."""
        try:
            lines = self.password_file.read_text().split()
        except FileNotFoundError as error:
            raise PostgresProblem(
                f"The passwords of the database are missing: {self.password_file}.",
                next_step="restore that file from a backup, or begin anew with --data DIR",
            ) from error
        return {role: password for _, _, _, role, password in (line.split(":") for line in lines)}


def ensure_cluster(cluster: Cluster, who: RunAs) -> None:
    """Make the cluster where there is none; PostgresProblem where it is not one of ours."""
    if not cluster.folder.exists():
        require_space(cluster.data, _FIRST_START_MEBIBYTES)
        _make(cluster, who)
    require_space(cluster.data, _START_MEBIBYTES)
    try:
        version = (cluster.folder / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PostgresProblem(
            f"{cluster.folder} is not a data folder of PostgreSQL.",
            next_step="move it away, or name another folder: --data DIR",
        ) from error
    if version != MAJOR_VERSION:
        raise PostgresProblem(
            f"The data in {cluster.folder} is of PostgreSQL {version};"
            f" this program runs PostgreSQL {MAJOR_VERSION}.",
            next_step=f"start the program that made it, or move it with pg_upgrade to"
            f" {MAJOR_VERSION}; --data DIR begins anew",
        )


def _make(cluster: Cluster, who: RunAs) -> None:
    """Build the cluster beside its place and move it there whole, so a crash leaves no half."""
    passwords = _make_passwords(cluster)
    folder = cluster.folder.with_name("postgres.new")
    password_file = cluster.folder.with_name("postgres.new.password")
    shutil.rmtree(folder, ignore_errors=True)
    password_file.unlink(missing_ok=True)
    folder.mkdir(mode=0o700)
    try:
        _write_secret(password_file, passwords[SUPERUSER])
        who.own(folder)
        who.own(password_file)
        _initdb(cluster, who, folder, password_file)
        _make_roles(cluster, who, folder, passwords)
        _checked("initdb", run(who, "initdb", "--sync-only", "-D", str(folder)), cluster)
        folder.rename(cluster.folder)
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _initdb(cluster: Cluster, who: RunAs, folder: Path, password_file: Path) -> None:
    ended = run(
        who,
        "initdb",
        f"--pgdata={folder}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        # A commit that needs a new file waits until it is filled with zeros, all others with it.
        f"--wal-segsize={_WAL_MEGABYTES}",
        "--no-instructions",
        "--no-sync",  # everything is synced once, when the roles are there too
    )
    _checked("initdb", ended, cluster)


def _make_roles(cluster: Cluster, who: RunAs, folder: Path, passwords: Mapping[str, str]) -> None:
    """Create roles and database without a server; each line of ``given`` is one statement."""
    logins = [f"CREATE ROLE {role} LOGIN PASSWORD '{passwords[role]}';" for role in _ROLES[1:]]
    statements = [
        # A failing statement is printed; no password may stand in what is printed.
        "SET log_min_error_statement = 'panic';",
        *logins,
        "REVOKE ALL ON DATABASE postgres FROM PUBLIC;",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template1;",
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}, {READER};",
        f"GRANT TEMPORARY ON DATABASE {DATABASE} TO {APP};",
    ]
    # The schema is emptied of rights in the template, from which the database is copied.
    arguments = ("--single", "-F", "-c", "exit_on_error=on", "-D", str(folder), "template1")
    ended = run(who, "postgres", *arguments, given="\n".join(statements) + "\n")
    _checked("creating the roles", ended, cluster)


def _checked(what: str, ended: CompletedProcess[str], cluster: Cluster) -> None:
    if ended.returncode != 0:
        raise problem_from_output(what, ended.stdout, cluster.data)


def _make_passwords(cluster: Cluster) -> Mapping[str, str]:
    """Make the passwords, or keep those of a start that was cut off."""
    if not cluster.password_file.exists():
        for folder in (cluster.password_file.parent.parent, cluster.password_file.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        lines = [f"127.0.0.1:*:*:{role}:{secrets.token_urlsafe(24)}\n" for role in _ROLES]
        _write_secret(cluster.password_file, "".join(lines))
    return cluster.passwords()


def _write_secret(path: Path, text: str) -> None:
    """Write a file that only we can read, whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
