"""The ledger's accounts that keno moves money between."""

from dataclasses import dataclass, field
from typing import Final

from rooms.contexts.ledger.api import BANKROLL, KENO_STAKES, PLAYER, Ledger
from rooms.contexts.referral.api import Referral
from rooms.kernel.ids import AccountId, PlayerId
from rooms.kernel.money import SOL, Asset
from rooms.platform.database import Database, Tx

STAKE_SHARDS: Final = 4
MOST_REMEMBERED: Final = 100_000


@dataclass(slots=True)
class Stakes:
    """Finds accounts and remembers them: which is whose never changes."""

    database: Database
    ledger: Ledger
    referral: Referral
    _shards: dict[tuple[Asset, int], AccountId] = field(default_factory=dict)
    _players: dict[tuple[PlayerId, Asset], AccountId] = field(default_factory=dict)

    async def account_of(self, player: PlayerId, asset: Asset) -> AccountId:
        """Give the account that a player pays from."""
        if asset == SOL:
            return (await self.referral.member_of(player)).account_id
        if (player, asset) not in self._players:
            async with self.database.transaction() as tx:
                account = await self.ledger.open_account(tx, asset, PLAYER, str(player))
            self._players[player, asset] = account
            while len(self._players) > MOST_REMEMBERED:
                del self._players[next(iter(self._players))]
        return self._players[player, asset]

    async def shard(self, asset: Asset, shard: int, tx: Tx | None = None) -> AccountId:
        """Give the account that holds the stakes of a lane until their rounds are settled.

        Who is in a transaction gives it, unless the account is known for sure.
        """
        if (asset, shard) in self._shards:
            return self._shards[asset, shard]
        if tx is not None:
            return await self.ledger.open_account(tx, asset, KENO_STAKES, str(shard))
        async with self.database.transaction() as own:
            account = await self.ledger.open_account(own, asset, KENO_STAKES, str(shard))
        self._shards[asset, shard] = account
        return account

    async def bankroll(self, tx: Tx, operator: str, asset: Asset) -> AccountId:
        """Give the account that an operator pays prizes from."""
        return await self.ledger.open_account(tx, asset, BANKROLL, operator)


def stake_shard(account: AccountId) -> int:
    """Say in which shard the stakes of a player's account lie; settlement says the same."""
    return account % STAKE_SHARDS
