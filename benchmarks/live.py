"""How fast is one frame with everybody who watches, and how do ten thousand come back?"""

import asyncio
import os
import resource
import socket
import sys
import time
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from benchmarks.feeds import price_feeds
from benchmarks.figures import Details, Figure, Target
from benchmarks.lab import Lab
from benchmarks.measuring import percentiles_ms
from benchmarks.processes import end_with_parent
from benchmarks.settings import settings_for
from rooms.contexts.keno.events import GameChanged
from rooms.entrypoints.gateway.feed.channels import Frame
from rooms.entrypoints.gateway.feed.feed import Feed, live_feed
from rooms.entrypoints.gateway.feed.names import read_topic
from rooms.entrypoints.gateway.feed.wireframes import text_message
from rooms.kernel.money import SOL
from rooms.platform.gathering import Gathering
from rooms.processes.compose import House, open_house
from rooms.processes.games import games
from rooms.processes.run import task
from rooms.processes.web import web_server

ASKS: Final = (
    "one frame to up to 10,000 clients, against bare writes; from commit to frame; all come back"
)
DATABASE: Final = "live"
GAME: Final = "keno-fast"
TOPIC: Final = f"keno:{GAME}"
SIZES: Final = (1_000, 5_000, 10_000)
# So many messages are written in a run, whatever the number of clients.
MESSAGES: Final = 200_000
# As large as a round that is drawn.
WIRE: Final = text_message(b"x" * 800)
PROBES: Final = 100
PAUSE: Final = 0.05
CHANGES: Final[dict[str, dict[str, Any]]] = {
    "keno": {"without_entropy": True},
    "fairness": {"master_key": "07" * 32, "chain_length": 5_000},
}
TARGETS: Final = {
    **{f"live/fanout/{size}": Target(unit="of bare", floor=0.7, aim=0.95) for size in SIZES},
    "live/commit_to_frame": Target(unit="ms", floor=50, aim=5, least=True),
    "live/memory": Target(unit="KiB", least=True),
    "live/storm": Target(unit="s", least=True),
}
ROOT: Final = Path(__file__).parents[1]


async def measure(lab: Lab) -> list[Figure]:
    """Serve the feed in this process, to clients in another."""
    await lab.server.make_database(DATABASE)
    async with _open(lab) as house:
        fanouts = [
            lab.figure(f"live/fanout/{size}", *await _fanout(lab, house, lab.extent.of(size)))
            for size in SIZES
        ]
        async with _staged(house) as stage:
            held, storms = await _storm(lab, stage, lab.extent.of(SIZES[-1]))
            delays = [await _delays(lab, stage) for _ in range(lab.extent.runs)]
    return [
        *fanouts,
        lab.figure("live/commit_to_frame", [each["p99_ms"] for each in delays], details=delays),
        lab.figure("live/memory", [held]),
        lab.figure("live/storm", storms),
    ]


# --- the stage ---


@dataclass(frozen=True, slots=True)
class Crowd:
    """The process of the clients."""

    running: asyncio.subprocess.Process

    async def do(self, what: str, **how: Any) -> Any:
        """Have the clients do something, and hear what came of it."""
        assert self.running.stdin is not None
        self.running.stdin.write(msgspec.json.encode({"do": what, **how}) + b"\n")
        return await self.hear()

    async def hear(self) -> Any:
        """Hear the next line."""
        assert self.running.stdout is not None
        line = await self.running.stdout.readline()
        assert line, "the clients are gone"
        return msgspec.json.decode(line)


class Bare(asyncio.Protocol):
    """Hands over the transport of who connects: nothing is as fast as writing to these."""

    def __init__(self, take: "asyncio.Queue[asyncio.Transport]") -> None:
        self.take = take

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        self.take.put_nowait(cast("asyncio.Transport", transport))


@dataclass(frozen=True, slots=True)
class Stage:
    """A house with a feed on a port, bare writes on another, and the clients."""

    house: House
    feed: Feed
    port: int
    bare_port: int
    bare: "asyncio.Queue[asyncio.Transport]"
    crowd: Crowd

    async def watch(self, count: int) -> float:
        """Let so many clients subscribe; give the seconds until all have their snapshot."""
        said = msgspec.json.encode({"op": "subscribe", "topics": [TOPIC]}).decode()
        told = await self.crowd.do(
            "connect", port=self.port, count=count, said=said, awaited='"snapshot"'
        )
        return float(told["seconds"])


@asynccontextmanager
async def _open(lab: Lab) -> AsyncIterator[House]:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    async with AsyncExitStack() as stack:
        feeds = await stack.enter_async_context(price_feeds(lab.folder))
        settings = settings_for(lab.folder, feeds, CHANGES)
        house = await stack.enter_async_context(open_house(settings, lab.server.url(DATABASE)))
        terms = games()[GAME]
        await house.keno.create_game(GAME, SOL, terms, starts_in=timedelta(), by=None)
        yield house


@asynccontextmanager
async def _staged(house: House) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        feed = live_feed(
            house.database,
            house.clock,
            identity=house.identity,
            ledger=house.ledger,
            rooms=house.rooms,
            keno=house.keno,
            per_address=10 * SIZES[-1],
        )
        port = await _serve(stack, feed)
        bare: asyncio.Queue[asyncio.Transport] = asyncio.Queue()
        listening = await asyncio.get_running_loop().create_server(
            lambda: Bare(bare), "127.0.0.1", 0, backlog=2_048
        )
        stack.callback(listening.close)
        bare_port = listening.sockets[0].getsockname()[1]
        crowd = await stack.enter_async_context(_crowd())
        yield Stage(house, feed, port, bare_port, bare, crowd)


async def _serve(stack: AsyncExitStack, feed: Feed) -> int:
    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        """Answer nothing: only sockets are served."""

    taken = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    server = web_server(cast("Any", nothing), feed.sockets)
    server.config.lifespan = "off"
    serving = asyncio.create_task(server.serve(sockets=[taken]))

    async def stop() -> None:
        feed.sockets.close()
        server.should_exit = True
        await serving

    stack.push_async_callback(stop)
    return int(taken.getsockname()[1])


@asynccontextmanager
async def _crowd() -> AsyncIterator[Crowd]:
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.live_clients",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=end_with_parent,
    )
    try:
        crowd = Crowd(running)
        await crowd.hear()
        yield crowd
    finally:
        assert running.stdin is not None
        running.stdin.close()
        await running.wait()


# --- the questions ---


async def _fanout(
    lab: Lab, house: House, count: int
) -> tuple[list[float], list[float], list[Details]]:
    """Write frames to everybody, and as many bytes barely, directly before and after."""
    values: list[float] = []
    details: list[Details] = []
    frames = max(2, lab.extent.of(MESSAGES) // count)
    for run in range(lab.extent.runs):
        lab.say(f"{count} clients, run {run + 1}")
        # What is told here stands in no database: each run has a feed of its own.
        async with _staged(house) as stage:
            before = await _bare(stage, count, frames)
            ours = await _ours(stage, count, frames)
            after = await _bare(stage, count, frames)
        bare = (before[0] + after[0]) / 2
        values.append(ours[0] / bare)
        cpu = {"python_us": ours[1], "bare_python_us": (before[1] + after[1]) / 2}
        details.append({"per_second": ours[0], "bare_per_second": bare, **cpu})
    return values, [], details


async def _ours(stage: Stage, count: int, frames: int) -> tuple[float, float]:
    await stage.watch(count)
    channel = await stage.feed.hub.channel(read_topic(TOPIC, None))

    def tell() -> None:
        assert channel.seq is not None
        channel.tell([Frame(channel.seq + 1, WIRE)])

    result = await _timed(stage, tell, count, frames)
    await stage.crowd.do("drop")
    return result


async def _bare(stage: Stage, count: int, frames: int) -> tuple[float, float]:
    await stage.crowd.do("connect", port=stage.bare_port, count=count, said=None, awaited="")
    transports = [await stage.bare.get() for _ in range(count)]

    def tell() -> None:
        for transport in transports:
            transport.write(WIRE)

    result = await _timed(stage, tell, count, frames)
    await stage.crowd.do("drop")
    for transport in transports:
        transport.abort()
    return result


async def _timed(
    stage: Stage, tell: Callable[[], None], count: int, frames: int
) -> tuple[float, float]:
    """Tell so many frames; give messages/s until all are read, and CPU microseconds for each."""
    await stage.crowd.do("count", expected=count * frames * len(WIRE))
    begun, spent = time.monotonic(), time.process_time()
    for _ in range(frames):
        tell()
        await asyncio.sleep(0)
    spent = time.process_time() - spent
    ended = (await stage.crowd.hear())["at"]
    return count * frames / (ended - begun), 1e6 * spent / (count * frames)


async def _storm(lab: Lab, stage: Stage, count: int) -> tuple[float, list[float]]:
    """Let everybody watch, lose all connections, and let all come back at once.

    Gives KiB of this process for each client, and the seconds until all are back.
    """
    lab.say(f"{count} clients come, go, and come back")
    before = _resident()
    await stage.watch(count)
    held = (_resident() - before) / count / 1024
    storms = []
    for _ in range(lab.extent.runs):
        await stage.crowd.do("drop")
        storms.append(await stage.watch(count))
    return max(held, 0.0), storms


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _delays(lab: Lab, stage: Stage) -> dict[str, float]:
    """Publish facts now and then, with a thousand clients; give how late their frames are."""
    lab.say("from the commit to the frame")
    await stage.crowd.do("drop")
    await stage.watch(lab.extent.of(SIZES[0]))
    delays: array[float] = array("d")
    async with AsyncExitStack() as stack:
        for consumer in stage.feed.consumers:
            gathering = Gathering(stage.house.database, consumer)
            while await gathering.deliver():
                pass
            await stack.enter_async_context(task(consumer.name, gathering.run))
        await stack.enter_async_context(task("feed", stage.feed.hub.run))
        arrived: asyncio.Queue[float] = asyncio.Queue()
        stage.feed.sockets.make(lambda _: arrived.put_nowait(time.perf_counter()), print).hear(
            msgspec.json.encode({"op": "subscribe", "topics": [TOPIC]})
        )
        await arrived.get()
        for _ in range(max(10, lab.extent.of(PROBES))):
            await asyncio.sleep(PAUSE)
            async with stage.house.database.transaction() as tx:
                await tx.publish(GameChanged(game=GAME, status="RUNNING"))
            committed = time.perf_counter()
            delays.append(await arrived.get() - committed)
    return percentiles_ms(delays, 0.5, 0.99)
