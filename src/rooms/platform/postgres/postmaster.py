"""The running server: recognised by its pid file, started, awaited, stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from rooms.platform.postgres.cluster import DATABASE, SUPERUSER, Cluster
from rooms.platform.postgres.problem import PostgresProblem
from rooms.platform.postgres.programs import RunAs, run

_POLL_SECONDS: Final = 0.01
_READY_SECONDS: Final = 300.0  # a crash recovery reads up to max_wal_size
_STOP_SECONDS: Final = 60.0
_READY: Final = "ready"


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a server writes about itself into its data directory."""

    pid: int
    port: int
    status: str

    @classmethod
    def read(cls, cluster: Cluster) -> Self | None:
        """Read it; None where no server runs, or where it has only begun to write."""
        try:
            lines = _path(cluster).read_text().splitlines()
            status = lines[7].strip() if len(lines) > 7 else "starting"  # noqa: PLR2004
            return cls(pid=int(lines[0]), port=int(lines[3]), status=status)
        except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
            return None


def find_running(cluster: Cluster) -> PidFile | None:
    """Find the cluster's server, however it came to run, and await that it is ready.

    None where none runs; a pid file left by a crash is then out of the way.
    PostgresProblem where the server is not ours to use.
    """
    found = PidFile.read(cluster)
    if found is None or not _is_alive(found.pid):
        return None
    if not _is_postmaster(found.pid, cluster):
        _disown_pid_file(cluster)
        return None
    ready = await_ready(cluster, found.pid, lambda: _is_alive(found.pid))
    if ready is not None:
        _require_our_password(cluster, ready)
    return ready


def await_ready(cluster: Cluster, pid: int, is_alive: Callable[[], bool]) -> PidFile | None:
    """Wait until the server accepts connections; None when it ended instead."""
    # Until it has written its own, the pid file of a server that crashed may say "ready".
    deadline = time.monotonic() + _READY_SECONDS
    while is_alive():
        state = PidFile.read(cluster)
        if state is not None and state.pid == pid and state.status == _READY:
            return state
        if time.monotonic() > deadline:
            raise PostgresProblem(
                f"PostgreSQL was not ready within {_READY_SECONDS:g} s.",
                next_step=f"read {cluster.log}; a recovery may need more time: try again",
            )
        time.sleep(_POLL_SECONDS)
    return None


def stop(cluster: Cluster, child: subprocess.Popen[bytes] | None) -> None:
    """Shut the server down and wait for its end; transactions that are open are rolled back."""
    running = PidFile.read(cluster)
    if running is None or not is_ours(running, cluster):
        return
    # SIGINT is a fast shutdown; SIGQUIT drops everything, and the next start recovers.
    for order in (signal.SIGINT, signal.SIGQUIT):
        try:
            os.kill(running.pid, order)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if _has_ended(running.pid, cluster, child):
                return
            time.sleep(_POLL_SECONDS)


def _has_ended(pid: int, cluster: Cluster, child: subprocess.Popen[bytes] | None) -> bool:
    if child is not None and child.pid == pid:
        return child.poll() is not None  # asking also buries it: it is a zombie until then
    return not _is_alive(pid) or PidFile.read(cluster) is None


def is_ours(found: PidFile, cluster: Cluster) -> bool:
    """Tell whether the process of a pid file lives and is this cluster's server."""
    return _is_alive(found.pid) and _is_postmaster(found.pid, cluster)


def _path(cluster: Cluster) -> Path:
    return cluster.folder / "postmaster.pid"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postmaster(pid: int, cluster: Cluster) -> bool:
    """Tell our server from another process that was given the same number later."""
    command = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            words = command.read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        listed = subprocess.run(  # noqa: S603 - no shell, a number
            ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        words = listed.stdout.split()
    return words[:1] != [] and "postgres" in words[0] and str(cluster.folder) in " ".join(words)


def _disown_pid_file(cluster: Cluster) -> None:
    """Let PostgreSQL see that the pid file is stale, though its number lives on elsewhere.

    It takes its parent's number for stale, and then still makes sure by the shared memory that
    no survivor of the old server uses the cluster; removing the file would skip that check.
    """
    lines = _path(cluster).read_text().splitlines()
    _path(cluster).write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")


def _require_our_password(cluster: Cluster, running: PidFile) -> None:
    cluster.passwords()
    asked = run(
        RunAs(),
        "psql",
        *("-X", "-w", "-At", "-h", "127.0.0.1", "-p", str(running.port)),
        *("-U", SUPERUSER, "-d", DATABASE, "-c", "SHOW data_directory"),
        seconds=15,
        password_file=cluster.password_file,
    )
    if asked.returncode != 0 or asked.stdout.strip() != str(cluster.folder):
        raise PostgresProblem(
            f"Process {running.pid} serves {cluster.folder} but does not accept our password.",
            next_step=f"stop it (kill -INT {running.pid}), then try again",
        )
