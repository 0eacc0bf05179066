import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from rooms.platform import migrate
from rooms.platform.postgres import Dsn, EmbeddedPostgres


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[Path, Dsn]]:
    with EmbeddedPostgres(tmp_path / "data") as dsn:
        migrate.migrate(dsn.owner)
        yield tmp_path / "data", dsn


def ledger(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rooms", "ledger", *arguments, "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
    )


async def spoil(dsn: Dsn) -> None:
    """Do as the owner of the tables what no function of the ledger would."""
    owner = await asyncpg.connect(dsn.owner)
    await owner.execute("SELECT ledger.open_account('SOL', 'player', '7')")
    await owner.execute("UPDATE ledger.accounts SET balance = 5 WHERE owner = '7'")
    await owner.close()


async def test_a_wrong_balance_is_found_named_and_ends_with_exit_code_three(
    folder: tuple[Path, Dsn],
) -> None:
    data, dsn = folder
    assert ledger(data, "check").returncode == 0
    await spoil(dsn)

    ended = ledger(data, "check", "--json")

    assert ended.returncode == 3
    wrong = {each["name"]: each["wrong"] for each in json.loads(ended.stdout)["checks"]}
    assert wrong["every balance is the sum of its entries"] == [
        "account 1 has 5, its entries sum to 0"
    ]
    assert wrong["every asset sums to zero over all accounts"] == ["SOL sums to 5"]
    assert "Next: " in ended.stderr
    assert ledger(data, "trial-balance").returncode == 3


def test_an_account_that_is_not_there_is_refused_in_words(folder: tuple[Path, Dsn]) -> None:
    ended = ledger(folder[0], "explain", "player:404")
    assert ended.returncode == 1
    assert "There is no account 'player:404'" in ended.stderr
