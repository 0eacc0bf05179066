"""Who uses the embedded server, and when it stops: the last one out turns off the light.

Two lock files decide. ``start.lock`` is held alone while somebody starts or stops; ``users.lock``
is shared by all who use the server, and the system drops a user's share however the user ends.
In it stands the port by which its users know the server: one that died is started again there.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from rooms.platform.datafolder import open_data_folder, telling_disk_problems
from rooms.platform.filelock import FileLock
from rooms.platform.postgres.cluster import APP, DATABASE, OWNER, READER, Cluster, ensure_cluster
from rooms.platform.postgres.launch import launch
from rooms.platform.postgres.postmaster import PidFile, find_running, is_ours, stop
from rooms.platform.postgres.problem import PostgresProblem
from rooms.platform.postgres.programs import run_as

_TURN_SECONDS: Final = 330.0  # longer than another's start may take

# Servers that we started and left to others: a Popen that is dropped warns of a lost child.
_OUTLIVING: Final[list[subprocess.Popen[bytes]]] = []


@dataclass(frozen=True, slots=True)
class Dsn:
    """Addresses of the database with their passwords, one per role."""

    owner: str = field(repr=False)
    app: str = field(repr=False)
    reader: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PostgresStatus:
    """What can be said about the embedded server without starting it."""

    made: bool
    running: bool
    pid: int | None = None
    port: int | None = None


class EmbeddedPostgres:
    """The PostgreSQL of one data folder; each user enters, and leaves when done.

    Blocking: call it before the event loop runs, or in a thread. One instance is one user.
    """

    def __init__(self, data: Path) -> None:
        self._cluster = Cluster(data.expanduser().resolve())
        self._share: FileLock | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def enter(self) -> Dsn:
        """Become a user: adopt the server that runs, or start it, making the cluster first.

        Problem: exit code 1 for the disk and permissions, 5 for data of another version, a
        server that is not ours, or one that does not start.
        """
        assert self._share is None, "already entered"
        data = open_data_folder(self._cluster.data)
        with telling_disk_problems(data), self._turn():
            share = FileLock(data / "users.lock")
            try:
                if share.try_alone():
                    share.write("")  # nobody is left who knows a port
                free = share.try_shared()
                assert free, "users.lock is held alone only under start.lock"
                dsn = self._dsn(self._running_or_started(share).port)
            except BaseException:
                if self._child is not None:  # nobody else can use what we have just started
                    stop(self._cluster, self._child)
                    self._child = None
                share.release()
                raise
            self._share = share
            return dsn

    def start_again(self) -> bool:
        """Start the server where it has ended though it has users; say whether it had.

        Problem as for ``enter``.
        """
        assert self._share is not None, "only a user knows that it should run"
        # Asking buries our own child, which would pass for a living process until then.
        if self._child is not None and self._child.poll() is None:
            return False
        found = PidFile.read(self._cluster)
        if found is not None and is_ours(found, self._cluster):
            return False
        with telling_disk_problems(self._cluster.data), self._turn():
            self._running_or_started(self._share)
        return True

    def leave(self) -> None:
        """Stop being a user; the last one stops the server and waits for its end."""
        if self._share is None:
            return
        try:
            with self._turn():
                if self._share.try_alone():
                    stop(self._cluster, self._child or _outliving(self._cluster))
                elif self._child is not None:
                    _OUTLIVING.append(self._child)
        finally:
            self._share.release()
            self._share, self._child = None, None
            _bury_outliving()

    def status(self) -> PostgresStatus:
        """Look without starting anything."""
        made = (self._cluster.folder / "PG_VERSION").exists()
        found = PidFile.read(self._cluster)
        if found is None or not is_ours(found, self._cluster):
            return PostgresStatus(made=made, running=False)
        return PostgresStatus(made=made, running=True, pid=found.pid, port=found.port)

    def dsn(self) -> Dsn:
        """Give the addresses of the running server. PostgresProblem where it does not run."""
        status = self.status()
        if status.port is None:
            raise PostgresProblem(
                f"The database in {self._cluster.data} is not running.",
                next_step="start the house: rooms up",
            )
        with telling_disk_problems(self._cluster.data):
            return self._dsn(status.port)

    def __enter__(self) -> Dsn:
        return self.enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def _running_or_started(self, share: FileLock) -> PidFile:
        who = run_as(self._cluster.data, self._cluster.folder)
        ensure_cluster(self._cluster, who)
        running, known = find_running(self._cluster), share.read()
        if running is None:
            self._child = launch(self._cluster, who, int(known) if known.isdigit() else None)
            running = PidFile.read(self._cluster)
        assert running is not None, "a ready server has its pid file"
        if known != str(running.port):
            share.write(str(running.port))
        return running

    def _turn(self) -> FileLock:
        turn = FileLock(self._cluster.data / "start.lock")
        if not turn.wait_alone(_TURN_SECONDS):
            turn.release()
            raise PostgresProblem(
                f"Another process has been starting or stopping PostgreSQL in"
                f" {self._cluster.data} for {_TURN_SECONDS:g} s.",
                next_step="look for a rooms process that hangs, end it, then try again",
            )
        return turn

    def _dsn(self, port: int) -> Dsn:
        passwords = self._cluster.passwords()
        owner, app, reader = (
            f"postgresql://{role}:{passwords[role]}@127.0.0.1:{port}/{DATABASE}"
            for role in (OWNER, APP, READER)
        )
        return Dsn(owner=owner, app=app, reader=reader)


def _outliving(cluster: Cluster) -> subprocess.Popen[bytes] | None:
    """Give the server as the child that another user in this process has left to the others."""
    running = PidFile.read(cluster)
    pid = None if running is None else running.pid
    return next((child for child in _OUTLIVING if child.pid == pid), None)


def _bury_outliving() -> None:
    """Bury our children among the servers that others have stopped since."""
    _OUTLIVING[:] = [child for child in _OUTLIVING if child.poll() is None]
