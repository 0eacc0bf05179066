"""A house whose rooms and rounds move all the time, and gateways beside it that are killed."""

import asyncio
import os
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from benchmarks.processes import process
from rooms.contexts.keno.api import BuyTickets
from rooms.contexts.parimutuel.api import OpenRoom, PlaceBet
from rooms.contexts.referral.api import SignUp
from rooms.entrypoints.gateway.answers import balance_json, room_json
from rooms.entrypoints.gateway.kenoanswers import round_json
from rooms.kernel.ids import CommandKey, PlayerId, RoomId
from rooms.kernel.money import lamports
from rooms.kernel.refusal import Refusal
from rooms.platform.clock import SystemClock
from rooms.platform.settings import load, sandbox_overrides
from rooms.processes.compose import House, open_house
from rooms.processes.games import open_games
from rooms.proof.pool import Side
from rooms.sandbox.server import start_sandbox
from tests.houses import ONE, TOUCH_SOL

GAME: Final = "keno-fast"
KEY: Final = "07" * 32
QUICK: Final = {
    "parimutuel": {"duration_min": "1s", "rooms_per_host": 1_000, "past_post_window": "0s"},
    "oracle": {"interval": "500ms", "confirmations": 1},
    "fairness": {"master_key": KEY},
}
ENVIRONMENT: Final = {
    "ROOMS__GATEWAY__LIVE_PER_IP": "100000",
    "ROOMS__GATEWAY__RATE_PER_IP": "100000",
    "ROOMS__FAIRNESS__MASTER_KEY": KEY,
}


@dataclass(slots=True)
class Player:
    """Somebody with money and a token."""

    id: PlayerId
    token: str


@dataclass(slots=True)
class LiveHouse:
    """``house`` runs all modules but the gateway; its commands are given without HTTP."""

    house: House
    dice: Random
    players: list[Player] = field(default_factory=list)
    rooms: list[RoomId] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    async def people(self, count: int) -> None:
        """Sign players up."""
        for number in range(count):
            token = secrets.token_urlsafe(16)
            key = CommandKey("torture live", f"player {number}", b"")
            made = await self.house.referral.sign_up(
                SignUp(
                    name=f"Player {number}",
                    referrer=None,
                    fund=lamports(1_000 * ONE),
                    token=token,
                    key=key,
                )
            )
            self.players.append(Player(made.value.player_id, token))

    async def open_room(self, settles_in: float) -> None:
        """Open a room that settles after so many seconds."""
        host = self.dice.choice(self.players)
        market = {**TOUCH_SOL, "target": str(self.dice.choice((149, 155, 300)))}
        number = len(self.rooms)
        command = OpenRoom(
            host=host.id,
            title=f"Does it move? {number}",
            market=market,
            resolve="touch",
            settles_in=timedelta(seconds=settles_in),
            settles_at=None,
            lock_fraction=None,
            min_players=None,
            key=CommandKey("torture live room", str(number), b""),
        )
        with suppress(Refusal):
            self.rooms.append((await self.house.rooms.open_room(command)).value.id)

    async def act(self) -> None:
        """Let somebody bet or buy tickets."""
        player, key = self.dice.choice(self.players), secrets.token_hex(8)
        try:
            if self.dice.random() < 0.5:
                await self.house.keno.buy(
                    BuyTickets(
                        game=GAME,
                        player=player.id,
                        picks=None,
                        quick_pick=self.dice.randint(1, 10),
                        stake=lamports(1_000_000),
                        rounds=self.dice.randint(1, 3),
                        first_round=None,
                        key=key,
                    )
                )
            elif self.rooms:
                room = self.dice.choice(self.rooms[-20:])
                side = self.dice.choice((Side.YES, Side.NO))
                await self.house.rooms.place_bet(
                    PlaceBet(room=room, player=player.id, side=side, stake=ONE, key=key)
                )
        except Refusal as refusal:
            self.done[refusal.code] += 1
        else:
            self.done["bets and tickets"] += 1

    async def truth(self) -> dict[str, Any]:
        """Give what the house shows now: rooms and wallets by id, the game's ended rounds."""
        rooms = await self.house.rooms.views(self.rooms)
        wallets = await self.house.ledger.wallets([each.id for each in self.players])
        rounds = await self.house.keno.rounds(GAME, None, 10_000)
        ended = [each for each in rounds if each.status in ("SETTLED", "VOID", "SKIPPED")]
        truth = {
            "rooms": {str(each.id): room_json(each) for each in rooms},
            "wallets": {
                str(player): {"balances": [balance_json(each) for each in balances]}
                for player, balances in wallets.items()
            },
            "rounds": {str(each.number): round_json(each) for each in ended},
        }
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(truth))
        return plain


@asynccontextmanager
async def open_live_house(url: str, folder: Path, dice: Random) -> AsyncIterator[LiveHouse]:
    """Run everything but gateways over this database, with prices from a sandbox."""
    async with AsyncExitStack() as stack:
        sandbox = await start_sandbox("127.0.0.1", 0, folder / "s", seed=7, clock=SystemClock())
        stack.push_async_callback(sandbox.close)
        settings = load(folder, QUICK, profile=sandbox_overrides(sandbox.url))
        house = await stack.enter_async_context(open_house(settings, url))
        await open_games(house)
        yield LiveHouse(house, dice)


@dataclass(slots=True)
class Gateways:
    """Processes that serve the feed; those that were killed are started again."""

    url: str
    folder: Path
    count: int
    bases: dict[int, str] = field(default_factory=dict)
    pids: dict[int, int] = field(default_factory=dict)
    ended: dict[int, asyncio.Event] = field(default_factory=dict)
    killed: int = 0

    def alive(self) -> list[str]:
        """Give the addresses of those that answer."""
        return list(self.bases.values())

    def kill(self, dice: Random) -> None:
        """Kill one of them at once, if any is up."""
        if self.pids:
            number = dice.choice(list(self.pids))
            os.kill(self.pids.pop(number), signal.SIGKILL)
            self.bases.pop(number)
            self.ended[number].set()
            self.killed += 1

    async def keep(self, number: int, ready: asyncio.Event) -> None:
        """Keep one gateway running, for ever."""
        environment: Mapping[str, str] = {**ENVIRONMENT, "ROOMS__DATABASE__URL": self.url}
        arguments = ("-m", "rooms", "run", "gateway", "--json", "--port", "0")
        log = self.folder / f"gateway-{number}.log"
        while True:
            async with process(*arguments, log=log, environment=environment) as (pid, said):
                self.pids[number] = pid
                self.bases[number] = f"http://127.0.0.1:{said['port']}"
                ready.set()
                self.ended[number] = asyncio.Event()
                await self.ended[number].wait()
