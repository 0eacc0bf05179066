"""Locks between processes on one machine: ``flock`` on a file in the data folder.

The system drops them when their holder ends, however it ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rooms.platform.datafolder import open_data_folder, telling_disk_problems
from rooms.platform.problem import ExitCode, Problem

_POLL_SECONDS: Final = 0.02


class FileLock:
    """One holder's grip on a lock file: shared or exclusive, until ``release``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def try_shared(self) -> bool:
        """Take the lock beside other sharers, unless somebody has it alone."""
        return self._try(fcntl.LOCK_SH)

    def try_alone(self) -> bool:
        """Take the lock alone, unless anybody else has it; a shared grip becomes exclusive."""
        return self._try(fcntl.LOCK_EX)

    def wait_alone(self, seconds: float) -> bool:
        """Take the lock alone as soon as it is free; False when it was not free in time."""
        deadline = time.monotonic() + seconds
        while not self.try_alone():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def read(self) -> str:
        """Give what the last holder wrote about itself."""
        return os.pread(self._handle, 100, 0).decode(errors="replace").strip()

    def write(self, text: str) -> None:
        """Leave a word about the holder for those who find the lock taken."""
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, text.encode(), 0)

    def release(self) -> None:
        """Let go. The file stays: removing it would let two holders lock two files."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _try(self, operation: int) -> bool:
        try:
            fcntl.flock(self._handle, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def hold_up_lock(data: Path) -> Iterator[None]:
    """Be the one ``rooms up`` of a data folder; Problem (exit code 5) for a second one."""
    data = open_data_folder(data)
    with telling_disk_problems(data), FileLock(data / "up.lock") as lock:
        if not lock.try_alone():
            raise Problem(
                f"`rooms up` already runs on {data} (process {lock.read() or 'unknown'}).",
                exit_code=ExitCode.DEPENDENCY_DOWN,
                next_step="stop it, or give this one another folder: rooms up --data DIR",
            )
        lock.write(str(os.getpid()))
        yield


def up_process(data: Path) -> str | None:
    """Give the number of the process that runs ``rooms up`` on a folder; None where none does."""
    if not (data / "up.lock").is_file():
        return None
    with FileLock(data / "up.lock") as lock:
        return None if lock.try_alone() else lock.read()
