"""Bets that nothing seems to stand against are placed by one statement, without a look at each.

The statement makes sure of everything that was guessed, or does nothing at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rooms.contexts.oracle.api import Oracle
from rooms.contexts.parimutuel.api import BetReceipt
from rooms.contexts.parimutuel.domain import Limits
from rooms.contexts.parimutuel.service.placing import Asked
from rooms.contexts.parimutuel.service.receipts import Receipts
from rooms.contexts.parimutuel.service.seen import Seen
from rooms.contexts.parimutuel.storage import BetStorage, Guess, NewBet
from rooms.kernel.ids import AccountId
from rooms.platform.commands import Answered
from rooms.platform.database import Database, Deadlock, Violation
from rooms.platform.metrics import BATCHES_EXACT, count_bets

Answers = list[Answered[BetReceipt] | None]


@dataclass(frozen=True, slots=True)
class Lean:
    """Places what is plain; whatever is not, or turned out not to be, is answered by None."""

    database: Database
    bets: BetStorage
    oracle: Oracle
    limits: Limits
    seen: Seen
    receipts: Receipts

    async def place(self, batch: Sequence[Asked], pools: Sequence[AccountId]) -> Answers:
        """Give the receipts of the bets that are placed now, each in its request's place.

        The stake of each goes to the account of ``pools`` in its place.
        """
        refused = None
        while plain := self._plain(batch):
            guess = self._guess([batch[n] for n in plain])
            if guess == refused:
                break
            try:
                receipts = await self._place(
                    [batch[n] for n in plain], [pools[n] for n in plain], guess
                )
            except (Violation, Deadlock):
                # One is in the books already, or cannot be paid: nobody knows which.
                break
            if receipts is not None:
                return _spread(receipts, plain, len(batch))
            # Most often there are newer prices than those that were seen.
            refused = guess
            await self._look_at_prices(guess)
        BATCHES_EXACT.labels("bets").inc()
        return [None] * len(batch)

    def _plain(self, batch: Sequence[Asked]) -> list[int]:
        """Say which bets look as if they were accepted: of an account the first of them."""
        least, most = self.limits.stake_min, self.limits.stake_max
        opened = {
            room for room in {asked.command.room for asked in batch} if self.seen.looks_open(room)
        }
        plain, payers = [], set()
        for n, (command, member) in enumerate(batch):
            account = member.account_id
            fair = command.room in opened and least <= command.stake <= most
            if fair and account not in payers and not self.seen.doubts.take(account):
                payers.add(account)
                plain.append(n)
        return plain

    async def _place(
        self, batch: Sequence[Asked], pools: Sequence[AccountId], guess: Guess
    ) -> list[Answered[BetReceipt]] | None:
        rooms = self.seen.rooms
        rows = [
            NewBet(
                command.room,
                command.player,
                member.account_id,
                command.side,
                command.stake,
                command.player == rooms[command.room].host_id,
                *member.uplines,
                command.key,
            )
            for command, member in batch
        ]
        async with self.database.statement() as tx:
            standings = [command.standing for command, _ in batch]
            placed = await self.bets.place(tx, rows, pools, standings, guess)
            if placed is None:
                return None
            staked = sum(row.stake for row in rows)
            tx.once_committed.append(lambda _: count_bets(len(rows), staked))
        return self.receipts.of_batch(placed.ids, placed.at, [command for command, _ in batch])

    def _guess(self, batch: Sequence[Asked]) -> Guess:
        rooms = {asked.command.room for asked in batch}
        bases = sorted({basis for room in rooms for basis in self.seen.rooms[room].bases})
        newest = [self.seen.newest[basis] for basis in bases]
        return Guess(
            rooms=sorted(rooms),
            bases=bases,
            ticks=[each.tick for each in newest],
            since=max(each.at for each in newest) - self.limits.stale_after,
            until=min(each.at for each in newest) + self.limits.stale_after,
        )

    async def _look_at_prices(self, guess: Guess) -> None:
        async with self.database.statement() as tx:
            self.seen.note_prices(await self.oracle.newest(tx, guess.bases))


def _spread(receipts: Sequence[Answered[BetReceipt]], places: Sequence[int], most: int) -> Answers:
    answers: Answers = [None] * most
    for place, receipt in zip(places, receipts, strict=True):
        answers[place] = receipt
    return answers
