"""A command that asks a house is told in words where there is none, or not all of one."""

from pathlib import Path

import pytest

from rooms.platform.postgres import EmbeddedPostgres
from tests.cli.conftest import Rooms

ASKING = (
    ("keno", "stats", "keno-main"),
    ("ledger", "check"),
    ("keno", "game", "pause", "keno-main", "--yes"),
    ("room", "show", "1"),
    ("staff", "token", "Ada"),
)


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_a_folder_without_a_house_is_refused_and_none_is_made_there(
    rooms: Rooms, tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = rooms(*command, "--data", str(tmp_path / "nothing"))

    assert (done.returncode, done.stdout) == (5, "")
    assert "There is no house in" in done.stderr
    assert "Next: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_house_whose_migrations_are_pending_is_refused(rooms: Rooms, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedPostgres(data):
        for command in ASKING[:2]:
            done = rooms(*command, "--data", str(data))

            assert (done.returncode, done.stdout) == (5, ""), command
            lines = [line for line in done.stderr.splitlines() if line]
            assert lines[-1] == "Next: rooms db migrate", command
            assert "Traceback" not in done.stderr
