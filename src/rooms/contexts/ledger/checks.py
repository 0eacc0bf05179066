"""Re-sums everything: what ``rooms ledger check`` runs. Nothing here believes a stored total."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rooms.platform.database import Tx


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: how many rows it read and the first rows that are wrong (none is good)."""

    name: str
    checked: int
    wrong: list[str]


# Entries are grouped and sorted by the million, in memory as far as it reaches.
WORK_MEMORY: Final = "256MB"

# Each statement gives the number of things checked and the first wrong ones in words.
CHECKS: Final = {
    "every journal sums to zero in each asset": """
        SELECT count(*) AS checked, (array_agg('journal ' || journal_id || ' ' || asset ||
            ' sums to ' || total) FILTER (WHERE total <> 0))[1:20] AS wrong
        FROM (SELECT journal_id, asset, sum(amount) AS total
              FROM ledger.entries GROUP BY journal_id, asset) AS journal
    """,
    "every balance is the sum of its entries": """
        SELECT count(*) AS checked, (array_agg('account ' || id || ' has ' || balance ||
            ', its entries sum to ' || total) FILTER (WHERE balance <> total))[1:20] AS wrong
        FROM (SELECT account.id, account.balance, coalesce(entry.total, 0) AS total
              FROM ledger.accounts AS account
              LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger.entries
                         GROUP BY account_id) AS entry ON entry.account_id = account.id
             ) AS account
    """,
    "every entry follows from the one before it": """
        SELECT count(*) AS checked, (array_agg('entry ' || id || ' says ' || balance || ' after ' ||
            coalesce(before::text, 'none')) FILTER (WHERE balance <> coalesce(was, 0) + amount
            OR previous IS DISTINCT FROM before))[1:20] AS wrong
        FROM (SELECT id, balance, amount, previous, lag(balance) OVER chain AS was,
                     lag(id) OVER chain AS before
              FROM ledger.entries WINDOW chain AS (PARTITION BY account_id ORDER BY id)
             ) AS entry
    """,
    "every entry is of a known account in that account's asset": """
        SELECT count(*) AS checked, (array_agg('entry ' || entry.id || ' on account ' ||
            entry.account_id) FILTER (WHERE account.id IS NULL))[1:20] AS wrong
        FROM ledger.entries AS entry
        LEFT JOIN ledger.accounts AS account
          ON account.id = entry.account_id AND account.asset = entry.asset
    """,
    "every asset sums to zero over all accounts": """
        SELECT count(*) AS checked, (array_agg(asset || ' sums to ' || total)
            FILTER (WHERE total <> 0))[1:20] AS wrong
        FROM (SELECT asset, sum(balance) AS total FROM ledger.accounts GROUP BY asset) AS asset
    """,
    "no guarded account is below what is held on it": """
        SELECT count(*) AS checked, (array_agg('account ' || account.id || ' has ' || balance ||
            ' and holds ' || account.held) FILTER (WHERE account.guarded
            AND balance < account.held))[1:20] AS wrong
        FROM ledger.accounts AS account
    """,
    "every account is guarded as its kind says": """
        SELECT count(*) AS checked, (array_agg('account ' || account.id || ' of kind ' ||
            account.kind) FILTER (WHERE account.guarded IS DISTINCT FROM kind.guarded))[1:20]
            AS wrong
        FROM ledger.accounts AS account LEFT JOIN ledger.kinds AS kind USING (kind)
    """,
    "what is held is the sum of the holds in force": """
        SELECT count(*) AS checked, (array_agg('account ' || id || ' holds ' || held ||
            ', its holds sum to ' || total) FILTER (WHERE held <> total))[1:20] AS wrong
        FROM (SELECT account.id, account.held, coalesce(sum(hold.amount), 0) AS total
              FROM ledger.accounts AS account
              LEFT JOIN ledger.holds AS hold
                ON hold.account_id = account.id AND hold.state = 'held'
              GROUP BY account.id) AS account
    """,
}


async def check_books(tx: Tx, begin: Callable[[str], None] | None = None) -> list[Finding]:
    """Run every check in the snapshot given, so that all of them see the same books.

    ``begin`` is told the name of each check before it runs.
    """
    await tx.execute("SELECT set_config('work_mem', $1, true)", WORK_MEMORY)
    findings = []
    for name, statement in CHECKS.items():
        if begin is not None:
            begin(name)
        row = await tx.row(statement)
        assert row is not None
        findings.append(Finding(name, row["checked"], list(row["wrong"] or [])))
    return findings
