"""The face of the ledger: the only way in which money moves."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from rooms.kernel.ids import AccountId, HoldId, JournalId, PlayerId
from rooms.kernel.money import Asset
from rooms.kernel.time import Instant
from rooms.platform.database import Tx

PLAYER: Final = "player"
WORLD: Final = "world"
ROOM_POOLS: Final = "room_pools"
PROTOCOL_REVENUE: Final = "protocol_revenue"
BREAKAGE: Final = "breakage"
KENO_STAKES: Final = "keno_stakes"
BANKROLL: Final = "bankroll"
PLATFORM: Final = "platform"
# What is not the house's own: balances of players, and stakes of what is not settled yet.
OWED: Final = (PLAYER, ROOM_POOLS, KENO_STAKES)


@dataclass(frozen=True, slots=True)
class Movement:
    """One signed amount (smallest units of the account's asset) on one account."""

    account: AccountId
    amount: int
    kind: str
    ref: str


class Payment(NamedTuple):
    """What one account pays: a positive amount (smallest units) and what for."""

    account: AccountId
    amount: int
    ref: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has: ``posted`` has moved, ``held`` of it is reserved. Smallest units."""

    account: AccountId
    asset: Asset
    posted: int
    held: int

    @property
    def available(self) -> int:
        """What can be spent now."""
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class StatementLine:
    """An entry as its owner sees it; ``balance`` is the account's after it."""

    id: int
    at: Instant
    kind: str
    amount: int
    asset: Asset
    balance: int
    ref: str


class Ledger(Protocol):
    """Accounts, journals and holds. Every method that writes does so in the caller's ``tx``."""

    async def open_account(self, tx: Tx, asset: Asset, kind: str, owner: str) -> AccountId:
        """Give the account of this kind and owner, opened if it was not there."""
        ...

    async def open_movements(self, tx: Tx) -> None:
        """Make ``pg_temp.movements (account_id, amount, kind, ref)`` ready for the caller's SQL."""
        ...

    async def post(self, tx: Tx, key: str, movements: Sequence[Movement] = ()) -> JournalId:
        """Post the movements given and those in ``pg_temp.movements`` as one journal.

        The same key with the same movements is the same journal and moves nothing again.
        Refuses E-BAL-LOW (available, needed) where a guarded account would fall below zero, and
        E-KEY-REUSED where the key's journal had other movements.
        """
        ...

    async def spendable(
        self, tx: Tx, accounts: Collection[AccountId], *, wait: bool
    ) -> dict[AccountId, int]:
        """Lock accounts until the transaction ends and give what each can pay.

        Without ``wait`` an account that somebody else has locked is left out.
        """
        ...

    async def collect(
        self, tx: Tx, key: str, kind: str, payments: Sequence[Payment], into: AccountId
    ) -> JournalId:
        """Post many payments into one account as one journal; the key was never used before.

        The payers were locked by ``spendable``, which told that they can pay. ``into`` is locked
        here, after them, as everywhere where an account of the house meets players' accounts.
        """
        ...

    async def reserve(
        self, tx: Tx, key: str, account: AccountId, amount: int, *, ref: str, expires_at: Instant
    ) -> HoldId:
        """Hold an amount on an account. Refuses E-BAL-LOW and E-KEY-REUSED."""
        ...

    async def release(self, tx: Tx, hold: HoldId) -> bool:
        """End a hold and free its amount; false where it had ended before."""
        ...

    async def post_hold(
        self, tx: Tx, hold: HoldId, key: str, movements: Sequence[Movement]
    ) -> JournalId:
        """Turn a hold into a journal, whole or part; what is left of it is free again.

        Refuses E-HOLD where the hold has ended or the journal takes more than it holds.
        """
        ...

    async def balances(self, player: PlayerId) -> list[Balance]:
        """Give a player's accounts, one per asset."""
        ...

    async def wallets(self, players: Collection[PlayerId]) -> dict[PlayerId, list[Balance]]:
        """Give the accounts of many players; who has none is left out."""
        ...

    async def statement(
        self, player: PlayerId, before: int | None, limit: int
    ) -> list[StatementLine]:
        """Give a player's newest entries, or those before the entry given, newest first."""
        ...

    async def assets_owed(self, tx: Tx) -> list[Asset]:
        """Give the assets in which there are accounts of the kinds of ``OWED``."""
        ...

    def owed(self, tx: Tx, asset: Asset) -> AsyncIterator[tuple[AccountId, int]]:
        """Give each account of the kinds of ``OWED`` with what stands on it, also nothing."""
        ...
