"""What the house owed, as rows: statements and their parts. Only added to, later forgotten."""

from collections.abc import Sequence

from rooms.contexts.fairness.domain import NewStatement, Part, StatementRow
from rooms.kernel.money import Asset
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx, array
from rooms.proof.sumtree import SumNode


class StatementStorage:
    """One method is one statement."""

    async def now(self, tx: Tx) -> Instant:
        at: Instant = await tx.value("SELECT date_trunc('milliseconds', clock_timestamp())")
        return at

    async def last_due(self, tx: Tx) -> dict[Asset, Instant]:
        """Give for which time each asset's last statement was due."""
        rows = await tx.fetch("SELECT asset, max(due) FROM fairness.statements GROUP BY asset")
        return {Asset(row[0]): row[1] for row in rows}

    async def add(self, tx: Tx, new: NewStatement) -> int | None:
        """Write a statement; None where somebody has written the one of this time already."""
        number: int | None = await tx.value(
            "INSERT INTO fairness.statements (asset, due, at, size, liabilities, root) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id",
            new.asset,
            new.due,
            new.at,
            new.size,
            new.whole.sum,
            new.whole.hash,
        )
        return number

    async def add_parts(self, tx: Tx, statement: int, parts: Sequence[Part]) -> None:
        for number, part in enumerate(parts):
            await tx.execute(
                "INSERT INTO fairness.statement_parts "
                "(statement_id, number, first, accounts, balances, root, sum) "
                "VALUES ($1, $2, $3, $4::text::bigint[], $5::text::bigint[], $6, $7)",
                statement,
                number,
                part.first,
                array(part.accounts),
                array(part.balances),
                part.whole.hash,
                part.whole.sum,
            )

    async def forget(self, tx: Tx) -> None:
        """Forget the balances of old statements."""
        await tx.execute("SELECT fairness.forget_balances()")

    async def newest(self, tx: Tx, asset: Asset) -> StatementRow | None:
        """Give an asset's newest statement."""
        row = await tx.row(
            """
            SELECT statement.id, statement.asset, statement.at, statement.size,
                   statement.liabilities, statement.root, sequenced.leaf
            FROM fairness.statements AS statement
            LEFT JOIN fairness.pending AS record
              ON record.kind = 'solvency' AND record.at = statement.at
             AND record.fields ->> 'asset' = statement.asset
            LEFT JOIN fairness.sequenced ON pending_id = record.id
            WHERE statement.asset = $1 ORDER BY statement.due DESC LIMIT 1
            """,
            asset,
        )
        return None if row is None else StatementRow(*row)

    async def part_of(self, tx: Tx, statement: int, salt: bytes) -> tuple[int, Part] | None:
        """Give the part in which a salt stands, if it stands in any."""
        row = await tx.row(
            "SELECT number, first, accounts, balances, root, sum FROM fairness.statement_parts "
            "WHERE statement_id = $1 AND first <= $2 ORDER BY number DESC LIMIT 1",
            statement,
            salt,
        )
        return None if row is None else (row["number"], _part(row))

    async def roots(self, tx: Tx, statement: int) -> list[SumNode]:
        """Give the roots of a statement's parts, in their order."""
        rows = await tx.fetch(
            "SELECT root, sum FROM fairness.statement_parts WHERE statement_id = $1 "
            "ORDER BY number",
            statement,
        )
        return [SumNode(*row) for row in rows]


def _part(row: Row) -> Part:
    whole = SumNode(row["root"], row["sum"])
    return Part(row["first"], row["accounts"], row["balances"], whole)
