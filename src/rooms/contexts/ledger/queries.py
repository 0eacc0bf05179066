"""The ledger's reading side: balances, statements, and the checks that re-sum everything."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from rooms.contexts.ledger.api import OWED, PLAYER, Balance, StatementLine
from rooms.kernel.ids import AccountId, JournalId, PlayerId
from rooms.kernel.money import SOL, Asset
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx
from rooms.platform.metrics import HOUSE_BALANCE


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account by its place in the chart of accounts."""

    id: AccountId
    asset: Asset
    kind: str
    owner: str
    balance: int
    held: int


@dataclass(frozen=True, slots=True)
class JournalView:
    """A journal by its number."""

    id: JournalId
    key: str
    at: Instant


@dataclass(frozen=True, slots=True)
class JournalLine:
    """What a journal moved on an account, by kind and owner. Smallest units."""

    id: int
    account_id: AccountId
    account: str
    asset: Asset
    kind: str
    amount: int
    balance: int
    ref: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something wrong that the check that never stops has found."""

    at: Instant
    what: str


@dataclass(frozen=True, slots=True)
class TrialBalanceLine:
    """All accounts of one kind and asset together. Smallest units."""

    asset: Asset
    kind: str
    accounts: int
    balance: int
    held: int


class LedgerQueries:
    """One method is one statement."""

    async def balances(self, tx: Tx, player: PlayerId) -> list[Balance]:
        rows = await tx.fetch(
            "SELECT id, asset, balance, held FROM ledger.accounts "
            "WHERE kind = $1 AND owner = $2 ORDER BY asset",
            PLAYER,
            str(player),
        )
        return [_balance(row) for row in rows]

    async def wallets(self, tx: Tx, players: Collection[PlayerId]) -> dict[PlayerId, list[Balance]]:
        rows = await tx.fetch(
            "SELECT id, asset, balance, held, owner FROM ledger.accounts "
            "WHERE kind = $1 AND owner = ANY ($2) ORDER BY owner, asset",
            PLAYER,
            [str(player) for player in players],
        )
        found: dict[PlayerId, list[Balance]] = {}
        for row in rows:
            found.setdefault(PlayerId(int(row["owner"])), []).append(_balance(row))
        return found

    async def statement(
        self, tx: Tx, player: PlayerId, before: int | None, limit: int
    ) -> list[StatementLine]:
        rows = await tx.fetch(
            "SELECT id FROM ledger.accounts WHERE kind = $1 AND owner = $2", PLAYER, str(player)
        )
        accounts = [AccountId(row["id"]) for row in rows]
        lines = [
            line for account in accounts for line in await self.chain(tx, account, before, limit)
        ]
        return sorted(lines, key=lambda line: line.id, reverse=True)[:limit]

    async def chain(
        self, tx: Tx, account: AccountId, before: int | None, limit: int
    ) -> list[StatementLine]:
        """Walk an account's entries from its newest, or from the one before ``before``."""
        rows = await tx.fetch(
            """
            WITH RECURSIVE chain AS (
                SELECT entry.*, 1 AS place FROM ledger.entries AS entry
                WHERE entry.account_id = $1 AND entry.id = CASE
                    WHEN $2::bigint IS NULL
                    THEN (SELECT last_entry FROM ledger.accounts WHERE id = $1)
                    ELSE (SELECT previous FROM ledger.entries WHERE id = $2 AND account_id = $1)
                END
                UNION ALL
                SELECT entry.*, chain.place + 1
                FROM chain JOIN ledger.entries AS entry ON entry.id = chain.previous
                WHERE chain.place < $3
            )
            SELECT chain.id, journal.at, chain.kind, chain.amount, chain.asset, chain.balance,
                   chain.ref
            FROM chain JOIN ledger.journals AS journal ON journal.id = chain.journal_id
            ORDER BY chain.place
            """,
            account,
            before,
            limit,
        )
        return [_line(row) for row in rows]

    async def account(self, tx: Tx, wanted: str) -> AccountView | None:
        """Find an account by its number, or by ``kind:owner`` or ``asset:kind:owner``."""
        parts = wanted.split(":")
        row = await tx.row(
            """
            SELECT id, asset, kind, owner, balance, held FROM ledger.accounts
            WHERE id::text = $1 OR kind || ':' || owner = $1
               OR asset || ':' || kind || ':' || owner = $1
            ORDER BY id LIMIT 1
            """,
            ":".join(parts),
        )
        return None if row is None else AccountView(**dict(row))

    async def assets_owed(self, tx: Tx) -> list[Asset]:
        rows = await tx.fetch(
            "SELECT DISTINCT asset FROM ledger.accounts WHERE kind = ANY ($1) ORDER BY asset",
            list(OWED),
        )
        return [Asset(row[0]) for row in rows]

    async def owed(self, tx: Tx, asset: Asset) -> AsyncIterator[tuple[AccountId, int]]:
        """Give accounts with their balances, some thousand at a time."""
        found = tx.cursor(
            "SELECT id, balance FROM ledger.accounts WHERE asset = $1 AND kind = ANY ($2)",
            asset,
            list(OWED),
        )
        async for account, balance in found:
            yield AccountId(account), balance

    async def journal(self, tx: Tx, number: JournalId) -> JournalView | None:
        row = await tx.row("SELECT id, key, at FROM ledger.journals WHERE id = $1", number)
        return None if row is None else JournalView(**dict(row))

    async def journal_lines(self, tx: Tx, number: JournalId, limit: int) -> list[JournalLine]:
        """Give a journal's first entries.

        No index leads to them: where it is not known how many there are, all entries are read
        that are newer than where the journal may begin.
        """
        rows = await tx.fetch(
            """
            SELECT entry.id, entry.account_id,
                   coalesce(account.kind || ':' || account.owner, 'none') AS account,
                   entry.asset, entry.kind, entry.amount, entry.balance, entry.ref
            FROM ledger.entries AS entry
            LEFT JOIN ledger.accounts AS account ON account.id = entry.account_id
            WHERE entry.journal_id = $1 AND entry.id > (
                SELECT coalesce(after_entry, 0) FROM ledger.journals WHERE id = $1)
            ORDER BY entry.id
            LIMIT (SELECT least($2, entries) FROM ledger.journals WHERE id = $1)
            """,
            number,
            limit,
        )
        return [JournalLine(**dict(row)) for row in rows]

    async def trial_balance(self, tx: Tx) -> list[TrialBalanceLine]:
        rows = await tx.fetch(
            """
            SELECT asset, kind, count(*) AS accounts, sum(balance)::numeric AS balance,
                   sum(held)::numeric AS held
            FROM ledger.accounts GROUP BY asset, kind ORDER BY asset, kind
            """
        )
        return [
            TrialBalanceLine(
                row["asset"], row["kind"], row["accounts"], int(row["balance"]), int(row["held"])
            )
            for row in rows
        ]

    async def alarms(self, tx: Tx) -> list[Alarm]:
        rows = await tx.fetch("SELECT at, what FROM ledger.alarms ORDER BY id LIMIT 100")
        return [Alarm(row["at"], row["what"]) for row in rows]


async def read_house_accounts(tx: Tx) -> None:
    """Set the gauges of the house's own accounts; all others are the players'."""
    rows = await tx.fetch(
        """
        SELECT asset, kind, sum(balance)::numeric AS balance FROM ledger.accounts
        WHERE asset = $1 AND kind IN (SELECT kind FROM ledger.kinds WHERE kind <> $2)
        GROUP BY asset, kind
        """,
        SOL,
        PLAYER,
    )
    for row in rows:
        HOUSE_BALANCE.labels(row["kind"], row["asset"]).set(row["balance"])


def _line(row: Row) -> StatementLine:
    return StatementLine(**dict(row))


def _balance(row: Row) -> Balance:
    return Balance(AccountId(row["id"]), Asset(row["asset"]), row["balance"], row["held"])
