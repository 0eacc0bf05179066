"""Sell tickets the exact way: every purchase of a batch is looked at, and has its own answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rooms.contexts.fairness.api import Accepted as LogKind
from rooms.contexts.fairness.api import Fairness
from rooms.contexts.keno.api import Purchase
from rooms.contexts.keno.domain import write_picks
from rooms.contexts.keno.events import TicketsSold
from rooms.contexts.keno.service.judging import (
    Accepted,
    Answer,
    Asked,
    Counter,
    Key,
    Table,
    Wanted,
)
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.service.seen import Seen
from rooms.contexts.keno.service.stakes import Stakes, stake_shard
from rooms.contexts.keno.storage.games import BankrollStorage
from rooms.contexts.keno.storage.tickets import NewPurchase, TicketStorage
from rooms.contexts.ledger.api import Ledger, Payment
from rooms.kernel.ids import GameId, TicketId
from rooms.kernel.money import Asset
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant, to_millis
from rooms.platform.commands import Answered
from rooms.platform.database import Tx
from rooms.platform.metrics import count_tickets
from rooms.proof.draw import mask


class TakeAgainError(Exception):
    """What the batch was judged by has changed meanwhile; nothing of the batch was written."""


class KnownAlreadyError(TakeAgainError):
    """A purchase of the batch is in the books already."""


@dataclass(frozen=True, slots=True)
class Taking:
    """Judges and writes batches of purchases whose stakes go to one shard."""

    schedules: Schedules
    tickets: TicketStorage
    bankrolls: BankrollStorage
    ledger: Ledger
    fairness: Fairness
    stakes: Stakes
    seen: Seen

    async def take(
        self, tx: Tx, batch: Sequence[Asked], *, exact: bool, wait: bool
    ) -> list[Answer]:
        """Give each purchase its answer; what is accepted is written with the commit.

        Raises TakeAgainError, Uncovered where the batch has to be judged again. ``exact`` looks
        for every key first, ``wait`` waits for accounts that others have locked.
        """
        slow = await self.fairness.beacons.clock_is_slow(tx)
        tables = await self._tables(tx, batch)
        wanted = [
            # Who knows a beacon before our clock lets its rounds lock could pick the numbers.
            Refusal("E-CLOCK") if slow else tables[asked.game.id].wanted(asked.command)
            for asked in batch
        ]
        counter = await self._open_counter(tx, batch, tables, wanted, wait=wait)
        if exact:
            counter.recall(await self.tickets.earlier(tx, [asked.key for asked in batch]))
        answers = [counter.judge(*each) for each in zip(batch, wanted, strict=True)]
        refused = [n for n, answer in enumerate(answers) if isinstance(answer, Refusal)]
        if refused and not exact:  # perhaps it was in truth accepted before
            counter.recall(await self.tickets.earlier(tx, [batch[n].key for n in refused]))
            for n in refused:
                answers[n] = counter.judge(batch[n], wanted[n])
        bought = await self._write(tx, counter) if counter.accepted else {}
        return [
            Answered(bought[asked.key], replayed=counter.accepted[asked.key].asked is not asked)
            if answer is None
            else answer
            for asked, answer in zip(batch, answers, strict=True)
        ]

    async def _tables(self, tx: Tx, batch: Sequence[Asked]) -> dict[GameId, Table]:
        games = {asked.game.id: asked.game for asked in batch}
        standings = await self.schedules.games.join_lines(tx, games)
        schedules = await self.schedules.of(tx, standings)
        self.seen.note(standings)
        return {
            each.id: Table(games[each.id], each, schedules[each.id], to_millis(each.at))
            for each in standings
        }

    async def _open_counter(
        self,
        tx: Tx,
        batch: Sequence[Asked],
        tables: Mapping[GameId, Table],
        wanted: Sequence[Wanted | Refusal],
        *,
        wait: bool,
    ) -> Counter:
        """Lock the accounts, then read the time and what limits the batch.

        Rounds and bankrolls are not locked here, for all sales meet there: they are looked at
        again by their constraints, when they are written.
        """
        rounds = {
            key: limit for each in wanted if isinstance(each, Wanted) for key, limit in each.limits
        }
        if not rounds:
            at = max(table.standing.at for table in tables.values())
            return Counter(at, {}, {}, {}, {})
        accounts = {
            asked.account
            for asked, each in zip(batch, wanted, strict=True)
            if isinstance(each, Wanted)
        }
        available = await self.ledger.spendable(tx, accounts, wait=wait)
        exposure, at = await self.tickets.exposures(tx, rounds)
        if not all(table.is_still(to_millis(at)) for table in tables.values()):
            raise TakeAgainError  # a round's lock time came while others had the accounts
        return Counter(at, rounds, exposure, await self.bankrolls.free(tx), available)

    async def _write(self, tx: Tx, counter: Counter) -> dict[Key, Purchase]:
        """Write the accepted purchases; what many others wait for comes last."""
        accepted = list(counter.accepted.values())
        numbers = await self.tickets.new_purchases(tx, len(accepted))
        rows = [_row(number, each) for number, each in zip(numbers, accepted, strict=True)]
        tickets = sum(row.rounds for row in rows)
        if await self.tickets.add(tx, rows, counter.at) < tickets:
            raise KnownAlreadyError
        await self.fairness.log.accept(tx, LogKind.TICKET, _ticket_ids(rows), counter.at)
        await self._collect(tx, rows, accepted)
        await tx.publish(_sold(rows, accepted))
        await self.tickets.add_sold(tx, counter.sold, counter.limits)
        await self.bankrolls.change(tx, _exposed(accepted))
        staked = sum(row.stake * row.rounds for row in rows)
        tx.once_committed.append(lambda _: count_tickets(tickets, staked))
        return {
            each.asked.key: _purchase(row, each, counter.at)
            for row, each in zip(rows, accepted, strict=True)
        }

    async def _collect(
        self, tx: Tx, rows: Sequence[NewPurchase], accepted: Sequence[Accepted]
    ) -> None:
        """Take what the purchases cost, from each player to the stakes of the lane."""
        payments: dict[Asset, list[Payment]] = {}
        for row, each in zip(rows, accepted, strict=True):
            payments.setdefault(each.asked.game.asset, []).append(
                Payment(row.account, row.stake * row.rounds, f"ticket:{row.first_ticket}")
            )
        shard = stake_shard(rows[0].account)
        for asset, paid in sorted(payments.items()):
            into = await self.stakes.shard(asset, shard)
            await self.ledger.collect(tx, f"tickets:{paid[0].ref}", "ticket", paid, into)


def _row(number: TicketId, each: Accepted) -> NewPurchase:
    command, wanted = each.asked.command, each.wanted
    return NewPurchase(
        number,
        wanted.game.id,
        wanted.first,
        command.rounds,
        command.player,
        each.asked.account,
        command.stake.units,
        wanted.spots,
        command.picks is None,
        write_picks(mask(each.picks)),
        command.key,
    )


def _ticket_ids(rows: Sequence[NewPurchase]) -> list[int]:
    """Give the tickets in the order of their acceptance."""
    return [row.first_ticket + ahead for row in rows for ahead in range(row.rounds)]


def _sold(rows: Sequence[NewPurchase], accepted: Sequence[Accepted]) -> TicketsSold:
    return TicketsSold(
        tickets=[row.first_ticket for row in rows],
        games=[each.asked.game.name for each in accepted],
        first_rounds=[row.first_round for row in rows],
        rounds=[row.rounds for row in rows],
        players=[row.player for row in rows],
        spots=[row.spots for row in rows],
        stakes=[row.stake for row in rows],
    )


def _exposed(accepted: Sequence[Accepted]) -> dict[tuple[str, Asset], tuple[int, int]]:
    """Sum what each bankroll has to stand for beyond what it had."""
    found: dict[tuple[str, Asset], tuple[int, int]] = {}
    for each in accepted:
        key = each.asked.game.operator, each.asked.game.asset
        found[key] = (0, found.get(key, (0, 0))[1] + each.top)
    return found


def _purchase(row: NewPurchase, each: Accepted, at: Instant) -> Purchase:
    return Purchase(
        first_ticket=row.first_ticket,
        game=each.asked.game.name,
        first_round=row.first_round,
        rounds=row.rounds,
        picks=each.picks,
        stake=row.stake,
        asset=each.asked.game.asset,
        accepted_at=at,
    )
