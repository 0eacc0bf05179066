"""A small house that runs keno: the real contexts over one database, its clock turned by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction
from itertools import count
from typing import Any, Final

import pytest

from rooms.contexts.fairness.api import Fairness
from rooms.contexts.keno.api import (
    BuyTickets,
    GameStatus,
    GameTerms,
    Purchase,
    RoundView,
    TicketView,
)
from rooms.contexts.keno.domain import Band, Rules
from rooms.contexts.keno.module import Clockwork, KenoModule, Neighbours, wire_keno
from rooms.contexts.keno.service.keno import KenoService
from rooms.contexts.keno.storage.rounds import RoundStorage
from rooms.contexts.keno.workers import RoundClock
from rooms.contexts.ledger.checks import check_books
from rooms.kernel.ids import TicketId
from rooms.kernel.money import SOL, lamports
from rooms.platform.commands import Answered
from rooms.platform.database import Database
from tests.hand_fairness import CHAIN, HandBeacons, HandSeeds
from tests.houses import ONE, House, Person, a_key, solvency_of, wire
from tests.keno_books import wrong_with_keno

GAME: Final = "keno-test"
SPOTS: Final = {
    "1": ["0", "3.8"],
    "2": ["0", "1", "9.5"],
    "10": ["2", "0", "0", "0", "0", "8", "20", "100", "330", "2000", "15000"],
}
TERMS: Final = GameTerms(
    interval=timedelta(seconds=5),
    lead=timedelta(seconds=1),
    entropy="none",
    paytable=SPOTS,
    stake_min=1_000_000,
    stake_max=ONE,
    stake_step=1_000_000,
    max_win=20_000 * ONE,
    round_limit=100_000 * ONE,
)
DRAND: Final = replace(TERMS, entropy=CHAIN.entropy)
RULES: Final = Rules(
    band=Band(lowest=Fraction(85, 100), highest=Fraction(97, 100)), ahead=120, without_entropy=True
)
FUNDS: Final = 1_000_000 * ONE

_keys = count(1)


@dataclass(slots=True)
class KenoHouse:
    """``house`` with a keno whose seeds and beacons are made by hand."""

    house: House
    wired: KenoModule
    seeds: HandSeeds
    beacons: HandBeacons
    keno: KenoService = field(init=False)

    def __post_init__(self) -> None:
        face = self.wired.module.face
        assert isinstance(face, KenoService)
        self.keno = face

    @property
    def clock(self) -> RoundClock:
        return self.wired.clocks[0]

    @property
    def database(self) -> Database:
        return self.house.database

    async def player(self, fund: int = 100 * ONE) -> Person:
        return await self.house.player(fund)

    async def open_game(
        self, name: str = GAME, terms: GameTerms = TERMS, *, funds: int = FUNDS
    ) -> str:
        """Make a game whose first round is open now, with money to pay its prizes."""
        if funds:
            await self.keno.fund(lamports(funds), by=None, key=a_key("fund"))
        await self.keno.create_game(name, SOL, terms, starts_in=timedelta(), by=None)
        await self.let_pass(
            name, milliseconds=2_000
        )  # the first round opens on a whole second, not at once
        return name

    async def buy(
        self, person: Person, picks: Iterable[int] | int = (1, 2), **asked: Any
    ) -> Purchase:
        return (await self.answer(person, picks, **asked)).value

    async def answer(
        self, person: Person, picks: Iterable[int] | int = (1, 2), **asked: Any
    ) -> Answered[Purchase]:
        """Buy numbers, or so many that the house picks."""
        return await self.keno.buy(self.command(person, picks, **asked))

    def command(
        self,
        person: Person,
        picks: Iterable[int] | int = (1, 2),
        *,
        game: str = GAME,
        stake: int = 1_000_000,
        rounds: int = 1,
        first_round: int | None = None,
        key: str | None = None,
    ) -> BuyTickets:
        """Say what somebody wants to buy."""
        return BuyTickets(
            game=game,
            player=person.id,
            picks=None if isinstance(picks, int) else tuple(picks),
            quick_pick=picks if isinstance(picks, int) else None,
            stake=lamports(stake),
            rounds=rounds,
            first_round=first_round,
            key=key or f"tickets-{next(_keys)}",
        )

    async def move(self, status: str, *, game: str = GAME) -> None:
        """Pause, drain or resume a game."""
        await self.keno.move_game(game, GameStatus(status), by=None)

    async def let_pass(self, game: str = GAME, *, milliseconds: int) -> None:
        """Let time pass for a game: all that is fixed in time for it is moved into the past.

        The database's clock cannot be set; only the owner of the tables can do this.
        """
        whole = timedelta(milliseconds=milliseconds)
        async with self.house.owner.transaction() as tx:
            number = await tx.value("SELECT id FROM keno.games WHERE game = $1", game)
            await tx.execute(
                "UPDATE keno.terms SET epoch_ms = epoch_ms - $2 WHERE game_id = $1",
                number,
                milliseconds,
            )
            await tx.execute(
                "UPDATE keno.games SET locks_next = locks_next - $2::interval WHERE id = $1",
                number,
                whole,
            )
            for table, column in (("tickets", "accepted_at"), ("results", "at")):
                await tx.execute(
                    f"UPDATE keno.{table} SET {column} = {column} - $2::interval "
                    f"WHERE game_id = $1",
                    number,
                    whole,
                )
            await tx.execute(
                "UPDATE fairness.pending SET at = at - $1::interval WHERE kind = 'ticket'", whole
            )
            await tx.execute("UPDATE fairness.heads SET at = at - $1::interval", whole)
        self.keno.showing.schedules.forget()

    async def pass_rounds(self, rounds: int = 1, *, game: str = GAME) -> None:
        """Let whole rounds pass, and the clock do what is due."""
        view = await self.keno.game(game)
        await self.let_pass(game, milliseconds=rounds * view.terms["interval_ms"])
        await self.clock.tick()

    async def round(self, number: int, game: str = GAME) -> RoundView:
        return await self.keno.round(game, number)

    async def tickets(self, purchase: Purchase) -> Sequence[TicketView]:
        return [
            await self.keno.ticket(TicketId(purchase.first_ticket + ahead), None)
            for ahead in range(purchase.rounds)
        ]

    async def books_are_right(self) -> None:
        """Re-sum everything; stakes are held for unpaid tickets alone, bankrolls cover them."""
        async with self.database.snapshot() as tx:
            wrong = {each.name: each.wrong for each in await check_books(tx) if each.wrong}
            assert wrong == {}
        async with self.house.owner.transaction() as tx:
            assert await wrong_with_keno(tx) == []


def wire_keno_house(
    database: Database,
    owner: Database,
    *,
    rules: Rules = RULES,
    holder: str = "test",
    **changes: Any,
) -> KenoHouse:
    """Wire a house whose keno is held to these rules; ``changes`` are of its clockwork."""
    return keno_over(wire(database, owner), rules=rules, holder=holder, **changes)


def keno_over(
    house: House,
    *,
    rules: Rules = RULES,
    holder: str = "test",
    seeds: HandSeeds | None = None,
    **changes: Any,
) -> KenoHouse:
    """Wire keno for a house that has none; houses that share their games share their seeds."""
    seeds, beacons = seeds or HandSeeds(RoundStorage()), HandBeacons()
    fairness = Fairness(house.log, seeds, beacons, solvency_of(house))
    near = Neighbours(house.identity, house.ledger, fairness, house.referral)
    usual = Clockwork(holder=holder, shards=1, grace=timedelta(hours=1), insist=timedelta())
    clockwork = replace(usual, **changes)
    wired = wire_keno(
        house.database,
        near,
        rules=rules,
        clockwork=clockwork,
        ref_key=b"a key for references in tests...",
    )
    return KenoHouse(house, wired, seeds, beacons)


@pytest.fixture
def keno(database: Database, owner: Database) -> KenoHouse:
    """A house with keno over the test's own database; its games are still to be made."""
    return wire_keno_house(database, owner)
