"""The data folder: everything that a house keeps on this machine, ``.rooms`` by default."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rooms.platform.problem import ExitCode, Problem

# One of these is in every folder that a house has used, or that somebody prepared for one.
_MARKS: Final = ("start.lock", "up.lock", "postgres", "secrets", "rooms.toml")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


def open_data_folder(data: Path) -> Path:
    """Make the folder where it is missing and give its absolute path.

    Problem (exit code 1) where it is another program's folder, no folder, or not writable.
    """
    data = data.expanduser().absolute()
    with telling_disk_problems(data):
        _make(data)
        data = data.resolve()
        names = {entry.name for entry in data.iterdir()}
        if not os.access(data, os.W_OK | os.X_OK):
            raise no_permission(data)
    if names and not names.intersection(_MARKS):
        raise Problem(
            f"{data} holds other files and is not a data folder of rooms.",
            exit_code=ExitCode.FAILED,
            next_step="name an empty or a new folder: --data DIR",
        )
    return data


def _make(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # a file system that makes no folders, such as /proc
        raise Problem(
            f"No folder can be made at {data}.",
            exit_code=ExitCode.FAILED,
            next_step="name another folder: --data DIR",
        ) from error


def require_space(data: Path, mebibytes: int) -> None:
    """Problem (exit code 1) where less is free than what a start is about to write."""
    if shutil.disk_usage(data).free < mebibytes * 2**20:
        raise disk_full(data, f"at least {mebibytes} MiB are needed")


@contextmanager
def telling_disk_problems(data: Path) -> Iterator[None]:
    """Turn what the file system refuses into a Problem (exit code 1); pass on the rest."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise Problem(
            f"{error.filename or data} is not a folder.",
            exit_code=ExitCode.FAILED,
            next_step="name a folder: --data DIR",
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(data, "nothing more can be written") from error
        if error.errno in _FORBIDDEN:
            raise no_permission(Path(error.filename or data)) from error
        raise


def disk_full(data: Path, why: str) -> Problem:
    """Say that the disk under the data folder is full."""
    return Problem(
        f"The disk under {data} is full: {why}.",
        exit_code=ExitCode.FAILED,
        next_step="free some space, or keep the data on another disk: --data DIR",
    )


def no_permission(path: Path) -> Problem:
    """Say that this user may not read and write there."""
    return Problem(
        f"No permission to read and write {path} (user {os.geteuid()}).",
        exit_code=ExitCode.FAILED,
        next_step="make the folder yours (chown), or name another one: --data DIR",
    )
