"""A PostgreSQL whose clock can be set: its own time is libfaketime's, read from a file."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rooms.platform import migrate
from rooms.platform.postgres import EmbeddedPostgres, launch, postmaster, programs
from rooms.platform.postgres.cluster import Cluster
from rooms.platform.postgres.postmaster import PidFile
from tests.torture.running import Server, own_server

INSTALL: Final = "apt-get install --no-install-recommends libfaketime"


@dataclass(frozen=True, slots=True)
class FakeClock:
    """The clock of all processes that were started with ``environment``.

    Only the time of day is set; what counts the time since then goes on. Processes read the file
    about once a second: PostgreSQL asks for the time in handlers of signals, where a file should
    seldom be read.
    """

    file: Path
    library: Path

    def set(self, seconds: float) -> None:
        """Let the time be so much later than it is; earlier, where it is negative."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+.3f}\n")
        new.chmod(0o644)
        new.replace(self.file)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process live by this clock."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
        }


def find_library(name: str) -> Path | None:
    """Find one of the libraries of Debian's package libfaketime."""
    return next((path for folder in LIBRARY_FOLDERS if (path := folder / name).exists()), None)


LIBRARY_FOLDERS: Final = (
    Path("/usr/lib/x86_64-linux-gnu/faketime"),
    Path("/usr/lib/aarch64-linux-gnu/faketime"),
    Path("/usr/lib/faketime"),
)
FOR_THREADS: Final = "libfaketimeMT.so.1"
FOR_SIGNALS: Final = "libfaketime.so.1"
"""Without the lock that a signal's handler could wait for: PostgreSQL reads its clock there."""


def fake_clock(folder: Path, name: str, library: str) -> FakeClock | None:
    """Make a clock that goes right until it is set; None where libfaketime is not installed."""
    found = find_library(library)
    if found is None:
        return None
    clock = FakeClock(folder / name, found)
    clock.set(0)
    return clock


@contextmanager
def server_with(clock: FakeClock | None) -> Iterator[Server]:
    """Start a migrated PostgreSQL that lives by this clock, or by the machine's."""
    if clock is None:
        with own_server() as server:
            yield server
        return
    with tempfile.TemporaryDirectory(prefix="rooms-torture-") as folder:
        data = Path(folder)
        with EmbeddedPostgres(data) as dsn:
            migrate.migrate(dsn.owner)
        cluster = Cluster(data.resolve())
        child, running = _start(cluster, clock)
        try:
            postgres = EmbeddedPostgres(data)
            assert running.port == postgres.status().port
            yield Server(postgres.dsn(), data, postgres)
        finally:
            postmaster.stop(cluster, child)


def _start(cluster: Cluster, clock: FakeClock) -> tuple[subprocess.Popen[bytes], PidFile]:
    """Start the server as the house does, but by another clock and for nobody's safety."""
    who = programs.run_as(cluster.data, cluster.folder)
    settings = {**launch._SETTINGS, "port": str(launch._free_port()), "fsync": "off"}
    flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with cluster.log.open("ab") as log:
        child = subprocess.Popen(
            [*who.prefix, str(programs.program("postgres")), "-D", str(cluster.folder), *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=programs.clean_environment() | clock.environment,
            cwd=os.sep,
            start_new_session=True,
            **who.process_arguments(),
        )
    running = postmaster.await_ready(cluster, child.pid, lambda: child.poll() is None)
    assert running is not None, f"PostgreSQL did not start: see {cluster.log}"
    return child, running
