"""Who sends bets is known or asked for together; each bet is told what concerns it alone."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from rooms.contexts.identity.api import Bearer, Standing
from rooms.entrypoints.gateway.faces import Gateway
from rooms.entrypoints.gateway.reception import Reception
from rooms.entrypoints.gateway.swiftbets import AskedBet, Bettor, SwiftBets
from rooms.kernel.ids import PlayerId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import NotBegunError


@dataclass
class Doorkeeper:
    """Identity and referral in one: tokens are players' numbers. Looks wait for ``open``.

    Nobody is remembered but the players in ``regulars``.
    """

    looks: list[list[str]] = field(default_factory=list)
    members: list[list[PlayerId]] = field(default_factory=list)
    regulars: set[str] = field(default_factory=set)
    problem: Exception | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def remembered(self, token: str) -> Bearer | None:
        return bearer(int(token)) if token in self.regulars else None

    async def bearers_of(self, tokens: Sequence[str]) -> list[Bearer | None]:
        self.looks.append([*tokens])
        self.asked.set()
        await self.open.wait()
        if self.problem is not None and "7" in tokens:
            raise self.problem
        return [bearer(int(token)) if token.isdigit() else None for token in tokens]

    async def remember(self, players: Collection[PlayerId]) -> None:
        self.members.append(sorted(players))


def bearer(player: int) -> Bearer:
    return Bearer(PlayerId(player), Standing(b"%d" % player))


@dataclass
class Hall:
    """A reception whose bets are noted with the bettor that was found; "!" is no room's name."""

    keeper: Doorkeeper = field(default_factory=Doorkeeper)
    found: dict[str, Bettor] = field(default_factory=dict)
    served: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        @dataclass
        class Faces:
            identity: Any
            referral: Any

        faces = cast("Gateway", Faces(self.keeper, self.keeper))
        self.reception = Reception(faces, cast("SwiftBets", self))

    def begin(self, bet: AskedBet, bettor: Bearer) -> bool:
        if "!" not in bet.room:
            self.serve(bet, bettor)
        return "!" not in bet.room

    def serve(self, bet: AskedBet, bettor: Bettor) -> None:
        self.found[bet.room] = bettor
        self.served.set()

    def take(self, room: str, authorization: bytes) -> None:
        headers = {b"authorization": authorization} if authorization else {}
        self.reception.take(AskedBet(room, headers, "", b"", 0.0, lambda *_: None))

    async def all_served(self, many: int) -> None:
        self.keeper.open.set()
        async with asyncio.timeout(10):
            while len(self.found) < many:
                self.served.clear()
                await self.served.wait()


@pytest.fixture
def hall() -> Hall:
    return Hall()


async def test_bets_that_come_during_a_look_are_in_the_next_one_together(hall: Hall) -> None:
    hall.take("a", b"Bearer 1")
    hall.take("b", b"Bearer 2")
    await hall.keeper.asked.wait()
    for number, room in enumerate("cde", 3):
        hall.take(room, b"Bearer %d" % number)
    await hall.all_served(5)
    assert hall.keeper.looks == [["1", "2"], ["3", "4", "5"]]
    assert hall.keeper.members == [[1, 2], [3, 4, 5]]
    assert hall.found == {room: bearer(number) for number, room in enumerate("abcde", 1)}


async def test_whose_token_was_seen_before_waits_for_no_look(hall: Hall) -> None:
    hall.keeper.regulars = {"1"}
    hall.take("a", b"Bearer 1")
    assert hall.found == {"a": bearer(1)}
    assert hall.keeper.looks == []


async def test_what_is_wrong_with_a_bet_is_told_to_nobody_who_was_not_looked_up(
    hall: Hall,
) -> None:
    hall.keeper.regulars = {"1"}
    hall.take("a!", b"Bearer 1")
    assert hall.found == {}
    await hall.all_served(1)
    assert hall.found == {"a!": bearer(1)}
    assert hall.keeper.looks == [["1"]]


async def test_whom_nobody_knows_is_refused_and_nobody_else(hall: Hall) -> None:
    given = {"a": b"", "b": b"Basic 1", "c": b"Bearer ", "d": b"Bearer stranger", "e": b"bearer 5"}
    for room, authorization in given.items():
        hall.take(room, authorization)
    await hall.all_served(5)
    assert hall.found.pop("e") == bearer(5)
    codes = {room: cast("Refusal", bettor).code for room, bettor in hall.found.items()}
    assert codes == dict.fromkeys("abcd", "E-AUTH")
    assert hall.keeper.looks == [["stranger", "5"]]


async def test_where_the_database_is_away_nothing_of_any_bet_was_begun(hall: Hall) -> None:
    hall.keeper.problem = ConnectionResetError("gone")
    hall.take("a", b"Bearer 7")
    hall.take("b", b"Bearer 8")
    await hall.all_served(2)
    assert [type(bettor) for bettor in hall.found.values()] == [NotBegunError, NotBegunError]


async def test_a_bug_is_told_to_the_one_who_meets_it(hall: Hall) -> None:
    hall.keeper.problem = KeyError("a bug")
    hall.take("a", b"Bearer 7")
    hall.take("b", b"Bearer 8")
    await hall.all_served(2)
    assert hall.found == {"a": hall.keeper.problem, "b": bearer(8)}
    hall.take("c", b"Bearer 9")
    await hall.all_served(3)
    assert hall.found["c"] == bearer(9)
