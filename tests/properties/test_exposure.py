"""Whatever is bought, given back, drawn and paid: what could still be won is covered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rooms.contexts.keno.api import BuyTickets
from rooms.kernel.ids import PlayerId, TicketId
from rooms.kernel.money import lamports
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from tests.houses import ONE, Person, a_key
from tests.keno_houses import SPOTS, TERMS, KenoHouse, wire_keno_house

STEP: Final = TERMS.stake_step
FUNDS: Final = 60 * STEP
LIMIT: Final = 45 * STEP
TOPS: Final = {1: 38, 2: 95}  # of SPOTS, in tenths of the stake
REFUSED: Final = frozenset({"E-EXPOSURE", "E-BANKROLL", "E-ROUND-CLOSED", "E-BAL-LOW"})

_games = count(1)


@dataclass(frozen=True, slots=True)
class Buy:
    """Some buy at once: who, how many numbers, how many steps of stake, rounds, first ahead."""

    tickets: Sequence[tuple[int, int, int, int, int]]


@dataclass(frozen=True, slots=True)
class Cancel:
    """One of the tickets that were bought is given back."""

    which: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Rounds pass, are drawn and paid."""

    rounds: int


@dataclass(frozen=True, slots=True)
class Fund:
    """Somebody puts steps of stake into the bankroll."""

    steps: int


tickets = st.tuples(
    st.integers(0, 3),
    st.sampled_from(sorted(TOPS)),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(0, 3),
)
acts = st.one_of(
    st.builds(Buy, st.lists(tickets, min_size=1, max_size=5)),
    st.builds(Cancel, st.integers(0, 50)),
    st.builds(Pass, st.integers(1, 3)),
    st.builds(Fund, st.integers(1, 20)),
)


@dataclass(slots=True)
class Run:
    """One run: a game of its own over a bankroll that all runs share."""

    keno: KenoHouse
    people: Sequence[Person]
    game: str = ""
    bought: list[tuple[TicketId, PlayerId]] = field(default_factory=list)

    async def go(self, order: Sequence[Buy | Cancel | Pass | Fund]) -> None:
        for act in order:
            match act:
                case Buy(wanted):
                    await asyncio.gather(*(self.buy(*each) for each in wanted))
                case Cancel(which) if self.bought:
                    await self.cancel(*self.bought[which % len(self.bought)])
                case Pass(rounds):
                    await self.keno.pass_rounds(rounds, game=self.game)
                case Fund(steps):
                    await self.keno.keno.fund(lamports(steps * STEP), by=None, key=a_key("fund"))
            await self.is_covered()

    async def buy(self, person: int, spots: int, steps: int, rounds: int, ahead: int) -> None:
        """Buy; where it is not covered, a smaller stake is said to fit."""
        first = (await self.keno.keno.game(self.game)).round + ahead
        picks = tuple(range(1, spots + 1))
        command = self.keno.command(
            self.people[person],
            picks,
            game=self.game,
            stake=steps * STEP,
            rounds=rounds,
            first_round=first,
        )
        try:
            await self.take(command)
        except Refusal as refusal:
            fits = refusal.data.get("fits", 0)
            if refusal.code not in REFUSED or (isinstance(fits, int) and fits >= steps * STEP):
                raise

    async def take(self, command: BuyTickets) -> None:
        bought = (await self.keno.keno.buy(command)).value
        self.bought += [
            (TicketId(bought.first_ticket + ahead), command.player)
            for ahead in range(bought.rounds)
        ]

    async def cancel(self, ticket: TicketId, player: PlayerId) -> None:
        try:
            await self.keno.keno.cancel(ticket, player)
        except Refusal as refusal:
            if refusal.code != "E-TICKET-LATE":
                raise

    async def is_covered(self) -> None:
        """Sum the top prizes of all tickets that are not paid, and look what stands for them."""
        (bankroll,) = await self.keno.keno.bankrolls()
        async with self.keno.database.snapshot() as tx:
            rows = await tx.fetch(UNPAID)
        tops = {
            (row["game_id"], row["number"]): sum(
                stake * TOPS[spots] // 10
                for stake, spots in zip(row["stakes"], row["spots"], strict=True)
            )
            for row in rows
        }
        assert bankroll.exposure == sum(tops.values())
        assert 0 <= bankroll.exposure <= bankroll.funds
        assert max(tops.values(), default=0) <= LIMIT
        assert await self.keno.house.balances_of("bankroll") == bankroll.funds


UNPAID: Final = """
    SELECT game_id, number, array_agg(stake) AS stakes, array_agg(spots) AS spots
    FROM keno.tickets AS ticket
    WHERE NOT EXISTS (SELECT FROM keno.settlements WHERE game_id = ticket.game_id
                      AND number = ticket.number)
      AND NOT EXISTS (SELECT FROM keno.refunds WHERE ticket_id = ticket.id
                      AND reason = 'CANCELLED')
    GROUP BY game_id, number
"""


async def _furnished(dsn: Dsn) -> tuple[KenoHouse, list[Person]]:
    database = Database(dsn.app, Doorbell(), size=6)
    owner = Database(dsn.owner, Doorbell(), role="rooms_owner", size=1)
    await database.open()
    await owner.open()
    keno = wire_keno_house(database, owner)
    await keno.keno.fund(lamports(FUNDS), by=None, key=a_key("fund"))
    people = [await keno.player(fund * ONE) for fund in (10, 10, 10)]
    return keno, [*people, await keno.player(5 * STEP)]


def test_what_can_still_be_won_never_exceeds_the_bankroll_and_the_bankroll_never_falls_below_zero(
    dsn: Dsn,
) -> None:
    paytable = {str(spots): SPOTS[str(spots)] for spots in TOPS}

    with asyncio.Runner() as runner:
        keno, people = runner.run(_furnished(dsn))

        @settings(max_examples=max(settings().max_examples // 20, 1))
        @given(st.lists(acts, min_size=4, max_size=10))
        @example([Buy([(0, 2, 4, 1, 0)] * 5), Pass(2), Buy([(1, 1, 9, 4, 0)] * 3), Pass(3)])
        def covered(order: Sequence[Buy | Cancel | Pass | Fund]) -> None:
            async def play() -> None:
                name = f"exposed-{next(_games)}"
                terms = replace(TERMS, paytable=paytable, max_win=LIMIT, round_limit=LIMIT)
                await keno.open_game(name, terms, funds=0)
                await Run(keno, people, name).go(order)
                await keno.move("PAUSED", game=name)

            runner.run(play())

        try:
            covered()
            runner.run(keno.books_are_right())
        finally:
            runner.run(keno.database.close())
            runner.run(keno.house.owner.close())
