"""The ledger's use cases. The arithmetic and its guards live in the database's functions."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from rooms.contexts.ledger.api import Balance, Movement, Payment, StatementLine
from rooms.contexts.ledger.queries import LedgerQueries
from rooms.contexts.ledger.storage import LedgerStorage
from rooms.kernel.ids import AccountId, HoldId, JournalId, PlayerId
from rooms.kernel.money import Asset
from rooms.kernel.time import Instant
from rooms.platform.database import Database, Tx


@dataclass(frozen=True, slots=True)
class LedgerService:
    """The only way in which money moves."""

    database: Database
    storage: LedgerStorage
    queries: LedgerQueries

    async def open_account(self, tx: Tx, asset: Asset, kind: str, owner: str) -> AccountId:
        """Give the account of this kind and owner, opened if it was not there."""
        return await self.storage.open_account(tx, asset, kind, owner)

    async def open_movements(self, tx: Tx) -> None:
        """Make ``pg_temp.movements`` ready for the caller's SQL."""
        await self.storage.open_movements(tx)

    async def post(self, tx: Tx, key: str, movements: Sequence[Movement] = ()) -> JournalId:
        """Post the movements given and those in ``pg_temp.movements`` as one journal."""
        if movements:
            await self.storage.open_movements(tx)
            await self.storage.add_movements(tx, movements)
        return await self.storage.post(tx, key)

    async def spendable(
        self, tx: Tx, accounts: Collection[AccountId], *, wait: bool
    ) -> dict[AccountId, int]:
        """Lock accounts until the transaction ends and give what each can pay."""
        return await self.storage.spendable(tx, accounts, wait=wait)

    async def collect(
        self, tx: Tx, key: str, kind: str, payments: Sequence[Payment], into: AccountId
    ) -> JournalId:
        """Post many payments into one account as one journal."""
        return await self.storage.collect(tx, key, kind, payments, into)

    async def reserve(
        self, tx: Tx, key: str, account: AccountId, amount: int, *, ref: str, expires_at: Instant
    ) -> HoldId:
        """Hold an amount on an account."""
        return await self.storage.reserve(tx, key, account, amount, ref, expires_at)

    async def release(self, tx: Tx, hold: HoldId) -> bool:
        """End a hold and free its amount."""
        return await self.storage.end_hold(tx, hold, "released")

    async def post_hold(
        self, tx: Tx, hold: HoldId, key: str, movements: Sequence[Movement]
    ) -> JournalId:
        """Turn a hold into a journal, whole or part."""
        await self.storage.open_movements(tx)
        await self.storage.add_movements(tx, movements)
        return await self.storage.post_hold(tx, hold, key)

    async def expire_holds(self) -> int:
        """End the holds whose time has come; give how many."""
        async with self.database.transaction() as tx:
            due = await self.storage.holds_to_expire(tx)
            return sum([await self.storage.end_hold(tx, hold, "expired") for hold in due])

    async def balances(self, player: PlayerId) -> list[Balance]:
        """Give a player's accounts, one per asset."""
        async with self.database.snapshot() as tx:
            return await self.queries.balances(tx, player)

    async def wallets(self, players: Collection[PlayerId]) -> dict[PlayerId, list[Balance]]:
        """Give the accounts of many players."""
        async with self.database.snapshot() as tx:
            return await self.queries.wallets(tx, players)

    async def statement(
        self, player: PlayerId, before: int | None, limit: int
    ) -> list[StatementLine]:
        """Give a player's newest entries, or those before the entry given."""
        async with self.database.snapshot() as tx:
            return await self.queries.statement(tx, player, before, limit)

    async def assets_owed(self, tx: Tx) -> list[Asset]:
        """Give the assets in which something may be owed."""
        return await self.queries.assets_owed(tx)

    def owed(self, tx: Tx, asset: Asset) -> AsyncIterator[tuple[AccountId, int]]:
        """Give each account that is not the house's own with what stands on it."""
        return self.queries.owed(tx, asset)
