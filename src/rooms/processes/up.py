"""``rooms up``: the whole house in one process, with its database, the sandbox and robots."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from rooms.platform.clock import SystemClock
from rooms.platform.problem import ExitCode, Problem
from rooms.platform.settings import Settings, load, sandbox_overrides
from rooms.processes.catalogue import CONTEXTS
from rooms.processes.compose import open_house
from rooms.processes.games import open_games
from rooms.processes.loop import keep_what_is_loaded
from rooms.processes.run import running
from rooms.processes.telemetry import watched
from rooms.processes.web import serve_gateway
from rooms.sandbox.robots import run_robots
from rooms.sandbox.server import RunningSandbox, start_sandbox

READY_WITHIN: Final = 60.0
ADDRESSES: Final = "addresses.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What ``rooms up`` is told."""

    data: Path
    host: str
    port: int
    sandbox_port: int
    robots: int
    seed: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running house answers."""

    page: str
    keno: str
    verify: str
    api: str
    api_docs: str
    sandbox: str
    data: str
    robots: int


def addresses_of(data: Path) -> Addresses | None:
    """Give where the house of this folder answers, or did when it last ran."""
    try:
        return msgspec.json.decode((data / ADDRESSES).read_bytes(), type=Addresses)
    except (OSError, msgspec.MsgspecError):
        return None


async def up(
    options: UpOptions, database_url: str, web: socket.socket, told: Callable[[Addresses], None]
) -> None:
    """Run the house until it is told to stop; ``told`` is called once it is ready."""
    stop = stop_on_signals()
    sandbox = await start_sandbox_on(options)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(sandbox.close)
        settings = load(options.data, profile=sandbox_overrides(sandbox.url))
        house = await stack.enter_async_context(open_house(settings, database_url))
        await open_games(house)
        await stack.enter_async_context(watched(house))
        await stack.enter_async_context(running(house, CONTEXTS))
        await stack.enter_async_context(serve_gateway(house, web, sandbox=True))
        base = f"http://{_reachable(options.host)}:{web.getsockname()[1]}"
        await wait_until_ready(base)
        await stack.enter_async_context(_robots(base, options, settings))
        addresses = _addresses(options, base, sandbox.url)
        (options.data / ADDRESSES).write_bytes(msgspec.json.encode(addresses))
        keep_what_is_loaded()
        told(addresses)
        await stop.wait()


async def start_sandbox_on(options: UpOptions) -> RunningSandbox:
    """Start the stand-ins of the outside world. Problem where their port is in use."""
    try:
        return await start_sandbox(
            options.host,
            options.sandbox_port,
            options.data / "sandbox",
            seed=options.seed,
            clock=SystemClock(),
        )
    except OSError as error:
        raise Problem(
            f"Port {options.sandbox_port} on {options.host} cannot be used: {error.strerror}",
            exit_code=ExitCode.DEPENDENCY_DOWN,
            next_step="end what uses it, or choose another with --sandbox-port",
        ) from error


def stop_on_signals() -> asyncio.Event:
    """Give an event that SIGINT, SIGTERM and a closed terminal set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def wait_until_ready(base: str) -> None:
    """Ask ``/readyz`` until it says yes. Problem after a minute."""
    async with aiohttp.ClientSession() as client:
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN):
                while True:
                    with suppress(aiohttp.ClientError):
                        async with client.get(f"{base}/readyz") as answer:
                            if answer.ok:
                                return
                    await asyncio.sleep(0.02)
    raise Problem(
        f"The house was not ready within {READY_WITHIN:g} s",
        exit_code=ExitCode.FAILED,
        next_step=f"look at {base}/readyz and at the log in the data folder",
    )


@asynccontextmanager
async def _robots(base: str, options: UpOptions, settings: Settings) -> AsyncIterator[None]:
    limits = settings.parimutuel
    shortest, longest = timedelta(minutes=16), timedelta(minutes=40)
    durations = (max(shortest, limits.duration_min), min(longest, limits.duration_max))
    playing = asyncio.create_task(
        run_robots(base, count=options.robots, seed=options.seed, durations=durations)
    )
    try:
        yield
    finally:
        playing.cancel()
        await asyncio.wait({playing})


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - as --host says


def _addresses(options: UpOptions, base: str, sandbox: str) -> Addresses:
    return Addresses(
        page=f"{base}/",
        keno=f"{base}/keno",
        verify=f"{base}/verify",
        api=f"{base}/v1",
        api_docs=f"{base}/api/docs",
        sandbox=f"{sandbox}/feeds",
        data=str(options.data),
        robots=options.robots,
    )
