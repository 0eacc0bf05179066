"""Give a ticket back before its round opens."""

from dataclasses import dataclass

from rooms.contexts.keno.api import TicketView
from rooms.contexts.keno.queries.views import KenoQueries
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.service.stakes import Stakes, stake_shard
from rooms.contexts.keno.storage.games import BankrollStorage, Game
from rooms.contexts.keno.storage.tickets import Sold, Ticket, TicketStorage
from rooms.contexts.ledger.api import Ledger, Movement
from rooms.kernel.ids import PlayerId, TicketId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import from_millis, to_millis
from rooms.platform.database import Database, Tx


@dataclass(frozen=True, slots=True)
class Cancelling:
    """Gives stakes back to players who changed their mind in time."""

    database: Database
    schedules: Schedules
    tickets: TicketStorage
    bankrolls: BankrollStorage
    queries: KenoQueries
    ledger: Ledger
    stakes: Stakes

    async def cancel(self, ticket: TicketId, player: PlayerId) -> TicketView:
        """Cancel a ticket whose round has not opened; once it is cancelled, say so again."""
        async with self.database.transaction() as tx:
            found = await self._own(tx, ticket, player)
            (standing,) = await self.schedules.games.join_lines(tx, [found.game])
            schedule = (await self.schedules.of(tx, [standing]))[found.game]
            terms = schedule.of(found.number)
            assert terms is not None, "a ticket's round has terms"
            opens_at = terms.chain.slot(found.number)
            if found.refunded is None and to_millis(standing.at) >= opens_at:
                raise Refusal("E-TICKET-LATE", ticket=ticket, opens_at=from_millis(opens_at))
            # Of two who cancel the same ticket the second one waits here, and notes nothing.
            if await self.tickets.add_refund(tx, found, "CANCELLED", standing.at):
                game = (await self.schedules.numbered(tx, [found.game]))[found.game]
                await self._give_back(
                    tx, found, game, terms.top_prize(len(found.picks), found.stake)
                )
            return await self.queries.ticket(tx, ticket, player)

    async def _own(self, tx: Tx, ticket: TicketId, player: PlayerId) -> Ticket:
        found = await self.tickets.ticket(tx, ticket)
        if found is None or found.player != player:
            raise Refusal("E-TICKET-UNKNOWN", ticket=ticket)
        return found

    async def _give_back(self, tx: Tx, ticket: Ticket, game: Game, top: int) -> None:
        shard = await self.stakes.shard(game.asset, stake_shard(ticket.account), tx)
        ref = f"ticket:{ticket.id}"
        await self.ledger.post(
            tx,
            f"cancel:{ticket.id}",
            [
                Movement(shard, -ticket.stake, "refund", ref),
                Movement(ticket.account, ticket.stake, "refund", ref),
            ],
        )
        await self.tickets.take_back(tx, (ticket.game, ticket.number), Sold(1, ticket.stake, top))
        await self.bankrolls.change(tx, {(game.operator, game.asset): (0, -top)})
