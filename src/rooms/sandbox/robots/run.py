"""Starts the robots and ends them."""

import asyncio
import secrets
from datetime import timedelta
from random import Random
from typing import Final

import aiohttp

from rooms.kernel.time import Clock
from rooms.platform.clock import SystemClock
from rooms.sandbox.robots.client import Client, Sleep
from rooms.sandbox.robots.plans import Planner
from rooms.sandbox.robots.players import robots
from rooms.sandbox.robots.troupe import Keys, Troupe

DURATIONS: Final = (timedelta(minutes=16), timedelta(minutes=40))


async def run_robots(
    base_url: str,
    *,
    count: int,
    seed: int,
    stop: asyncio.Event | None = None,
    durations: tuple[timedelta, timedelta] = DURATIONS,
    run: str | None = None,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Let ``count`` robots play in the house at ``base_url`` until ``stop`` or cancellation.

    ``seed`` fixes who they are (the same players again in the same house) and what they draw;
    ``run`` tells this run's commands from those of earlier runs, and is made up if not given.
    Rooms last from the shorter to the longer of ``durations``. A house that refuses, is busy or
    is away is waited for; never more than a few requests a second.
    """
    if count < 1:
        return
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        asyncio.TaskGroup() as group,
    ):
        dice = Random(f"{seed}/house")
        troupe = Troupe(
            robots=robots(count, seed),
            client=Client(session, base_url.rstrip("/"), sleep),
            planner=Planner(dice, durations),
            dice=dice,
            clock=clock or SystemClock(),
            sleep=sleep,
            keys=Keys(seed, run or secrets.token_hex(4)),
        )
        playing = group.create_task(troupe.play())
        if stop is not None:
            group.create_task(_end(playing, stop))


async def _end(playing: asyncio.Task[None], stop: asyncio.Event) -> None:
    await stop.wait()
    playing.cancel()
