"""Purchases that nothing seems to stand against are sold by one statement, without a look at each.

The statement makes sure of everything that was guessed, or does nothing at all.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rooms.contexts.keno.api import Purchase
from rooms.contexts.keno.domain import write_picks
from rooms.contexts.keno.service.judging import Asked, Table, Wanted, picks_of
from rooms.contexts.keno.service.receipts import Receipts
from rooms.contexts.keno.service.seen import Seen
from rooms.contexts.keno.service.stakes import Stakes, stake_shard
from rooms.contexts.keno.storage.games import GameStorage
from rooms.contexts.keno.storage.tickets import (
    Guess,
    PlainPurchase,
    SoldTogether,
    TicketStorage,
)
from rooms.kernel.ids import GameId, TicketId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant, from_millis
from rooms.platform.commands import Answered
from rooms.platform.database import Database, Deadlock, Violation
from rooms.platform.metrics import BATCHES_EXACT, count_tickets
from rooms.proof.draw import mask

Bought = list[Answered[Purchase] | None]


class Plain(NamedTuple):
    """A purchase that looks as if it were accepted, and its place in the batch."""

    place: int
    asked: Asked
    picks: tuple[int, ...]
    row: PlainPurchase


@dataclass(frozen=True, slots=True)
class Lean:
    """Sells what is plain; whatever is not, or turned out not to be, is answered by None.

    The games of a batch are of one operator and asset.
    """

    database: Database
    games: GameStorage
    tickets: TicketStorage
    stakes: Stakes
    seen: Seen
    receipts: Receipts

    async def sell(self, batch: Sequence[Asked]) -> Bought:
        """Answer the purchases that are sold now, each in its request's place."""
        games, refused = {asked.game.id: asked.game for asked in batch}, None
        unseen = games.keys() - self.seen.tables(games).keys()
        if unseen:
            await self._look_at_games(unseen)
        while True:
            tables = self.seen.tables(games)
            plain = _plain(batch, tables, self.seen)
            guess = _guess(plain, tables) if plain else None
            if guess is None or guess == refused:
                break
            try:
                sold = await self._sell(plain, guess)
            except (Violation, Deadlock):
                # One is in the books already, cannot be paid or not be covered: nobody knows which.
                break
            if sold is not None:
                self.seen.note_time(sold.at)
                return self._answers(plain, sold, len(batch))
            # Most often a round has locked.
            refused = guess
            await self._look_at_games(guess.games)
        BATCHES_EXACT.labels("tickets").inc()
        return [None] * len(batch)

    async def _sell(self, plain: Sequence[Plain], guess: Guess) -> SoldTogether | None:
        shards = [stake_shard(each.asked.account) for each in plain]
        accounts = {each: await self.stakes.shard(guess.asset, each) for each in set(shards)}
        stakes = [accounts[shard] for shard in shards]
        rows = [each.row for each in plain]
        async with self.database.statement() as tx:
            sold = await self.tickets.sell(tx, rows, stakes, guess)
            if sold is not None:
                tickets = sum(row.rounds for row in rows)
                staked = sum(row.stake * row.rounds for row in rows)
                tx.once_committed.append(lambda _: count_tickets(tickets, staked))
        return sold

    def _answers(self, plain: Sequence[Plain], sold: SoldTogether, most: int) -> Bought:
        bought = [
            _purchase(each, first, sold.at)
            for each, first in zip(plain, sold.first_tickets, strict=True)
        ]
        answers: Bought = [None] * most
        receipts = self.receipts.of_batch(bought)
        for each, purchase, own in zip(plain, bought, receipts, strict=True):
            answers[each.place] = Answered(Purchase(*purchase[:-1], own), replayed=False)
        return answers

    async def _look_at_games(self, games: Collection[GameId]) -> None:
        async with self.database.statement() as tx:
            standings = await self.games.standings_of(tx, games)
            await self.seen.schedules.of(tx, standings)
        self.seen.note(standings)


def _plain(batch: Sequence[Asked], tables: dict[GameId, Table], seen: Seen) -> list[Plain]:
    """Say which purchases look as if they were accepted: of an account the first of them."""
    plain, payers = [], set()
    for place, asked in enumerate(batch):
        table, account = tables.get(asked.game.id), asked.account
        if table is None or account in payers or seen.doubts.take(account):
            continue
        wanted = table.wanted(asked.command)
        if isinstance(wanted, Refusal):
            continue
        row = _row(asked, wanted, picks := picks_of(asked.command, wanted))
        if len(wanted.terms) == 1 and row.top <= wanted.terms[0].limits.max_win:
            payers.add(account)
            plain.append(Plain(place, asked, picks, row))
    return plain


def _guess(plain: Sequence[Plain], tables: dict[GameId, Table]) -> Guess:
    played = {each.row.game for each in plain}
    seen = [tables[game] for game in sorted(played)]
    return Guess(
        operator=seen[0].game.operator,
        asset=seen[0].game.asset,
        since=from_millis(max(each.since for each in seen)),
        until=from_millis(min(each.until for each in seen)),
        games=tuple(each.game.id for each in seen),
        chains=tuple(each.standing.chains for each in seen),
        first_open=tuple(each.first_open or 0 for each in seen),
    )


def _row(asked: Asked, wanted: Wanted, picks: tuple[int, ...]) -> PlainPurchase:
    command, terms = asked.command, wanted.terms[0]
    return PlainPurchase(
        asked.game.id,
        asked.game.name,
        wanted.first,
        command.rounds,
        command.player,
        asked.account,
        command.stake.units,
        terms.top_prize(wanted.spots, command.stake.units),
        terms.limits.round_limit,
        wanted.spots,
        command.picks is None,
        write_picks(mask(picks)),
        command.key,
    )


def _purchase(plain: Plain, first: TicketId, at: Instant) -> Purchase:
    row = plain.row
    return Purchase(
        first,
        row.name,
        row.first_round,
        row.rounds,
        plain.picks,
        row.stake,
        plain.asked.game.asset,
        at,
    )
