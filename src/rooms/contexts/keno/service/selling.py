"""Sell tickets, many purchases at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rooms.contexts.keno.api import BuyTickets, Purchase
from rooms.contexts.keno.domain import MOST_ROUNDS
from rooms.contexts.keno.service.judging import Answer, Asked, Busy
from rooms.contexts.keno.service.lean import Lean
from rooms.contexts.keno.service.receipts import Receipts
from rooms.contexts.keno.service.schedules import Schedules, no_such_game
from rooms.contexts.keno.service.stakes import STAKE_SHARDS, Stakes, stake_shard
from rooms.contexts.keno.service.taking import KnownAlreadyError, TakeAgainError, Taking
from rooms.contexts.keno.storage.covering import Uncovered
from rooms.contexts.keno.storage.games import Game
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered
from rooms.platform.database import Database, Deadlock
from rooms.platform.lanes import Lanes

# Batches under way. Each holds the bankroll's row and its rounds' until it has committed: with four
# all were smaller and waited for each other, which cost a third of the tickets sold.
AT_ONCE: Final = 2
# How many purchases that wait for somebody's lock may each keep a connection.
PATIENT: Final = 3
# A limit that is nearly reached may be taken by another lane between look and write, again and
# again, but every time somebody gets on.
TRIES: Final = 20
# Tickets of one transaction: more would hold a round's row for too long.
MOST_TICKETS: Final = 2_000


@dataclass(slots=True)
class Selling:
    """Sells tickets. Purchases that arrive while a batch is under way become the next batch.

    The accounts of a lane have shards of the stakes for themselves. A purchase goes the lean
    way first; one that has to be looked at goes a second way, and one whose account somebody else
    has locked waits in a line of its own and not in the way of the others.
    """

    database: Database
    schedules: Schedules
    stakes: Stakes
    lean: Lean
    taking: Taking
    receipts: Receipts
    _unknown: Lanes[str, Game] = field(init=False)
    _swift: Lanes[Asked, Answered[Purchase] | None] = field(init=False)
    _looked_at: Lanes[Asked, Answer] = field(init=False)
    _patient: Lanes[Asked, Answer] = field(init=False)

    def __post_init__(self) -> None:
        self._unknown = Lanes("games", self._games, at_once=1)
        self._swift = Lanes("tickets", self._sell_lean, AT_ONCE, MOST_TICKETS, _weight)
        self._looked_at = Lanes(
            "tickets looked at", self._look_and_sell, STAKE_SHARDS, MOST_TICKETS, _weight
        )
        self._patient = Lanes(
            "waiting tickets", self._wait_and_sell, PATIENT, MOST_TICKETS, _weight
        )

    async def buy(self, command: BuyTickets) -> Answered[Purchase]:
        """Sell a ticket for each of some rounds, once per key."""
        game = self.schedules.known(command.game)
        if game is None:
            game = await self._unknown.submit("all", command.game)
        account = await self.stakes.account_of(command.player, game.asset)
        asked = Asked(command, game, account)
        shard = stake_shard(account)
        lane = shard, game.operator, game.asset
        bought = await self._swift.submit((shard % AT_ONCE, *lane[1:]), asked)
        if bought is not None:
            return bought
        try:
            answer = await self._looked_at.submit(lane, asked)
            if isinstance(answer, Busy):
                answer = await self._patient.submit((answer, lane), asked)
        except Refusal:
            self.lean.seen.doubts.add(account)
            raise
        assert isinstance(answer, Answered), f"{answer} is no answer to one who waits"
        if answer.replayed:
            self.lean.seen.doubts.add(account)
        return await self.receipts.find(answer)

    async def _games(self, names: Sequence[str]) -> list[Game | Exception]:
        async with self.database.snapshot() as tx:
            found = await self.schedules.named(tx, names)
        return [found.get(name) or no_such_game(name) for name in names]

    async def _sell_lean(self, batch: Sequence[Asked]) -> Sequence[Answered[Purchase] | None]:
        return await self.lean.sell(batch)

    async def _look_and_sell(self, batch: Sequence[Asked]) -> Sequence[Answer]:
        return await self._sell(batch, wait=False)

    async def _wait_and_sell(self, batch: Sequence[Asked]) -> Sequence[Answer]:
        return await self._sell(batch, wait=True)

    async def _sell(self, batch: Sequence[Asked], *, wait: bool) -> Sequence[Answer]:
        # Found before a transaction wants it: one that waited for a second connection could wait
        # for others that do the same.
        await self.stakes.shard(batch[0].game.asset, stake_shard(batch[0].account))
        exact = False
        for _ in range(TRIES):
            try:
                async with self.database.transaction() as tx:
                    answers = await self.taking.take(tx, batch, exact=exact, wait=wait)
                return self.receipts.sign(answers)
            except (TakeAgainError, Uncovered, Deadlock) as why:
                # A twin that another process commits between look and insert is found next time.
                exact = exact or isinstance(why, KnownAlreadyError)
        raise AssertionError("the books change under every look")


def _weight(asked: Asked) -> int:
    return max(1, min(asked.command.rounds, MOST_ROUNDS))
