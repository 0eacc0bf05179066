"""Take stakes into rooms' pools, many at a time: one bet per player per room."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rooms.contexts.ledger.api import ROOM_POOLS, Ledger
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet
from rooms.contexts.parimutuel.service.placing import (
    Answer,
    Asked,
    Busy,
    KnownAlreadyError,
    Placing,
)
from rooms.contexts.parimutuel.settlement_storage import POOL_SHARDS, pool_shard
from rooms.contexts.referral.api import Referral
from rooms.kernel.ids import AccountId
from rooms.kernel.money import SOL
from rooms.platform.commands import Answered
from rooms.platform.database import Database, Deadlock
from rooms.platform.lanes import Lanes
from rooms.platform.metrics import BATCHES_EXACT

# How many bets that wait for somebody's lock may each keep a connection.
PATIENT: Final = 3
TRIES: Final = 4


@dataclass(slots=True)
class Betting:
    """Takes stakes. Bets that arrive while a batch is under way become the next batch.

    The accounts of a lane have one shard of the pools for themselves, so that lanes do not wait
    for each other. A bet whose room or account somebody else has locked, for a settlement
    perhaps, waits in a line of its own and not in the way of the others.
    """

    database: Database
    placing: Placing
    ledger: Ledger
    referral: Referral
    _swift: Lanes[Asked, Answer] = field(init=False)
    _patient: Lanes[Asked, Answer] = field(init=False)
    _pools: dict[int, AccountId] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._swift = Lanes("bets", lambda batch: self._place(batch, wait=False), POOL_SHARDS)
        self._patient = Lanes("waiting bets", lambda batch: self._place(batch, wait=True), PATIENT)

    async def place_bet(self, command: PlaceBet) -> Answered[BetReceipt]:
        """Take a stake into a room's pool, once per key."""
        asked = Asked(command, await self.referral.member_of(command.player))
        shard = pool_shard(asked.member.account_id)
        answer = await self._swift.submit(shard, asked)
        if isinstance(answer, Busy):
            answer = await self._patient.submit((answer, shard), asked)
        assert isinstance(answer, Answered), f"{answer} is no answer to one who waits"
        return answer

    async def _place(self, batch: Sequence[Asked], *, wait: bool) -> Sequence[Answer]:
        pool = await self._pool(pool_shard(batch[0].member.account_id))
        exact = False
        for _ in range(TRIES):
            try:
                async with self.database.transaction() as tx:
                    return await self.placing.place(tx, batch, pool, exact=exact, wait=wait)
            except (KnownAlreadyError, Deadlock):
                # A twin that another process commits between look and insert is found next time.
                exact = True
                BATCHES_EXACT.labels("bets").inc()
        raise AssertionError("the books change under every look")

    async def _pool(self, shard: int) -> AccountId:
        if shard not in self._pools:
            async with self.database.transaction() as tx:
                pool = await self.ledger.open_account(tx, SOL, ROOM_POOLS, str(shard))
            self._pools[shard] = pool
        return self._pools[shard]
