"""The house as several processes on one PostgreSQL: what one does, the others carry on."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp
import pytest

from rooms.contexts.referral.api import SignUp
from rooms.kernel.ids import CommandKey
from rooms.kernel.money import lamports
from rooms.platform.clock import SystemClock
from rooms.platform.postgres import Dsn
from rooms.platform.settings import Settings, load, sandbox_overrides
from rooms.processes.compose import open_house
from rooms.sandbox.server import start_sandbox
from tests.stories.running import QUICK, Api, Player, RunningHouse, coin, new_asset, ready_line

ONE_SOL = 10**9


@contextmanager
def process(modules: Sequence[str], environment: dict[str, str]) -> Iterator[int | None]:
    """``rooms run MODULE...`` until the block ends; gives the gateway's port, if it has one."""
    running = subprocess.Popen(
        [sys.executable, "-m", "rooms", "run", *modules, "--json", "--port", "0"],
        env={**os.environ, **QUICK, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    with running:
        yield ready_line(running)["port"]
        running.terminate()
        assert running.wait(30) == 0


def environment_of(dsn: Dsn, sandbox_url: str, folder: Path) -> dict[str, str]:
    settings = {
        f"ROOMS__ORACLE__SOURCES__{name.upper()}__URL": source["url"]
        for name, source in sandbox_overrides(sandbox_url)["oracle"]["sources"].items()
        if source.get("url")
    }
    return settings | {
        "ROOMS__DATABASE__URL": dsn.app,
        "ROOMS__ORACLE__INTERVAL": "1s",
    }


async def signed_up(settings: Settings, dsn: Dsn, api: Api, name: str) -> Player:
    """A player as an operator's own sign-up would make one: the sandbox's route is not there."""
    async with open_house(settings, dsn.app) as house:
        key = CommandKey("test sign-up", name, b"")
        token = secrets.token_urlsafe(32)
        made = await house.referral.sign_up(
            SignUp(name=name, referrer=None, fund=lamports(100 * ONE_SOL), token=token, key=key)
        )
    return Player(api, 100 * ONE_SOL, str(made.value.player_id), token, made.value.referral_code)


async def test_gateway_and_engine_as_two_processes_settle_a_room_together(
    dsn: Dsn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = await start_sandbox("127.0.0.1", 0, tmp_path / "s", seed=1, clock=SystemClock())
    environment = environment_of(dsn, sandbox.url, tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load(tmp_path)
    with ExitStack() as stack:
        start = asyncio.to_thread(
            lambda: [
                stack.enter_context(process(modules, environment))
                for modules in (["gateway"], ["oracle", "parimutuel", "ledger"])
            ]
        )
        port = (await start)[0]
        house = RunningHouse(
            tmp_path, base=f"http://127.0.0.1:{port}", feeds=f"{sandbox.url}/feeds"
        )
        async with aiohttp.ClientSession() as http:
            api = Api(house, http)
            asset = new_asset()
            await api.set_feed(asset, price="100")
            host, alice, bob = [
                await signed_up(settings, dsn, api, name) for name in ("Ho", "Al", "Bo")
            ]
            assert (await api.call("POST", "/v1/sandbox/players", {})).status == 404
            room = await host.open_room(coin(asset, "110"), settles_in="10s", lock_fraction=0.5)
            await alice.must_bet(room, "YES", ONE_SOL)
            await bob.must_bet(room, "NO", ONE_SOL)

            ended = await api.until(room["id"], "SETTLED")

            assert ended["outcome"] == "NO"
            assert await bob.balance() == bob.funded + ONE_SOL - 60_000_000
            assert await alice.balance() == alice.funded - ONE_SOL
        await asyncio.to_thread(stack.close)
    await sandbox.close()
