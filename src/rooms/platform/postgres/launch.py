"""Start the server, with less memory or on another port where it must be."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from typing import Final

from rooms.platform.postgres.cluster import Cluster
from rooms.platform.postgres.postmaster import await_ready
from rooms.platform.postgres.problem import PostgresProblem, problem_from_output
from rooms.platform.postgres.programs import RunAs, clean_environment, program, unreachable

_MEMORY: Final = ("256MB", "64MB", "16MB")
_PORT_TRIES: Final = 5
_POLL_SECONDS: Final = 0.2
_SURVIVOR_SECONDS: Final = 15.0
_LARGEST_LOG: Final = 16 * 2**20
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # pglz, the only one that the package has, costs more time than the bytes that it saves.
    "wal_compression": "off",
    "min_wal_size": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_connections": "200",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # What a statement is refused is told to who sent it; players must not fill this log with it.
    "log_min_messages": "log",
}


def launch(cluster: Cluster, who: RunAs, port: int | None) -> subprocess.Popen[bytes]:
    """Start the cluster's server and wait until it is ready; on a free port where none is given.

    PostgresProblem where it cannot.
    """
    memory = iter(_MEMORY)
    buffers = next(memory)
    ports_left = _PORT_TRIES
    survivors_until = time.monotonic() + _SURVIVOR_SECONDS
    while True:
        chosen = {"shared_buffers": buffers, "port": str(port or _free_port())}
        server, said = _try_once(cluster, who, chosen)
        if server is not None:
            return server
        if "Address already in use" in said and ports_left > 0:
            ports_left -= 1
            time.sleep(_POLL_SECONDS)
        elif "shared memory block" in said and time.monotonic() < survivors_until:
            # Backends of a server that was killed see its death within a moment, and end.
            time.sleep(_POLL_SECONDS)
        elif "Cannot allocate memory" in said and (smaller := next(memory, None)):
            buffers = smaller
        else:
            raise problem_from_output("Starting PostgreSQL", said, cluster.data)


def _try_once(
    cluster: Cluster, who: RunAs, chosen: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes] | None, str]:
    """Give the server once it is ready, or None and what it said before it ended."""
    _turn_log(cluster)
    with cluster.log.open("ab") as log:
        begin = log.tell()
        server = _spawn(cluster, who, chosen, log.fileno())
    try:
        ready = await_ready(cluster, server.pid, lambda: server.poll() is None)
    except PostgresProblem:
        server.terminate()
        raise
    if ready is not None:
        return server, ""
    with cluster.log.open("rb") as written:
        written.seek(begin)
        return None, written.read(2**16).decode(errors="replace")


def _spawn(
    cluster: Cluster, who: RunAs, chosen: Mapping[str, str], log: int
) -> subprocess.Popen[bytes]:
    settings = {**_SETTINGS, **chosen}
    flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    try:
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            [*who.prefix, str(program("postgres")), "-D", str(cluster.folder), *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=clean_environment(),
            cwd="/",
            # A Ctrl-C in the terminal is for the house, which then stops its server in order.
            start_new_session=True,
            **who.process_arguments(),
        )
    except PermissionError as error:
        raise unreachable(who) from error


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _turn_log(cluster: Cluster) -> None:
    """Keep one earlier log once the present one has grown large."""
    if cluster.log.exists() and cluster.log.stat().st_size > _LARGEST_LOG:
        os.replace(cluster.log, cluster.log.with_suffix(".log.1"))  # noqa: PTH105
