"""The robots' play: one after the other they look, open rooms, bet, and follow their results.

One thing is done at a time and drawn from one seed, so that who does what in which order is the
same again where the house answers the same; and the house is never asked much.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from random import Random
from typing import Any, Final, TypeVar

import structlog

from rooms.kernel.money import SOL
from rooms.kernel.result import Err, Ok
from rooms.kernel.time import Clock
from rooms.sandbox.robots.client import Client, NoAnswer, Request, Sleep
from rooms.sandbox.robots.plans import Look, Planner
from rooms.sandbox.robots.players import FAMILY, Robot, sign_up
from rooms.sandbox.robots.views import (
    FRESH,
    TAKING_BETS,
    Account,
    BetList,
    Price,
    Room,
    RoomList,
    Wallet,
)

log = structlog.get_logger()

View = TypeVar("View")

MOST_ROOMS: Final = 12
FEW_ROOMS: Final = 6
"""With fewer rooms than this that take bets, robots open the next one sooner."""
UNSETTLED: Final = (*TAKING_BETS, "LOCKED", "SETTLING")
TURN: Final = (0.8, 1.8)
TURN_IN_A_HURRY: Final = (0.3, 0.6)
"""After a room was opened, until it has two players: a price close by does not wait for them."""
LOOK_EVERY: Final = 4.0
FOLLOW_EVERY: Final = 6.0
OPEN_EVERY: Final = (8.0, 10.0)
OPEN_EVERY_WHILE_FEW: Final = (2.5, 4.0)
NEEDS_PLAYERS: Final = 60
NEEDS_OTHER_SIDE: Final = 5
NEEDS_NOTHING: Final = 1
IDLE: Final = 0.3
"""How often a robot that could bet does not, while no room waits for players."""


@dataclass(slots=True)
class Keys:
    """Idempotency keys: a sign-up's is the same in every run, any other command's is new."""

    seed: int
    run: str
    used: int = 0

    def of_robot(self, index: int) -> str:
        """Give the key under which a robot is known."""
        return f"robots-{self.seed}-{index}"

    def new(self) -> str:
        """Give the key of the next command."""
        self.used += 1
        return f"robots-{self.seed}-{self.run}-{self.used}"


@dataclass(slots=True, kw_only=True)
class Troupe:
    """The robots, what they have seen of the house, and when the next thing is due.

    ``elapsed`` and what is due are seconds of drawn pauses, not of a clock: what happens next
    must not depend on how fast the house is.
    """

    robots: list[Robot]
    client: Client
    planner: Planner
    dice: Random
    clock: Clock
    sleep: Sleep
    keys: Keys
    rooms: dict[str, Room] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    turns_of: int = 0
    hurry: bool = False
    elapsed: float = 0.0
    look_at: float = 0.0
    open_at: float = 0.0
    follow_at: float = FOLLOW_EVERY

    async def play(self) -> None:
        """Take turns for ever."""
        while True:
            await self.turn()
            pause = self.dice.uniform(*(TURN_IN_A_HURRY if self.hurry else TURN))
            self.elapsed += pause
            await self.sleep(pause)

    async def turn(self) -> None:
        """Look if it is time; then bet if in a hurry, or open a room, or follow, or bet."""
        hurried, self.hurry = self.hurry, False
        if self.elapsed >= self.look_at:
            self.look_at = self.elapsed + LOOK_EVERY
            await self._look()
        if hurried:
            await self._bet()
            return
        open_rooms = sum(room.status in TAKING_BETS for room in self.rooms.values())
        if self.elapsed >= self.open_at and open_rooms < MOST_ROOMS:
            often = OPEN_EVERY_WHILE_FEW if open_rooms < FEW_ROOMS else OPEN_EVERY
            self.open_at = self.elapsed + self.dice.uniform(*often)
            await self._open_room()
        elif self.elapsed >= self.follow_at:
            self.follow_at = self.elapsed + FOLLOW_EVERY
            self.turns_of = (self.turns_of + 1) % len(self.robots)
            await self._follow(self.robots[self.turns_of])
        else:
            await self._bet()

    async def _look(self) -> None:
        """Read the rooms that are not settled; without an answer what was seen stays."""
        seen: dict[str, Room] = {}
        for status in UNSETTLED:
            request = Request("GET", f"/v1/rooms?status={status}&limit=50")
            answer = await self.client.ask(request, RoomList)
            if isinstance(answer, Err):
                return
            seen |= {room.id: room for room in answer.value.items}
        self.rooms = {}
        for room in seen.values():
            self._note(room)

    def _note(self, room: Room) -> None:
        self.rooms[room.id] = room
        for asset, price in room.shown().items():
            if asset not in self.prices or self.prices[asset].at <= price.at:
                self.prices[asset] = price

    def _values(self) -> Mapping[str, Decimal]:
        since = self.clock.now() - FRESH
        return {asset: price.value for asset, price in self.prices.items() if price.at >= since}

    async def _open_room(self) -> None:
        host = self.dice.choice(self.robots)
        older = {asset: price.value for asset, price in self.prices.items()}
        look = Look(self.clock.now(), self.rooms.values(), self._values(), older)
        answer = await self._command(host, "/v1/rooms", self.planner.plan(look), Room)
        if isinstance(answer, Ok):
            self._note(answer.value)
            self.hurry = True

    async def _bet(self) -> None:
        values, now = self._values(), self.clock.now()
        places = [
            (room, [robot for robot in self.robots if room.id not in robot.rooms])
            for room in self.rooms.values()
            if room.takes_bets(now, values)
        ]
        places = [(room, free) for room, free in places if free]
        if not places:
            return
        urgencies = [urgency(room) for room, _ in places]
        if max(urgencies) == NEEDS_NOTHING and self.dice.random() < IDLE:
            return
        room, free = self.dice.choices(places, urgencies)[0]
        robot = self.dice.choice(free)
        if await self._account(robot) is None or room.id in robot.rooms:
            return
        robot.rooms.add(room.id)
        stake, side = robot.stake(room), robot.side(room, values, now)
        if stake is not None:
            body = {"side": side.value, "stake": {"amount": str(stake), "asset": SOL}}
            await self._command(robot, f"/v1/rooms/{room.id}/bets", body, dict)
            await self._look_again(room)

    async def _look_again(self, room: Room) -> None:
        """Read a room after a bet or its refusal: what was known of it is out of date."""
        answer = await self.client.ask(Request("GET", f"/v1/rooms/{room.id}"), Room)
        if isinstance(answer, Ok):
            self._note(answer.value)
            self.hurry = answer.value.lonely

    async def _follow(self, robot: Robot) -> None:
        """Read a robot's own bets and purse, by which its next stakes are bounded."""
        if robot.account is None:
            return
        bets = await self._own(robot, "/v1/bets?limit=50", BetList)
        if isinstance(bets, Ok):
            robot.rooms |= {bet.room_id for bet in bets.value.items}
            robot.rooms &= self.rooms.keys()
        wallet = await self._own(robot, "/v1/wallet", Wallet)
        if isinstance(wallet, Ok):
            robot.purse = wallet.value.lamports()

    async def _own(self, robot: Robot, path: str, kind: type[View]) -> Ok[View] | Err[NoAnswer]:
        token = robot.account.access_token if robot.account else ""
        answer = await self.client.ask(Request("GET", path, token=token), kind)
        return _heeded(robot, answer)

    async def _command(
        self, robot: Robot, path: str, body: Any, kind: type[View]
    ) -> Ok[View] | Err[NoAnswer]:
        account = await self._account(robot)
        if account is None:
            return Err(NoAnswer(0, "no account"))
        request = Request("POST", path, body, account.access_token, self.keys.new())
        answer = _heeded(robot, await self.client.ask(request, kind))
        if isinstance(answer, Err):
            log.debug("a robot was refused", robot=robot.index, path=path, code=answer.error.code)
        return answer

    async def _account(self, robot: Robot) -> Account | None:
        """Give the robot's account; the first time it acts, and its referrers before, sign up."""
        if robot.account is not None:
            return robot.account
        parent = FAMILY.get(robot.index)
        family = None if parent is None else await self._account(self.robots[parent])
        if parent is not None and family is None:
            return None
        body = sign_up(robot, family.referral_code if family else None)
        answer = await self._sign_up(body, self.keys.of_robot(robot.index))
        if isinstance(answer, Err) and answer.error.code == "E-KEY-REUSED":
            # The house knows this robot from another version of it: it begins anew.
            answer = await self._sign_up(body, self.keys.new())
        if isinstance(answer, Err):
            return None
        robot.account = answer.value
        await self._follow(robot)
        return robot.account

    async def _sign_up(self, body: Any, key: str) -> Ok[Account] | Err[NoAnswer]:
        return await self.client.ask(Request("POST", "/v1/sandbox/players", body, key=key), Account)


def urgency(room: Room) -> int:
    """Say how much a room needs a bet: to open at all, then for its other side."""
    if room.lonely:
        return NEEDS_PLAYERS
    return NEEDS_NOTHING if len(room.sides_taken()) > 1 else NEEDS_OTHER_SIDE


def _heeded(robot: Robot, answer: Ok[View] | Err[NoAnswer]) -> Ok[View] | Err[NoAnswer]:
    if isinstance(answer, Err) and answer.error.status == HTTPStatus.UNAUTHORIZED:
        robot.account = None
    return answer
