"""``torture hostile``: a running house answers any bytes whatever, and its books stay right."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console

from rooms.platform.problem import ExitCode
from tests.stories.running import RunningHouse
from tests.torture.hostile_frames import FRAMES
from tests.torture.hostile_requests import DAMAGES, Ask, Attack, Headers
from tests.torture.hostile_routes import (
    NEW_ROOM,
    STAFFS_GAME,
    Json,
    Standing,
    bearer,
    documented,
    new_game,
    working,
)
from tests.torture.hostile_wire import PIPELINE, Answer, Seen, Wire
from tests.torture.running import SeedOption, bound_in_words, counting, ended

# A house as it is set by default, but for the limits that would answer in its place.
SETTINGS: Final = {
    "ROOMS__GATEWAY__RATE_PER_TOKEN": "1000000",
    "ROOMS__GATEWAY__RATE_PER_IP": "1000000",
    "ROOMS__PARIMUTUEL__DURATION_MIN": "15m",
    "ROOMS__PARIMUTUEL__ROOMS_PER_HOST": "10",
    "ROOMS__PARIMUTUEL__NEW_ASSETS_PER_HOST": "10",
    "ROOMS__PARIMUTUEL__NEW_ASSETS": "60",
}
PLAYERS, ROOMS = 100, 5
FUND: Final = 10**13
CONNECTIONS: Final = 64
FRAMED: Final = 0.9
WARM_UP: Final = 0.2
MOST_GROWTH: Final = 32
"""Megabytes that the server may grow by once caches and the memory of its limits are filled."""
MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the requests; ``wrong`` has a line for each thing that must not be.

    ``routes`` has how often each documented route was asked, ``accepted`` how often it said yes.
    """

    seed: int
    requests: int
    seconds: float
    statuses: dict[int, int]
    refusals: dict[str, int]
    routes: dict[str, int]
    accepted: dict[str, int]
    bets_accepted: int
    megabytes_warm: float
    megabytes_most: float
    wrong: list[str]


def command(
    *,
    requests: Annotated[int, typer.Option(min=100, help="How many to send.")] = 100_000,
    seed: SeedOption = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> ExitCode:
    """Send hostile bodies, headers, paths and frames to a house of its own; then check it all."""
    with (
        tempfile.TemporaryDirectory(prefix="rooms-hostile-") as folder,
        counting("hostile requests", requests) as advance,
    ):
        house = RunningHouse(Path(folder) / "data", SETTINGS)
        house.start()
        try:
            outcome = asyncio.run(torment(house, requests=requests, seed=seed, advance=advance))
        finally:
            house.stop()
    return ended(
        outcome, lambda console: _show(console, outcome), wrong=len(outcome.wrong), as_json=as_json
    )


def _show(console: Console, outcome: Outcome) -> None:
    for line in outcome.wrong[:MOST_SHOWN]:
        console.print(line, markup=False)
    console.print(bound_in_words(outcome.requests, len(outcome.wrong), "hostile requests"))
    console.print(
        f"{outcome.requests / outcome.seconds:.0f} requests/s, "
        f"{outcome.bets_accepted} of them bets that were accepted; "
        f"server {outcome.megabytes_warm:.0f} MB when warm, {outcome.megabytes_most:.0f} MB at most"
    )
    if outcome.wrong:
        console.print(f"Next: the same again with --seed {outcome.seed}")


def attacks(seed: int, standing: Standing, count: int) -> Iterator[Attack]:
    """Make ``count`` requests; the same seed and standing make the same ones."""
    random = Random(seed)
    for number in range(count):
        ask = working(random, standing, number)
        if random.random() < FRAMED:
            kind, damage = random.choice(DAMAGES)
            hurt = damage(random, ask)
            framed, bodiless = not (ask.handshake or ask.endless), hurt.method == b"HEAD"
            attack = Attack(kind, hurt.wire(), framed=framed, bodiless=bodiless)
        else:
            kind, frame = random.choice(FRAMES)
            attack = frame(kind, random, ask)
        yield replace(attack, route=ask.route, handshake=ask.handshake)


async def torment(
    house: RunningHouse, *, requests: int, seed: int, advance: Callable[[int], None]
) -> Outcome:
    """Send the requests of a seed to a house that plays no room to its end meanwhile."""
    began, wire = time.monotonic(), _wire_to(house)
    seen = wire.seen
    standing = await _standing(wire, house)
    source = attacks(seed, standing, requests)
    memory = Memory(house, requests)

    def counted(more: int) -> None:
        memory.look(seen.sent)
        advance(more)

    await asyncio.gather(*(_send(wire, source, counted) for _ in range(CONNECTIONS)))
    wrong = [*seen.wrong, *memory.faults(), *log_faults(house), *book_faults(house)]
    wrong += [fault async for fault in _money_faults(wire, standing)]
    return Outcome(
        seed=seed,
        requests=seen.sent,
        seconds=time.monotonic() - began,
        statuses=dict(sorted(seen.statuses.items())),
        refusals=dict(seen.codes.most_common()),
        routes={each.name: seen.routes[each.name] for each in standing.routes},
        accepted={each.name: seen.accepted[each.name] for each in standing.routes},
        bets_accepted=len(seen.bets),
        megabytes_warm=memory.warm,
        megabytes_most=memory.most,
        wrong=wrong,
    )


async def _send(wire: Wire, source: Iterator[Attack], advance: Callable[[int], None]) -> None:
    framed: list[Attack] = []
    for attack in source:
        if attack.framed:
            framed.append(attack)
        else:
            await wire.alone(attack)
            advance(1)
        if len(framed) == PIPELINE:
            await wire.pipelined(framed)
            advance(len(framed))
            framed = []
    await wire.pipelined(framed)
    advance(len(framed))


class Memory:
    """The resident memory of the house's process, in megabytes."""

    def __init__(self, house: RunningHouse, requests: int) -> None:
        assert house.process is not None
        self._pid, self._requests = house.process.pid, requests
        self._looks = itertools.count()
        self.warm = self.most = 0.0

    def look(self, sent: int) -> None:
        """Measure now and then: up to the end of the warm-up, it may grow as it likes."""
        if next(self._looks) % 50:
            return
        now = resident(self._pid)
        if sent <= WARM_UP * self._requests:
            self.warm = max(self.warm, now)
        self.most = max(self.most, now)

    def faults(self) -> Iterator[str]:
        """Say whether it grew."""
        self.most = max(self.most, resident(self._pid))
        if self.most - self.warm > MOST_GROWTH:
            yield f"the server grew from {self.warm:.0f} MB when warm to {self.most:.0f} MB"


def resident(pid: int) -> float:
    """Give the resident memory of a process in megabytes."""
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(shown.stdout) / 1024


def log_faults(house: RunningHouse) -> Iterator[str]:
    """Find what the house itself calls an error; strangers can cause none."""
    log = house.data / "rooms.log"
    for line in log.read_text().splitlines() if log.exists() else ():
        if "Traceback" in line or json.loads(line)["level"] in {"error", "critical"}:
            yield f"the log says: {line}"


def book_faults(house: RunningHouse) -> Iterator[str]:
    """Let the auditor's command re-sum the books."""
    checked = subprocess.run(
        [sys.executable, "-m", "rooms", "ledger", "check", "--json", "--data", str(house.data)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **SETTINGS},
    )
    if checked.returncode:
        yield f"the books are wrong: {checked.stdout}{checked.stderr}"


def sign_up(house: RunningHouse) -> str:
    """Give the token of a new player."""
    return asyncio.run(_sign_up(_wire_to(house), b"one-player"))


def _wire_to(house: RunningHouse) -> Wire:
    at = urlsplit(house.base)
    return Wire(at.hostname or "", at.port or 0, Seen())


async def _standing(wire: Wire, house: RunningHouse) -> Standing:
    """Sign players up and open rooms whose target is far away and whose end is not today."""
    tokens = [await _sign_up(wire, b"player-%d" % number) for number in range(PLAYERS)]
    rooms = [
        (await _must(wire, b"/v1/rooms", NEW_ROOM, b"room-%d" % number, bearer(tokens[0])))["id"]
        for number in range(ROOMS)
    ]
    gambler, staff = await _sign_up(wire, b"gambler"), staff_token(house)
    tickets = await _tickets(wire, gambler)
    game = (await _read(wire, b"/v1/keno/games/keno-main")).json()
    own = new_game(STAFFS_GAME, game)
    await _must(wire, b"/v1/admin/keno/games", own, b"game", bearer(staff))
    head = (await _read(wire, b"/v1/log/head")).json()
    return Standing(
        routes=documented((await _read(wire, b"/api/docs/openapi.json")).json()),
        tokens=tokens,
        rooms=rooms,
        gambler=gambler,
        staff=staff,
        tickets=[(each["id"], each["ref"]) for each in tickets],
        game=game,
        size=head["size"],
        checkpoint=head["checkpoint"],
    )


async def _tickets(wire: Wire, gambler: str) -> list[Json]:
    """Buy keno far ahead, so that there is something to show, to prove and to give back."""
    stake = {"amount": "10000000", "asset": "SOL"}
    asked = {"picks": [17, 22], "stake": stake, "rounds": 100}
    path = b"/v1/keno/games/keno-main/tickets"
    bought = [
        (await _must(wire, path, asked, b"ticket-%d" % number, bearer(gambler)))["tickets"]
        for number in range(3)
    ]
    return [ticket for tickets in bought for ticket in tickets]


def staff_token(house: RunningHouse) -> str:
    """Make an administrator beside the house."""
    command = ("staff", "token", "Sue", "--json", "--data", str(house.data))
    made = subprocess.run(
        [sys.executable, "-m", "rooms", *command],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **SETTINGS},
    )
    token: str = json.loads(made.stdout)["token"]
    return token


async def _sign_up(wire: Wire, key: bytes) -> str:
    body = {"name": "Ada", "fund": {"amount": str(FUND), "asset": "SOL"}}
    token: str = (await _must(wire, b"/v1/sandbox/players", body, key))["access_token"]
    return token


async def _must(wire: Wire, target: bytes, body: Any, key: bytes, headers: Headers = ()) -> Any:
    ask = Ask(b"POST", target, (*headers, (b"Idempotency-Key", key)), json.dumps(body).encode())
    answer = await wire.ask(ask)
    assert answer.status == 201, answer
    return answer.json()


async def _money_faults(wire: Wire, standing: Standing) -> AsyncIterator[str]:
    """Hold each player's balance and bets against what was answered; this also shows it lives."""
    listed: dict[str, int] = {}
    for token in standing.tokens:
        wallet = (await _read(wire, b"/v1/wallet", token)).json()
        bets = (await _read(wire, b"/v1/bets?limit=200", token)).json()["items"]
        own = {bet["id"]: int(bet["stake"]["amount"]) for bet in bets}
        available = int(wallet["balances"][0]["available"]["amount"])
        if available + sum(own.values()) != FUND:
            yield f"a player has {available} and stakes of {sum(own.values())}, not {FUND} in all"
        listed |= own
    for bet, stake in wire.seen.bets.items():
        if listed.get(bet) != stake:
            yield f"bet {bet} of {stake} was accepted, and is listed as {listed.get(bet)}"


async def _read(wire: Wire, target: bytes, token: str | None = None) -> Answer:
    answer = await wire.ask(Ask(b"GET", target, () if token is None else bearer(token)))
    assert answer.status == 200, answer
    return answer
