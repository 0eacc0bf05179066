"""The launcher `./rooms`: what it installs and when, on a small project of its own.

The small project's locks are empty, so that nothing is fetched; its command prints where it was
called and with what.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ECHO: Final = "import os, sys; print(os.getcwd(), sys.argv[1:])\n"


class Project:
    """A clone with a launcher, two locks and a command."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.venv = root / ".venv"

    def run(
        self, *arguments: str, cwd: Path | None = None, path: str = os.environ["PATH"]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / "rooms"), *arguments],
            cwd=cwd or self.root,
            env={"PATH": path, "HOME": str(self.root)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def lock(self, name: str, text: str) -> None:
        (self.root / "requirements" / f"{name}.txt").write_text(text)


def make_project(root: Path) -> Project:
    (root / "requirements").mkdir(parents=True)
    (root / "src" / "rooms").mkdir(parents=True)
    shutil.copy(ROOT / "rooms", root / "rooms")
    (root / "src" / "rooms" / "__main__.py").write_text(ECHO)
    project = Project(root)
    project.lock("run", "# empty\n")
    project.lock("test", "# empty\n")
    return project


Ended = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def first_starts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[Ended]]:
    """Start a new clone twice at once; all other tests use what came of it."""
    project = make_project(tmp_path_factory.mktemp("launcher") / "a clone")
    with ThreadPoolExecutor() as both:
        return project, list(both.map(project.run, ("x", "x")))


@pytest.fixture(scope="module")
def installed(first_starts: tuple[Project, list[Ended]]) -> Project:
    return first_starts[0]


@pytest.fixture
def project(installed: Project, tmp_path: Path) -> Project:
    """An installed project, in another place than where it was installed."""
    return Project(Path(shutil.copytree(installed.root, tmp_path / "moved here", symlinks=True)))


def python_that(folder: Path, condition: str) -> str:
    """Give a PATH whose only Python fails where a program contains ``condition``."""
    real = Path(sys.executable).resolve()  # not the virtual environment's own name for it
    folder.mkdir()
    for tool in ("readlink", "dirname", "cmp", "mkdir", "rm", "cp", "mv", "cat"):
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    fake = folder / "python3"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *"{condition}"*) exit 1 ;; esac\nexec "{real}" "$@"\n'
    )
    fake.chmod(0o755)
    return str(folder)


def test_an_ordinary_start_installs_nothing_and_runs_the_command_where_it_was_called(
    project: Project, tmp_path: Path
) -> None:
    # Without pip an installation would fail.
    shutil.rmtree(next(project.venv.glob("lib/python*/site-packages/pip")))
    ended = project.run("db", "--data", "a b", cwd=tmp_path)
    assert ended.stdout == f"{tmp_path} ['db', '--data', 'a b']\n"
    assert (ended.returncode, ended.stderr) == (0, "")


def test_it_is_found_through_a_link(project: Project, tmp_path: Path) -> None:
    (tmp_path / "rooms").symlink_to(project.root / "rooms")
    ended = subprocess.run(
        [tmp_path / "rooms", "x"], cwd="/", capture_output=True, text=True, check=False
    )
    assert ended.stdout == "/ ['x']\n"


def test_a_changed_lock_is_installed_once(project: Project) -> None:
    project.lock("run", "# changed\n")
    first, second = project.run("x"), project.run("x")
    assert "installing requirements/run.txt" in first.stderr
    assert "making .venv" not in first.stderr
    assert second.stderr == ""


def test_an_installation_that_was_cut_off_is_not_trusted(project: Project) -> None:
    (project.venv / "unfinished").touch()
    (project.venv / "run.installed").unlink()
    half = next(project.venv.glob("lib/python*/site-packages")) / "half.py"
    half.touch()
    ended = project.run("x")
    assert ended.returncode == 0
    assert "making .venv" in ended.stderr
    assert not half.exists()
    assert not (project.venv / "unfinished").exists()


def test_two_first_starts_at_once_install_once(first_starts: tuple[Project, list[Ended]]) -> None:
    project, ended = first_starts
    assert [each.stdout for each in ended] == [f"{project.root} ['x']\n"] * 2
    assert sum("making .venv" in each.stderr for each in ended) == 1


def test_a_requirement_without_a_hash_is_refused(project: Project) -> None:
    project.lock("run", "rich==15.0.0\n")
    ended = project.run("x")
    assert ended.returncode == 1
    assert "installing requirements/run.txt failed" in ended.stderr
    assert "Next: " in ended.stderr
    assert ended.stdout == ""
    project.lock("run", "# empty\n")
    assert project.run("x").stdout.endswith("['x']\n")


def test_without_a_new_enough_python_one_sentence_says_so(tmp_path: Path) -> None:
    path = python_that(tmp_path / "bin", "version_info")
    ended = make_project(tmp_path / "clone").run("x", path=path)
    assert ended.returncode == 5
    assert ended.stderr.startswith("rooms: no Python 3.11 or newer was found.\nNext: install")


def test_without_ensurepip_one_sentence_names_the_package(tmp_path: Path) -> None:
    path = python_that(tmp_path / "bin", "import ensurepip")
    ended = make_project(tmp_path / "clone").run("x", path=path)
    assert ended.returncode == 5
    assert "(no ensurepip)" in ended.stderr
    assert "-venv, or install uv" in ended.stderr


def test_the_tests_have_a_lock_of_their_own_and_run_in_the_projects_root(
    project: Project, tmp_path: Path
) -> None:
    packages = next(project.venv.glob("lib/python*/site-packages"))
    (packages / "pytest.py").write_text(ECHO)
    ended = project.run("test", "-k", "a b", cwd=tmp_path)
    assert ended.stdout == f"{project.root} ['-k', 'a b']\n"
    assert "installing requirements/test.txt" in ended.stderr
    assert "installing requirements/run.txt" not in ended.stderr
