"""The face of keno, put together from its use cases and its reading side."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from rooms.contexts.identity.api import Administrator
from rooms.contexts.keno.api import (
    BankrollView,
    BuyTickets,
    Draws,
    GameStatus,
    GameTerms,
    GameView,
    Purchase,
    RoundView,
    TicketView,
)
from rooms.contexts.keno.queries.views import KenoQueries
from rooms.contexts.keno.service.cancelling import Cancelling
from rooms.contexts.keno.service.games import Games
from rooms.contexts.keno.service.proving import Proving
from rooms.contexts.keno.service.schedules import require_name
from rooms.contexts.keno.service.selling import Selling
from rooms.contexts.keno.service.showing import Showing
from rooms.contexts.keno.storage.games import Game
from rooms.kernel.ids import CommandKey, PlayerId, TicketId
from rooms.kernel.money import Asset, Money
from rooms.platform.commands import Answered, once
from rooms.platform.database import Database, Tx
from rooms.proof.records import ref


@dataclass(frozen=True, slots=True)
class KenoService:
    """Games, rounds, tickets. ``ref_key`` makes the tickets' public references."""

    database: Database
    selling: Selling
    cancelling: Cancelling
    making: Games
    showing: Showing
    proving: Proving
    queries: KenoQueries
    ref_key: bytes = field(repr=False)

    async def buy(self, command: BuyTickets) -> Answered[Purchase]:
        """Buy tickets, paid at once."""
        return await self.selling.buy(command)

    async def cancel(self, ticket: TicketId, player: PlayerId) -> TicketView:
        """Give a ticket back before its round opens."""
        return await self.cancelling.cancel(ticket, player)

    async def ticket(self, ticket: TicketId, owner: PlayerId | None) -> TicketView:
        """Show a ticket, to its owner alone unless that is left out."""
        async with self.database.snapshot() as tx:
            return await self.queries.ticket(tx, ticket, owner)

    async def tickets(
        self,
        player: PlayerId,
        *,
        game: str | None,
        number: int | None,
        before: TicketId | None,
        limit: int,
    ) -> list[TicketView]:
        """List a player's own tickets."""
        schedules = self.showing.schedules
        async with self.database.snapshot() as tx:
            of = None if game is None else (await schedules.one(tx, game)).id
            return await self.queries.tickets(
                tx, player, game=of, number=number, before=before, limit=limit
            )

    async def tickets_of_rounds(
        self, game: str, numbers: Collection[int], players: Collection[PlayerId]
    ) -> list[tuple[PlayerId, TicketView]]:
        """Give the tickets that these players have in these rounds, each with its owner."""
        async with self.database.snapshot() as tx:
            of = (await self.showing.schedules.one(tx, game)).id
            return await self.queries.of_rounds(tx, of, numbers, players)

    def ticket_ref(self, ticket: TicketId) -> str:
        """Give the opaque public reference of a ticket (docs/spec/fairness.md, section 5)."""
        return ref(self.ref_key, "ticket", ticket).hex()

    async def games(self) -> list[GameView]:
        """List the games."""
        return await self.showing.games()

    async def game(self, game: str) -> GameView:
        """Show a game."""
        return await self.showing.game(game)

    async def round(self, game: str, number: int) -> RoundView:
        """Show a round."""
        return await self.showing.round(game, number)

    async def rounds(self, game: str, before: int | None, limit: int) -> list[RoundView]:
        """List a game's rounds, newest first."""
        return await self.showing.rounds(game, before, limit)

    async def round_proof(self, game: str, number: int) -> dict[str, Any]:
        """Give the file of ``rooms verify round``."""
        return await self.proving.round(game, number)

    async def ticket_proof(self, ticket: TicketId, owner: PlayerId | None) -> dict[str, Any]:
        """Give the file of ``rooms verify ticket``."""
        return await self.proving.ticket(ticket, await self.ticket(ticket, owner))

    def day_file(self, game: str, day: date) -> AsyncIterator[bytes]:
        """Stream the file of ``rooms verify day``, some lines at a time."""
        return self.proving.day(game, day)

    async def paytable(self, digest: str) -> dict[str, list[str]]:
        """Give the spots of a paytable."""
        return await self.showing.paytable(digest)

    async def create_game(
        self,
        game: str,
        asset: Asset,
        terms: GameTerms,
        *,
        starts_in: timedelta,
        by: Administrator | None,
        key: CommandKey | None = None,
    ) -> Answered[GameView]:
        """Make a game."""
        return await self._done(
            key,
            lambda tx: self.making.create(tx, game, asset, terms, starts_in=starts_in, by=by),
        )

    async def change_game(
        self,
        game: str,
        changes: dict[str, Any],
        *,
        by: Administrator | None,
        key: CommandKey | None = None,
    ) -> Answered[GameView]:
        """Give a game other terms, later."""
        require_name(game)
        return await self._done(key, lambda tx: self.making.change(tx, game, changes, by=by))

    async def move_game(
        self,
        game: str,
        status: GameStatus,
        *,
        by: Administrator | None,
        key: CommandKey | None = None,
    ) -> Answered[GameView]:
        """Pause, drain or resume a game."""
        require_name(game)
        return await self._done(key, lambda tx: self.making.move(tx, game, status, by=by))

    async def _done(
        self, key: CommandKey | None, act: Callable[[Tx], Awaitable[Game]]
    ) -> Answered[GameView]:
        """Do something to a game, once per key, and show the game as it is then."""

        async def acted() -> GameView:
            return await self.showing.game_in(tx, (await act(tx)).name)

        async with self.database.transaction() as tx:
            if key is None:
                return Answered(await acted(), replayed=False)
            return await once(tx, key, GameView, acted)

    async def fund(
        self, money: Money, *, by: Administrator | None, key: CommandKey
    ) -> Answered[BankrollView]:
        """Put money into the house's bankroll, from outside."""

        async def funded() -> BankrollView:
            await self.making.fund(tx, money, by=by, key=f"{key.scope} {key.key}")
            found = await self.queries.bankrolls(tx)
            return next(each for each in found if each.asset == money.asset)

        async with self.database.transaction() as tx:
            return await once(tx, key, BankrollView, funded)

    async def draws(self, game: str, most: int) -> Draws:
        """Give a game's latest draws."""
        return await self.showing.draws(game, most)

    async def bankrolls(self) -> list[BankrollView]:
        """List the bankrolls."""
        async with self.database.snapshot() as tx:
            return await self.queries.bankrolls(tx)
