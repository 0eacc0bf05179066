import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import asyncpg
import pytest

from rooms.platform import migrate
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn, EmbeddedPostgres
from rooms.processes.office import reader_of
from tests.commands import in_words, run_rooms


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Dsn]]:
    data = tmp_path_factory.mktemp("ledger") / "data"
    with EmbeddedPostgres(data) as dsn:
        migrate.migrate(dsn.owner)
        yield data, dsn


def ledger(data: Path, *arguments: str) -> CompletedProcess[str]:
    return in_words(run_rooms("ledger", *arguments, "--data", str(data)))


def test_an_account_that_is_not_there_is_refused_in_words(folder: tuple[Path, Dsn]) -> None:
    ended = ledger(folder[0], "explain", "player:404")
    assert ended.returncode == 1
    assert "There is no account 'player:404'" in ended.stderr


async def test_a_journal_that_an_alarm_names_says_what_it_moved(
    folder: tuple[Path, Dsn],
) -> None:
    data, dsn = folder
    owner = await asyncpg.connect(dsn.owner)
    async with owner.transaction():
        world = await owner.fetchval("SELECT ledger.open_account('SOL', 'world', 'test')")
        seven = await owner.fetchval("SELECT ledger.open_account('SOL', 'player', '7')")
        await owner.execute("SELECT ledger.open_movements()")
        await owner.execute(
            "INSERT INTO pg_temp.movements (account_id, amount, kind, ref) "
            "VALUES ($1, -5, 'fund', 'x'), ($2, 5, 'fund', 'x')",
            world,
            seven,
        )
        journal = await owner.fetchval("SELECT ledger.post('fund:7')")
    await owner.close()

    shown = json.loads(ledger(data, "explain", f"journal:{journal}", "--json").stdout)

    assert (shown["journal"]["id"], shown["journal"]["key"]) == (journal, "fund:7")
    moved = {(each["account"], each["amount"], each["balance"]) for each in shown["entries"]}
    assert moved == {("world:test", -5, -5), ("player:7", 5, 5)}
    in_words = ledger(data, "explain", f"journal:{journal}").stdout
    assert "world:test" in in_words
    for unknown in ("journal:404", "journal:" + "9" * 18):
        ended = ledger(data, "explain", unknown)
        assert ended.returncode == 1
        assert f"There is no journal {unknown[8:]}" in ended.stderr


async def spoil(dsn: Dsn) -> int:
    """Do as the owner of the tables what no function of the ledger would."""
    owner = await asyncpg.connect(dsn.owner)
    account: int = await owner.fetchval("SELECT ledger.open_account('SOL', 'player', '8')")
    await owner.execute("UPDATE ledger.accounts SET balance = 5 WHERE id = $1", account)
    await owner.close()
    return account


async def test_a_wrong_balance_is_found_named_and_ends_with_exit_code_three(
    folder: tuple[Path, Dsn],
) -> None:
    data, dsn = folder
    assert ledger(data, "check").returncode == 0
    account = await spoil(dsn)

    ended = ledger(data, "check", "--json")

    assert ended.returncode == 3
    wrong = {each["name"]: each["wrong"] for each in json.loads(ended.stdout)["checks"]}
    assert wrong["every balance is the sum of its entries"] == [
        f"account {account} has 5, its entries sum to 0"
    ]
    assert wrong["every asset sums to zero over all accounts"] == ["SOL sums to 5"]
    assert "Next: " in ended.stderr
    assert ledger(data, "trial-balance").returncode == 3


def test_books_are_read_with_more_patience_than_a_request_has() -> None:
    request = Database("postgresql://rooms", Doorbell()).statement_time_out
    assert reader_of("postgresql://rooms").statement_time_out > 60 * request
