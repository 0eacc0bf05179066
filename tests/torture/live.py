"""``./rooms torture live``: cut and kill what carries the feed; every client ends with the truth."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import aiohttp
import typer
from rich.console import Console

from rooms.cli.output import JsonOption, table
from rooms.processes.catalogue import CONTEXTS
from rooms.processes.run import running
from tests.torture.live_house import GAME, Gateways, LiveHouse, open_live_house
from tests.torture.live_watchers import Ledger, Watcher
from tests.torture.running import SeedOption, bound_in_words, counting, ended, own_server

Json = dict[str, Any]
PLAYERS: Final = 40
SHOWN: Final = 20
# Until every client knows everything, after the last thing has happened (seconds).
CATCH_UP: Final = 60.0
ACTS_EVERY: Final = 0.03
CUTS_EVERY: Final = 0.1
KILLS_EVERY: Final = 12.0
# Prices are shown as they were when a room was told; the feed tells new ones on room:<id> alone.
PRICES: Final = frozenset({"price", "prices"})


def command(
    *,
    clients: Annotated[int, typer.Option(min=1, help="How many clients watch.")] = 1_000,
    seed: SeedOption = 1,
    seconds: Annotated[float, typer.Option(min=1, help="How long things happen.")] = 60,
    as_json: JsonOption = False,
) -> int:
    """Cut clients off and kill gateways; each client must end with exactly the house's state."""
    with own_server() as server, counting("seconds", int(seconds)) as advance:
        found = asyncio.run(
            watch(
                server.dsn.app,
                clients,
                seed,
                seconds,
                kills=max(2, int(seconds / KILLS_EVERY)),
                advance=advance,
            )
        )
    data = {"clients": clients, "seed": seed, "counts": dict(found.counts), "wrong": found.wrong}

    def human(console: Console) -> None:
        counted = sorted(found.counts.items())
        console.print(table(("what", "times"), [(name, str(n)) for name, n in counted]))
        for finding in found.wrong[:SHOWN]:
            console.print(f"WRONG {finding}", markup=False)
        console.print(bound_in_words(clients, len(found.wrong), "clients"))

    return ended(data, human, wrong=len(found.wrong), as_json=as_json)


@dataclass(slots=True)
class Campaign:
    """The parts of one run."""

    live: LiveHouse
    gateways: Gateways
    watchers: list[Watcher]
    dice: Random
    over: asyncio.Event
    advance: Callable[[int], None] = field(default=lambda _: None)

    async def is_over(self, *, within: float) -> bool:
        """Wait for the end of the campaign, so many seconds at most; say whether it has come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.over.wait()
        return self.over.is_set()

    async def happen(self) -> None:
        """Let rooms and rounds move, and somebody bet or buy, until the time is over."""
        while not await self.is_over(within=ACTS_EVERY):
            if self.dice.random() < 0.02:
                await self.live.open_room(self.dice.uniform(2, 8))
            await self.live.act()

    async def cut(self) -> None:
        """Cut clients off, a hundredth of them at a time."""
        while not await self.is_over(within=CUTS_EVERY):
            for watcher in self.dice.sample(self.watchers, max(1, len(self.watchers) // 100)):
                watcher.cut()

    async def kill(self, every: float) -> None:
        """Kill gateways, one after the other."""
        while not await self.is_over(within=every):
            self.gateways.kill(self.dice)

    async def count_down(self) -> None:
        """Tell how far one is."""
        while not await self.is_over(within=1):
            self.advance(1)


async def watch(
    url: str,
    clients: int,
    seed: int,
    seconds: float,
    *,
    kills: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> Ledger:
    """Run a campaign over a migrated database; give what was told and what was wrong."""
    dice, common = Random(seed), Ledger()
    with TemporaryDirectory(prefix="rooms-live-") as folder:
        async with AsyncExitStack() as stack:
            live = await stack.enter_async_context(open_live_house(url, Path(folder), dice))
            await live.people(PLAYERS)
            clock = await stack.enter_async_context(AsyncExitStack())
            await clock.enter_async_context(running(live.house, CONTEXTS))
            for _ in range(4):
                await live.open_room(seconds + 30)
            gateways = Gateways(url, Path(folder), 2)
            await _start(stack, gateways)
            watchers = [_watcher(n, live, gateways, common, seed) for n in range(clients)]
            http = await stack.enter_async_context(_unbounded())
            tasks = [asyncio.create_task(each.run(http)) for each in watchers]
            stack.push_async_callback(_cancel, tasks)
            over = asyncio.Event()
            asyncio.get_running_loop().call_later(seconds, over.set)
            campaign = Campaign(live, gateways, watchers, dice, over, advance)
            await asyncio.gather(
                campaign.happen(),
                campaign.cut(),
                campaign.kill(seconds / (kills + 1)),
                campaign.count_down(),
            )
            # Nothing moves any more; every client comes back and learns the rest.
            await clock.aclose()
            await _compare(watchers, await live.truth(), common)
            common.counts["gateways killed"] = gateways.killed
            common.counts += live.done
    return common


def _unbounded() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30)
    )


async def _start(stack: AsyncExitStack, gateways: Gateways) -> None:
    ready = [asyncio.Event() for _ in range(gateways.count)]
    keepers = [asyncio.create_task(gateways.keep(n, each)) for n, each in enumerate(ready)]
    stack.push_async_callback(_cancel, keepers)
    await asyncio.gather(*(each.wait() for each in ready))


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _watcher(
    number: int, live: LiveHouse, gateways: Gateways, common: Ledger, seed: int
) -> Watcher:
    dice = Random(f"{seed}-{number}")
    topics = [f"keno:{GAME}"]
    if number % 4 == 0:
        topics.append("rooms")
    topics.append(f"room:{dice.choice(live.rooms)}")
    player = live.players[number % PLAYERS] if number % 5 == 0 else None
    if player is not None:
        topics.append("me")
    token, own = (player.token, str(player.id)) if player is not None else (None, None)
    return Watcher(f"client {number}", topics, token, own, gateways.alive, common, dice)


async def _compare(watchers: list[Watcher], truth: Json, common: Ledger) -> None:
    """Wait until every client knows the truth; note what each has wrong in the end."""
    until = time.monotonic() + CATCH_UP
    differing = {id(each): list(differences(each, truth)) for each in watchers}
    while any(differing.values()) and time.monotonic() < until:
        await common.hears(0.2)
        differing = {id(each): list(differences(each, truth)) for each in watchers}
    for each in watchers:
        common.wrong += [f"{each.name}: {what}" for what in differing[id(each)][:3]]


def differences(watcher: Watcher, truth: Json) -> Iterator[str]:
    """Say where what a client knows differs from what the house shows."""
    for topic, view in watcher.views.items():
        if view.seq is None:
            yield f"{topic} was never shown"
        elif topic.startswith("keno:"):
            known = {name: each for name, each in view.state.items() if name in truth["rounds"]}
            oldest = min(map(int, known), default=0)
            expected = {n: each for n, each in truth["rounds"].items() if int(n) >= oldest}
            yield from _unlike(topic, known, expected)
        elif topic == "me":
            wallet = truth["wallets"][watcher.player]
            yield from _unlike(topic, {"wallet": view.state["wallet"]}, {"wallet": wallet})
        else:
            known = {name: _without(each, PRICES) for name, each in view.state.items()}
            rooms = {name: _without(each, PRICES) for name, each in truth["rooms"].items()}
            yield from _unlike(topic, known, {name: rooms[name] for name in known if name in rooms})


def _unlike(topic: str, known: Json, expected: Json) -> Iterator[str]:
    for name in sorted(known.keys() | expected.keys()):
        if known.get(name) != expected.get(name):
            yield f"{topic} {name}: {known.get(name)} instead of {expected.get(name)}"


def _without(each: Json, names: frozenset[str]) -> Json:
    return {name: value for name, value in each.items() if name not in names}
