"""Writers over HTTP who resend what is in doubt, and remember all that was acknowledged."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import aiohttp

from tests.stories.running import Answer, Api, Json, coin

WRITERS: Final = 16
FUND: Final = 10**15
LARGEST_STAKE: Final = 10**9
COIN: Final = "SOL"
PATIENCE: Final = 60.0
PAUSE: Final = 0.1
OPEN_ROOMS: Final = 12
# Nothing has happened; it may have happened.
DEFINITE: Final = "E-BUSY"
IN_DOUBT: Final = "E-UNKNOWN"
# What the rules may say meanwhile: a room has locked, or the oracle was away for too long.
REFUSALS: Final = frozenset({"E-BET-LOCKED", "E-PRICE-STALE", "E-ASSET-UNPRICED", "E-RATE"})


@dataclass(frozen=True, slots=True)
class Command:
    """What is sent under one key, and for whom."""

    path: str
    body: Json
    key: str
    token: str | None = None


@dataclass(slots=True)
class Crew:
    """Sixteen writers at some gates of one house, until they are told to stop."""

    gates: Sequence[Api]
    dice: Random
    wrong: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    players: dict[str, Json] = field(default_factory=dict)
    rooms: dict[str, Json] = field(default_factory=dict)
    bets: dict[str, tuple[str, Json]] = field(default_factory=dict)
    _open: deque[str] = field(default_factory=lambda: deque(maxlen=OPEN_ROOMS))
    _served: dict[int, float] = field(default_factory=dict)
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self) -> None:
        """Let all writers write until ``stop``."""
        seeds = [self.dice.random() for _ in range(WRITERS)]
        await asyncio.gather(*(self._writer(n, Random(seed)) for n, seed in enumerate(seeds)))

    def stop(self) -> None:
        """Let every writer get the answer it waits for, and end."""
        self._over.set()

    async def until(self, holds: Callable[[], bool], what: str) -> bool:
        """Look after each answer whether something holds; a finding where it never does."""
        try:
            async with asyncio.timeout(PATIENCE), self._heard:
                await self._heard.wait_for(holds)
        except TimeoutError:
            self.wrong.append(f"{PATIENCE:g} s went by without {what}")
            return False
        return True

    async def served_everywhere(self) -> None:
        """Wait until every gate has acknowledged a command that it was sent from now on."""
        now, gates = asyncio.get_running_loop().time(), range(len(self.gates))
        await self.until(
            lambda: all(self._served.get(gate, 0) > now for gate in gates),
            "a new acknowledgement at every gate",
        )

    async def answered(self, times: int) -> None:
        """Wait for every gate to serve, and for so many answers more."""
        await self.served_everywhere()
        until = self.answers.total() + times
        await self.until(lambda: self.answers.total() >= until, f"{times} answers")

    def refused(self, *codes: str) -> int:
        """Count the answers with these codes so far."""
        return sum(self.answers[code] for code in codes)

    async def _writer(self, number: int, dice: Random) -> None:
        count, seen = 0, set[str]()
        player = await self._sign_up(dice, f"w{number}-0")
        while not self._over.is_set():
            count += 1
            key, chance = f"w{number}-{count}", dice.random()
            rooms = [room for room in self._open if room not in seen]
            if chance < 0.05:
                player, seen = await self._sign_up(dice, key), set()
            elif chance < 0.15 or not rooms:
                await self._open_room(dice, player, key)
            else:
                room = dice.choice(rooms)
                seen.add(room)
                await self._bet(dice, player, room, key)

    async def _sign_up(self, dice: Random, key: str) -> Json:
        body = {"name": "Writer", "fund": {"amount": str(FUND), "asset": COIN}}
        answer = await self._command(dice, Command("/v1/sandbox/players", body, key))
        player: Json = answer.body
        self.players[player["player_id"]] = player
        return player

    async def _open_room(self, dice: Random, player: Json, key: str) -> None:
        body = {
            "title": "Will it be as high as that?",
            "market": coin(COIN, dice.choice(("1", "1000000"))),
            "resolve": "at_close",
            "settles_in": f"{dice.randrange(2, 7)}s",
            "lock_fraction": 0.9,
            "min_players": dice.choice((1, 2)),
        }
        answer = await self._command(dice, Command("/v1/rooms", body, key, player["access_token"]))
        if answer.status == 201:
            self.rooms[answer.body["id"]] = answer.body
            self._open.append(answer.body["id"])

    async def _bet(self, dice: Random, player: Json, room: str, key: str) -> None:
        stake = {"amount": str(dice.randrange(10**6, LARGEST_STAKE)), "asset": COIN}
        body = {"side": dice.choice(("YES", "NO")), "stake": stake}
        answer = await self._command(
            dice, Command(f"/v1/rooms/{room}/bets", body, key, player["access_token"])
        )
        if answer.status == 201:
            self.bets[answer.body["id"]] = (player["player_id"], answer.body)
        elif room in self._open:
            self._open.remove(room)

    async def _command(self, dice: Random, command: Command) -> Answer:
        """Send until the answer is definite, now and then once more: it must be the same."""
        answer = await self._send(dice, command)
        if answer.status == 201 and dice.random() < 0.1:
            again = await self._send(dice, command, known=True)
            if again.body != answer.body:
                self.wrong.append(f"{command.key} got {answer.body}, then {again.body}")
        return answer

    async def _send(self, dice: Random, command: Command, *, known: bool = False) -> Answer:
        certain = not known
        while True:
            # Only the first gate signs up: the sandbox's route.
            gate = 0 if command.token is None else dice.randrange(len(self.gates))
            began = asyncio.get_running_loop().time()
            answer = await self._call(gate, command)
            code = answer.body.get("code", "acknowledged")
            self._look_at(command, answer, certain=certain)
            if answer.status == 201:
                self._served[gate] = max(self._served.get(gate, 0), began)
            await self._tell(code)
            if answer.status != 503 and code != "E-RATE":
                return answer
            certain = certain and code in (DEFINITE, "E-RATE")
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._over.wait()

    async def _call(self, gate: int, command: Command) -> Answer:
        try:
            return await self.gates[gate].call(
                "POST", command.path, command.body, token=command.token, key=command.key
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            self.wrong.append(f"{command.key}: the house gave no answer at all: {error!r}")
            return Answer(503, {}, {"code": IN_DOUBT})

    def _look_at(self, command: Command, answer: Answer, *, certain: bool) -> None:
        body: Any = answer.body
        code = body.get("code")
        replayed = "Idempotent-Replay" in answer.headers
        if answer.status == 201:
            if replayed and certain:
                self.wrong.append(f"{command.key} was done though {DEFINITE} had denied it")
        elif answer.status == 503 and code not in (DEFINITE, IN_DOUBT):
            self.wrong.append(f"{command.key} got 503 {code}")
        elif answer.status != 503 and code not in REFUSALS:
            self.wrong.append(f"{command.key} to {command.path} got {answer.status} {body}")

    async def _tell(self, code: str) -> None:
        self.answers[code] += 1
        async with self._heard:
            self._heard.notify_all()
