import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from rooms.platform import migrate
from rooms.platform.postgres import EmbeddedPostgres
from tests.commands import in_words, run_rooms


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    data = tmp_path_factory.mktemp("games") / "data"
    with EmbeddedPostgres(data) as dsn:
        migrate.migrate(dsn.owner)
        yield data


def rooms(data: Path, *arguments: str) -> CompletedProcess[str]:
    return in_words(run_rooms(*arguments, "--data", str(data)))


def told(data: Path, *arguments: str) -> Any:
    ended = rooms(data, *arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_game_is_made_changed_drained_and_resumed(folder: Path) -> None:
    made = told(folder, "keno", "game", "create", "keno-a", "--entropy", "none", "--lead", "2s")
    assert (made["status"], made["terms"]["lead_ms"], made["terms"]["interval_ms"]) == (
        *("RUNNING", 2_000),
        5_000,
    )
    assert made["terms"]["spots"] == list(range(1, 11))

    changed = told(folder, "keno", "game", "set", "keno-a", "--interval", "10s", "--yes")
    assert changed["terms"]["interval_ms"] == 5_000
    assert changed["next_terms"]["interval_ms"] == 10_000
    assert changed["next_terms"]["first_round"] == 121

    assert told(folder, "keno", "game", "drain", "keno-a", "--yes")["status"] == "DRAINING"
    assert told(folder, "keno", "game", "pause", "keno-a", "--yes")["status"] == "PAUSED"
    assert told(folder, "keno", "game", "resume", "keno-a", "--yes")["status"] == "RUNNING"
    listed = told(folder, "keno", "game", "list")
    assert [each["game"] for each in listed["games"]] == ["keno-a"]


def test_a_game_takes_its_entropy_from_the_houses_drand_unless_told_otherwise(
    folder: Path,
) -> None:
    made = told(folder, "keno", "game", "create", "keno-d", "--paytable", "gentle")

    assert made["terms"]["entropy"] == (
        "drand:52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
    )


def test_a_bankroll_is_funded(folder: Path) -> None:
    told(folder, "keno", "game", "fund", "5000", "--yes")

    (bankroll,) = told(folder, "keno", "game", "fund", "7000", "--yes")

    assert (bankroll["funds"], bankroll["exposure"]) == (12_000, 0)


def test_what_cannot_be_done_is_told_with_its_code_and_what_to_do(folder: Path) -> None:
    unknown = rooms(folder, "keno", "game", "pause", "nothing", "--yes")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("E-GAME-UNKNOWN")
    assert "Next:" in unknown.stderr
    unasked = rooms(folder, "keno", "game", "pause", "nothing")
    assert unasked.returncode == 4
    nothing = rooms(folder, "keno", "game", "set", "keno-a", "--yes")
    assert nothing.returncode == 2
    malformed = rooms(folder, "keno", "game", "create", "keno-z", "--interval", "soon")
    assert malformed.returncode == 2
    terms = rooms(folder, "keno", "game", "create", "keno-z", "--interval", "1s")
    assert (terms.returncode, terms.stderr[:12]) == (1, "E-GAME-TERMS")


def test_staff_acts_are_noted_with_their_name(folder: Path) -> None:
    token = told(folder, "staff", "token", "Grace")["token"]

    told(folder, "keno", "game", "create", "keno-g", "--entropy", "none", "--token", token)

    refused = rooms(folder, "keno", "game", "pause", "keno-g", "--yes", "--token", "wrong")
    assert refused.stderr.startswith("E-STAFF")
