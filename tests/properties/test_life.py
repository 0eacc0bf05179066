"""Rooms live and die in any order of events, and the house agrees with the plain model."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from itertools import count
from typing import Any, Final, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rooms.contexts.identity.api import Administrator
from rooms.contexts.oracle.events import ConditionMet, ConditionNotMet
from rooms.contexts.parimutuel.api import BetReceipt, PlaceBet
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant, to_millis
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from rooms.proof.pool import Side
from tests.houses import LIMITS, ONE, TERMS, House, Person, wire
from tests.properties.rooms_model import ENDED, Model, ModelBet, ModelPlayer, ModelRoom

T = TypeVar("T")
STEPS: Final = 40
MOST_ROOMS: Final = 5
SECOND, MOMENT = timedelta(seconds=1), timedelta(milliseconds=1)
GRACE: Final = TERMS.settle_grace
STAFF: Final = ("Ada", "Ben", "Cleo")

sides = st.sampled_from(Side)
resolves = st.sampled_from(["touch", "at_close"])
stakes = st.one_of(
    st.integers(LIMITS.stake_min, 3 * ONE),
    st.sampled_from([LIMITS.stake_min - 1, LIMITS.stake_min, LIMITS.stake_max + 1, 50 * ONE]),
)


# What ends betting comes seldom, so that there is something to settle.
seldom = st.sampled_from([True, False, False])


async def code_of(asked: Coroutine[Any, Any, T]) -> T | str:
    """The answer, or the code of the refusal."""
    try:
        return await asked
    except Refusal as refusal:
        return refusal.code


class Life(RuleBasedStateMachine):
    """One run is a few rooms and players of its own in a house that many runs share."""

    house: House
    runner: asyncio.Runner
    staff: dict[str, Administrator]
    numbers = count(1)

    players: Bundle[ModelPlayer] = Bundle("players")
    rooms: Bundle[ModelRoom] = Bundle("rooms")
    bets: Bundle[tuple[ModelRoom, ModelBet]] = Bundle("bets")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.before = self.run(self.platform())

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(act)

    async def platform(self) -> tuple[int, ...]:
        return tuple(
            [
                await self.house.balances_of(kind)
                for kind in ("room_pools", "protocol_revenue", "breakage")
            ]
        )

    @property
    def now(self) -> Instant:
        return SystemClock().now()

    @initialize(target=players)
    def some_players(self) -> Any:
        return multiple(*(self.join(fund * ONE, None) for fund in (2, 4, 8, 16)))

    @rule(target=players, fund=st.integers(0, 20 * ONE), referrer=st.none() | players)
    def a_player_joins(self, fund: int, referrer: ModelPlayer | None) -> ModelPlayer:
        return self.join(fund, referrer)

    def join(self, fund: int, referrer: ModelPlayer | None) -> ModelPlayer:
        person: Person = self.run(self.house.player(fund, referrer.person if referrer else None))
        uplines = [referrer, *referrer.uplines][:3] if referrer else []
        self.model.players.append(ModelPlayer(person, fund, uplines))
        return self.model.players[-1]

    @initialize(target=rooms, host=players)
    def a_first_room(self, host: ModelPlayer) -> ModelRoom:
        room = self.open_room(host, "touch", 2)
        self.try_bets(room, self.model.players, Side.NO, ONE, met=False)
        return room

    @precondition(lambda self: len(self.model.rooms) < MOST_ROOMS)
    @rule(
        target=rooms,
        host=players,
        resolve=resolves,
        min_players=st.integers(1, 3),
    )
    def a_room_is_opened(self, host: ModelPlayer, resolve: str, min_players: int) -> ModelRoom:
        return self.open_room(host, resolve, min_players)

    def open_room(self, host: ModelPlayer, resolve: str, min_players: int) -> ModelRoom:
        self.house.oracle.say("SOL", "150")
        view = self.run(self.house.open_room(host.person, resolve=resolve, min_players=min_players))
        room = ModelRoom(
            view.id, host, resolve, min_players, view.created_at, view.locks_at, view.settles_at
        )
        self.model.rooms.append(room)
        return room

    @rule(target=bets, room=rooms, player=players, side=sides, stake=stakes, met=st.booleans())
    def a_bet_is_tried(
        self, room: ModelRoom, player: ModelPlayer, side: Side, stake: int, met: bool
    ) -> Any:
        met = met and stake % 3 == 0
        return multiple(*self.try_bets(room, [player], side, stake, met=met))

    @rule(
        target=bets,
        room=rooms,
        people=st.lists(players, min_size=2, max_size=5, unique_by=id),
        side=sides,
        stake=st.integers(LIMITS.stake_min, ONE),
    )
    def bets_are_tried_at_once(
        self, room: ModelRoom, people: list[ModelPlayer], side: Side, stake: int
    ) -> Any:
        return multiple(*self.try_bets(room, people, side, stake, met=False))

    def try_bets(
        self, room: ModelRoom, people: list[ModelPlayer], side: Side, stake: int, *, met: bool
    ) -> list[tuple[ModelRoom, ModelBet]]:
        """The people bet at the same time, on one side and the other in turn."""
        commands = [
            PlaceBet(
                room=room.id,
                player=player.person.id,
                side=side if number % 2 else side.other,
                stake=stake,
                key=f"life-{next(self.numbers)}",
            )
            for number, player in enumerate(people)
        ]
        self.run(self.house.look("165" if met else "164"))
        expected = [room.bet_refusal(player, stake, now=self.now, met=met) for player in people]
        answers = self.run(self.place(commands))
        accepted = []
        for player, command, code, answer in zip(people, commands, expected, answers, strict=True):
            if isinstance(answer, str):
                assert answer == code
                continue
            assert code is None
            # Logical time, so that a run is the same run when it is repeated.
            at = room.created_at + (len(room.bets) + 1) * SECOND
            self.run(self.house.date_bet(answer.id, at))
            bet = ModelBet(player, command.side, stake, command.key, answer.id, at)
            self.model.accept(room, bet)
            accepted.append((room, bet))
        return accepted

    async def place(self, commands: list[PlaceBet]) -> list[BetReceipt | str]:
        async def one(command: PlaceBet) -> BetReceipt:
            return (await self.house.rooms.place_bet(command)).value

        return list(await asyncio.gather(*(code_of(one(command)) for command in commands)))

    @rule(placed=bets, twist=st.sampled_from(["same", "stake", "side", "room"]), other=rooms)
    def a_bets_key_comes_again(
        self, placed: tuple[ModelRoom, ModelBet], twist: str, other: ModelRoom
    ) -> None:
        room, bet = placed
        command = PlaceBet(
            room=other.id if twist == "room" else room.id,
            player=bet.player.person.id,
            side=bet.side.other if twist == "side" else bet.side,
            stake=bet.stake + 1 if twist == "stake" else bet.stake,
            key=bet.key,
        )
        same = twist == "same" or (twist == "room" and other is room)
        (answer,) = self.run(self.place([command]))
        if same:
            assert not isinstance(answer, str)
            assert answer.id == bet.id
        else:
            assert answer == "E-KEY-REUSED"

    @rule(room=rooms, soon=seldom)
    def the_lock_time_passes(self, room: ModelRoom, soon: bool) -> None:
        if soon and room.locks_at > self.now and not room.decided:
            room.let_pass(self.run(self.house.let_pass(room.id, until="locks_at")))

    @rule(room=rooms, soon=seldom, more=st.sampled_from([timedelta(), GRACE]))
    def the_settle_time_passes(self, room: ModelRoom, soon: bool, more: timedelta) -> None:
        if soon and room.settles_at + more > self.now and not room.decided:
            room.let_pass(self.run(self.house.let_pass(room.id, until="settles_at", more=more)))

    @rule(room=rooms)
    def ten_minutes_pass(self, room: ModelRoom) -> None:
        if not room.decided:
            room.let_pass(self.run(self.house.let_pass_for(room.id, timedelta(minutes=10))))

    @rule()
    def the_house_does_what_is_due(self) -> None:
        self.run(self.house.clock.tick())
        self.model.tick(self.now)

    @rule(
        room=rooms,
        place=st.sampled_from([4, 3, 2, 1]),
        late=st.sampled_from([0 * MOMENT, -MOMENT, MOMENT]),
        blind=st.booleans(),
    )
    def the_target_is_touched(
        self, room: ModelRoom, place: int, late: timedelta, blind: bool
    ) -> None:
        """The cutoff lies at a bet, or a moment beside it; the feeds may have been blind."""
        if room.resolve != "touch" or room.decided:
            return
        cutoff = room.created_at + place * SECOND + late
        t_hit, t_clear = (
            (cutoff + 9 * SECOND, cutoff) if blind else (cutoff + 3 * SECOND, cutoff + SECOND)
        )
        self.run(self.house.touched(room.id, t_hit, t_clear))
        self.model.decide(room, Side.YES, cutoff, hit=t_hit, why="TARGET_MET_QUEUING")

    @rule(room=rooms, outcome=sides)
    def the_price_at_the_settle_time_is_seen(self, room: ModelRoom, outcome: Side) -> None:
        if room.settles_at <= self.now and not room.decided:
            self.run(self.house.closed(room.id, outcome))
            self.model.decide(room, outcome, None, why="MIN_PLAYERS")

    @precondition(lambda self: any(room.decided for room in self.model.rooms))
    @rule(room=rooms, outcome=sides)
    def an_outcome_is_told_again(self, room: ModelRoom, outcome: Side) -> None:
        if not room.decided:
            return
        subject, hit = f"room:{room.id}", to_millis(room.created_at)
        told = ConditionNotMet(subject=subject, trigger="close", ticks=[1])
        touched = ConditionMet(subject=subject, trigger="touch", ticks=[1], t_hit=hit, t_clear=hit)
        self.run(self.tell(touched if outcome is Side.YES else told))

    async def tell(self, fact: ConditionMet | ConditionNotMet) -> None:
        async with self.house.database.transaction() as tx:
            await tx.publish(fact)
        await self.house.deliver()

    @rule(room=rooms, times=st.integers(1, 4))
    def a_room_is_paid_by_several_at_once(self, room: ModelRoom, times: int) -> None:
        due = room.outcome is not None and room.status not in ENDED
        paid = self.run(self.pay(room, times))
        assert sum(paid) == due
        self.model.pay(room)

    async def pay(self, room: ModelRoom, times: int) -> list[bool]:
        pay: Callable[..., Any] = self.house.rooms.settling.pay
        return list(await asyncio.gather(*(pay(room.id) for _ in range(times))))

    @rule(room=rooms, name=st.sampled_from(STAFF))
    def an_administrator_asks_for_a_void(self, room: ModelRoom, name: str) -> None:
        expected = room.void_refusal(name, now=self.now)
        asked = self.house.rooms.request_void(room.id, self.staff[name], "for no good reason")
        answer = self.run(code_of(asked))
        if isinstance(answer, str):
            assert answer == expected
            return
        assert expected is None
        room.asked.add(name)
        assert answer.asked_by == len(room.asked)
        room.void_at = answer.effective_at or room.void_at

    @rule(room=consumes(rooms))
    def a_room_is_left_alone(self, room: ModelRoom) -> None:
        """Some rooms are never touched again, whatever state they are in."""

    @invariant()
    def balances_pools_and_statuses_agree(self) -> None:
        self.run(self.compare())

    async def compare(self) -> None:
        accounts = {player.person.account: player.balance for player in self.model.players}
        async with self.house.database.snapshot() as tx:
            rows = await tx.fetch(
                "SELECT id, balance FROM ledger.accounts WHERE id = ANY ($1)", list(accounts)
            )
            rooms = await tx.fetch(
                "SELECT room.id, status, reason FROM parimutuel.rooms AS room LEFT JOIN "
                "parimutuel.settlements ON room_id = room.id WHERE room.id = ANY ($1)",
                [room.id for room in self.model.rooms],
            )
        assert {row["id"]: row["balance"] for row in rows} == accounts
        assert {row["id"]: (row["status"], row["reason"]) for row in rooms} == {
            room.id: (room.status.value, room.reason) for room in self.model.rooms
        }
        changed = [now - was for now, was in zip(await self.platform(), self.before, strict=True)]
        assert changed == [self.model.in_pools, self.model.revenue, self.model.breakage]

    def teardown(self) -> None:
        self.run(self.everything_ends())
        self.run(self.compare())
        self.run(self.audit())

    async def everything_ends(self) -> None:
        """No room stays: when its time has passed each is settled or, without a price, void."""
        for number, room in enumerate(self.model.rooms):
            if room.decided:
                continue
            priced = number % 3 < 2
            more = timedelta() if priced else GRACE
            room.let_pass(await self.house.let_pass(room.id, until="settles_at", more=more))
            if priced:
                outcome = list(Side)[number % 3]
                await self.house.closed(room.id, outcome)
                self.model.decide(room, outcome, None, why="MIN_PLAYERS")
        await self.house.clock.tick()
        self.model.tick(self.now)
        assert {room.status for room in self.model.rooms} <= ENDED

    async def audit(self) -> None:
        await self.house.books_are_right()
        for room in self.model.rooms:
            if room.reason is None:
                report = await self.house.verified(room.id)
                assert not [step for step in report.steps if step.name in MONEY and not step.ok]


# The observations of a run are made up, so only what follows from its bets is derived again.
MONEY: Final = {"scratches", "payouts", "totals", "fees", "conservation", "file hash"}


async def furnished(dsn: Dsn) -> tuple[House, dict[str, Administrator]]:
    database = Database(dsn.app, Doorbell(), size=6)
    owner = Database(dsn.owner, Doorbell(), role="rooms_owner", size=1)
    await database.open()
    await owner.open()
    house = wire(database, owner, limits={"rooms_per_host": 1_000_000})
    return house, {name: await house.administrator(name) for name in STAFF}


def test_whatever_happens_the_house_agrees_with_the_model(dsn: Dsn) -> None:
    with asyncio.Runner() as runner:
        house, staff = runner.run(furnished(dsn))
        Life.house, Life.staff, Life.runner = house, staff, runner
        try:
            run_state_machine_as_test(
                Life,
                settings=settings(
                    max_examples=max(settings().max_examples // 3, 1), stateful_step_count=STEPS
                ),
            )
        finally:
            runner.run(house.database.close())
            runner.run(house.owner.close())
