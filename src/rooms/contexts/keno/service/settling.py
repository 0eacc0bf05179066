"""Pay the rounds that have a result: every ticket of many rounds by one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import structlog

from rooms.contexts.fairness.api import Accepted, Fairness
from rooms.contexts.keno.domain import Terms, write_picks
from rooms.contexts.keno.events import RoundsSettled
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.service.stakes import STAKE_SHARDS, Stakes
from rooms.contexts.keno.storage.games import BankrollStorage, Game
from rooms.contexts.keno.storage.paying import Divided, Payable, PayingStorage, Unpaid
from rooms.contexts.keno.storage.rounds import RoundStorage
from rooms.contexts.keno.storage.tickets import TicketStorage
from rooms.contexts.ledger.api import Ledger, Movement
from rooms.kernel.ids import GameId
from rooms.kernel.money import Asset
from rooms.kernel.time import from_millis, to_millis
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.platform.metrics import count_prizes
from rooms.proof.draw import mask

log = structlog.get_logger()

MOST_ROUNDS: Final = 2_000
# A journal that pays more tickets is left to the next one, unless they are of one round.
MOST_TICKETS: Final = 20_000


class Due(NamedTuple):
    """A round that can be paid, with its terms and time(R): who is bound by then is paid."""

    unpaid: Unpaid
    terms: Terms
    deadline: int

    @property
    def locks_at(self) -> int:
        """When the round was scheduled to lock, in milliseconds."""
        return self.terms.chain.locks_at(self.unpaid.number)

    @property
    def payable(self) -> Payable:
        """What its tickets are paid by."""
        draw = self.unpaid.draw
        drawn = None if draw is None else write_picks(mask(draw))
        return Payable(self.unpaid.game, self.unpaid.number, drawn, self.terms.paytable_id)


@dataclass(frozen=True, slots=True)
class Settling:
    """Divides the stakes of drawn rounds between their tickets and the operators' bankrolls."""

    database: Database
    schedules: Schedules
    rounds: RoundStorage
    tickets: TicketStorage
    paying: PayingStorage
    bankrolls: BankrollStorage
    ledger: Ledger
    stakes: Stakes
    fairness: Fairness

    async def settle(self, lease: Lease, games: Sequence[GameId]) -> int:
        """Pay rounds of these games as their leader; give how many. LeadershipLost if another's."""
        async with self.database.transaction() as tx:
            await lease.guard(tx, longest=self.database.statement_time_out)
            await self.paying.by_index(tx, only=True)
            unpaid = await self.paying.unpaid(tx, games, MOST_ROUNDS)
            due = _some(await self._due(tx, unpaid)) if unpaid else []
            if due:
                await self._pay(tx, due)
        return len(due)

    async def _due(self, tx: Tx, unpaid: Sequence[Unpaid]) -> list[Due]:
        """Give the rounds for whose tickets it is too late now to come into the log."""
        standings = await self.schedules.games.standings_of(tx, {each.game for each in unpaid})
        schedules = await self.schedules.of(tx, standings)
        now = to_millis(await self.schedules.games.now(tx))
        due = []
        for each in unpaid:
            terms = schedules[each.game].of(each.number)
            assert terms is not None, "a round with a result has terms"
            deadline = self._deadline(terms, each)
            if deadline <= now:
                due.append(Due(each, terms, deadline))
        return due

    def _deadline(self, terms: Terms, unpaid: Unpaid) -> int:
        """Give time(R) of a round, in milliseconds."""
        if unpaid.beacon_round is None:
            return terms.chain.due_at(unpaid.number)
        drand = self.fairness.beacons.chain(terms.chain.entropy)
        assert drand is not None, "a round with a beacon has its chain"
        return 1000 * drand.appears_at(unpaid.beacon_round)

    async def _pay(self, tx: Tx, due: Sequence[Due]) -> None:
        unpaid = [each.unpaid for each in due]
        known = await self.schedules.numbered(tx, {each.game for each in unpaid})
        await self._refund_late(tx, due)
        await self.ledger.open_movements(tx)
        divided = await self.paying.pay(tx, [each.payable for each in due], STAKE_SHARDS)
        await self.paying.by_index(tx, only=False)  # the ledger plans for itself
        first = unpaid[0]
        key = f"keno:{known[first.game].name}:{first.number}"
        journal = await self.ledger.post(tx, key, await self._house(tx, known, divided, key))
        at = await self.schedules.games.now(tx)
        await self.paying.add_settlements(tx, _sums(divided), journal, at)
        await self.rounds.advance(tx, known)
        await tx.publish(
            RoundsSettled(rounds=[(known[each.game].name, each.number) for each in unpaid])
        )
        await self.bankrolls.change(tx, _changes(known, unpaid, divided))
        prizes = sum(each.paid for each in divided)
        refunds = sum(each.refunded for each in divided)
        tx.once_committed.append(partial(count_prizes, prizes=prizes, refunds=refunds))

    async def _refund_late(self, tx: Tx, due: Sequence[Due]) -> None:
        """Refund tickets that no head of the log before time(R) bound, whatever was drawn."""
        by_deadline: dict[int, list[Due]] = {}
        for each in due:
            by_deadline.setdefault(each.deadline, []).append(each)
        for deadline, rounds in by_deadline.items():
            late = await self.fairness.log.unbound(
                tx,
                Accepted.TICKET,
                accepted_before=from_millis(max(each.locks_at for each in rounds)),
                deadline=from_millis(deadline),
            )
            if late:
                keys = [(each.unpaid.game, each.unpaid.number) for each in rounds]
                at = await self.schedules.games.now(tx)
                count = await self.tickets.add_late(tx, late, keys, at)
                log.warning("tickets were not in the log in time; refunded", tickets=count)

    async def _house(
        self, tx: Tx, known: dict[GameId, Game], divided: Sequence[Divided], key: str
    ) -> list[Movement]:
        """Take the stakes out of their shards; what the tickets do not get is the bankroll's."""
        shards: dict[tuple[Asset, int], int] = {}
        kept: dict[tuple[str, Asset], int] = {}
        for each in divided:
            game = known[each.game]
            shard, bankroll = (game.asset, each.shard), (game.operator, game.asset)
            shards[shard] = shards.get(shard, 0) - each.staked
            kept[bankroll] = kept.get(bankroll, 0) + each.staked - each.paid - each.refunded
        found = [
            Movement(await self.stakes.shard(*shard, tx), amount, "ticket", key)
            for shard, amount in sorted(shards.items())
        ]
        for bankroll, amount in sorted(kept.items()):
            account = await self.stakes.bankroll(tx, *bankroll)
            found.append(Movement(account, amount, "ticket", key))
        return [each for each in found if each.amount]


def _some(due: Sequence[Due]) -> list[Due]:
    """Take as many rounds as one journal may have tickets, and one at least."""
    found: list[Due] = []
    left = MOST_TICKETS
    for each in due:
        left -= each.unpaid.tickets
        if found and left < 0:
            break
        found.append(each)
    return found


def _sums(divided: Sequence[Divided]) -> list[tuple[GameId, int, int, int]]:
    sums: dict[tuple[GameId, int], tuple[int, int]] = {}
    for each in divided:
        paid, refunded = sums.get((each.game, each.number), (0, 0))
        sums[each.game, each.number] = (paid + each.paid, refunded + each.refunded)
    return [(*key, *amounts) for key, amounts in sorted(sums.items())]


def _changes(
    known: dict[GameId, Game], unpaid: Sequence[Unpaid], divided: Sequence[Divided]
) -> dict[tuple[str, Asset], tuple[int, int]]:
    """Say by how much the bankrolls' funds grow, and what they no longer have to stand for."""
    found: dict[tuple[str, Asset], tuple[int, int]] = {}
    for each in divided:
        key = known[each.game].operator, known[each.game].asset
        funds, exposure = found.get(key, (0, 0))
        found[key] = (funds + each.staked - each.paid - each.refunded, exposure)
    for round_ in unpaid:
        key = known[round_.game].operator, known[round_.game].asset
        funds, exposure = found[key]
        found[key] = (funds, exposure - round_.exposure)
    return found
