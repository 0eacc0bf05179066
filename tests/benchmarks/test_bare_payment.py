"""What a settlement is held against writes the rows that the settlement wrote."""

from pathlib import Path

from benchmarks.bare_payment import BarePayment
from benchmarks.lab import Extent, Lab
from benchmarks.server import Server
from benchmarks.stage import OWNER
from benchmarks.stock import FUND, stock_players
from tests import conftest

PLAYERS = 20


async def test_a_bare_payment_pays_whom_the_journal_paid_as_much_twice(
    server: conftest.Server, tmp_path: Path
) -> None:
    lab = Lab(Server(server.superuser), tmp_path, Extent(), {})
    await lab.server.make_database("bare")
    async with lab.connected("bare", OWNER) as owner:
        first = await stock_players(owner, PLAYERS)
        bare = BarePayment(owner)
        await bare.prepare()

        milliseconds = await bare.pay_as(f"fund:{first}-{first + PLAYERS - 1}")

        async with owner.snapshot() as tx:
            entries = await tx.fetch("SELECT amount, balance FROM bare.entries ORDER BY id")
            balances = await tx.fetch("SELECT balance FROM bare.accounts WHERE kind = 'player'")
    await lab.server.drop_databases()
    assert milliseconds > 0
    once, twice = [(FUND, 2 * FUND)] * PLAYERS, [(FUND, 3 * FUND)] * PLAYERS
    assert [tuple(entry) for entry in entries] == [*once, *twice]
    assert [row["balance"] for row in balances] == [3 * FUND] * PLAYERS
