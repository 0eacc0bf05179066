"""Take stakes into rooms' pools, many at a time: one bet per player per room."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from rooms.contexts.ledger.api import ROOM_POOLS, Ledger
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet
from rooms.contexts.parimutuel.service.lean import Lean
from rooms.contexts.parimutuel.service.placing import (
    Answer,
    Asked,
    Busy,
    KnownAlreadyError,
    Placing,
)
from rooms.contexts.parimutuel.service.receipts import Receipts
from rooms.contexts.parimutuel.settlement_storage import pool_shard
from rooms.contexts.referral.api import Referral
from rooms.kernel.ids import AccountId
from rooms.kernel.money import SOL
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered
from rooms.platform.database import Database, Deadlock
from rooms.platform.lanes import Lanes, Tell

# While the database works on one lane's batch this process works on the other's. More lanes make
# smaller batches, and a batch costs as much as some fifty of its bets.
AT_ONCE: Final = 2
# How many bets that wait for somebody's lock may each keep a connection.
PATIENT: Final = 3
TRIES: Final = 4


@dataclass(slots=True)
class Betting:
    """Takes stakes. Bets that arrive while a batch is under way become the next batch.

    The accounts of a lane have shards of the pools for themselves, so that lanes do not wait for
    each other. A bet goes the lean way first; one that has to be looked at goes a second way,
    and one whose room or account somebody else has locked, for a settlement perhaps, waits in a
    line of its own and not in the way of the others.
    """

    database: Database
    lean: Lean
    placing: Placing
    ledger: Ledger
    referral: Referral
    receipts: Receipts
    _swift: Lanes[Asked, Answered[BetReceipt] | None] = field(init=False)
    _looked_at: Lanes[Asked, Answer] = field(init=False)
    _patient: Lanes[Asked, Answer] = field(init=False)
    _pools: dict[int, AccountId] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._swift = Lanes("bets", self._place_lean, AT_ONCE)
        self._looked_at = Lanes("bets looked at", self._look_and_place, AT_ONCE)
        self._patient = Lanes("waiting bets", self._wait_and_place, PATIENT)

    async def place_bet(self, command: PlaceBet) -> Answered[BetReceipt]:
        """Take a stake into a room's pool, once per key."""
        asked = Asked(command, await self.referral.member_of(command.player))
        shard = pool_shard(asked.member.account_id)
        placed = await self._swift.submit(shard % AT_ONCE, asked)
        return placed if placed is not None else await self._look_at(asked)

    def begin_bet(self, command: PlaceBet, tell: Tell[Answered[BetReceipt]]) -> None:
        """Take a stake as ``place_bet`` does, and tell what came of it."""
        member = self.referral.remembered(command.player)
        if member is None:
            self._start(self.place_bet(command), tell)
            return
        asked = Asked(command, member)
        lane = pool_shard(member.account_id) % AT_ONCE
        self._swift.put(lane, asked, partial(self._told, asked, tell))

    def _told(
        self,
        asked: Asked,
        tell: Tell[Answered[BetReceipt]],
        placed: Answered[BetReceipt] | BaseException | None,
    ) -> None:
        if placed is None:
            self._start(self._look_at(asked), tell)
        else:
            tell(placed)

    def _start(
        self, placing: Awaitable[Answered[BetReceipt]], tell: Tell[Answered[BetReceipt]]
    ) -> None:
        """Place a bet in a task of its own, as few have to be."""

        async def place() -> None:
            try:
                answer: Answered[BetReceipt] | BaseException = await placing
            except asyncio.CancelledError as ended:
                tell(ended)
                raise
            except Exception as problem:  # noqa: BLE001 - who asked is told
                answer = problem
            tell(answer)

        task = asyncio.create_task(place(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_at(self, asked: Asked) -> Answered[BetReceipt]:
        """Give a bet that is not plain its answer, once it has been looked at."""
        shard = pool_shard(asked.member.account_id)
        try:
            answer = await self._looked_at.submit(shard, asked)
            if isinstance(answer, Busy):
                answer = await self._patient.submit((answer, shard), asked)
        except Refusal:
            self.lean.seen.doubts.add(asked.member.account_id)
            raise
        assert isinstance(answer, Answered), f"{answer} is no answer to one who waits"
        if answer.replayed:
            self.lean.seen.doubts.add(asked.member.account_id)
        return await self.receipts.find(answer)

    async def _place_lean(self, batch: Sequence[Asked]) -> Sequence[Answered[BetReceipt] | None]:
        return await self.lean.place(batch, await self._pools_of(batch))

    async def _look_and_place(self, batch: Sequence[Asked]) -> Sequence[Answer]:
        return await self._place(batch, wait=False)

    async def _wait_and_place(self, batch: Sequence[Asked]) -> Sequence[Answer]:
        return await self._place(batch, wait=True)

    async def _place(self, batch: Sequence[Asked], *, wait: bool) -> Sequence[Answer]:
        pool = (await self._pools_of(batch[:1]))[0]
        for _ in range(TRIES):
            try:
                async with self.database.transaction() as tx:
                    answers = await self.placing.place(tx, batch, pool, wait=wait)
                return self.receipts.sign(answers)
            except (KnownAlreadyError, Deadlock):
                # A twin that another process commits between look and insert is found next time.
                continue
        raise AssertionError("the books change under every look")

    async def _pools_of(self, batch: Sequence[Asked]) -> list[AccountId]:
        """Give the account of the pools that each stake goes to, opened if it was not there."""
        shards = [pool_shard(asked.member.account_id) for asked in batch]
        for shard in set(shards) - self._pools.keys():
            async with self.database.transaction() as tx:
                pool = await self.ledger.open_account(tx, SOL, ROOM_POOLS, str(shard))
            self._pools[shard] = pool
        return [self._pools[shard] for shard in shards]
