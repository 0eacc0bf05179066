"""An oracle between a real database and a real sandbox, and a clock by hand for all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest

from rooms.contexts.oracle.api import NewWatch, Priced, Tick
from rooms.contexts.oracle.module import oracle_terms, wire_pricing
from rooms.contexts.oracle.service.deciding import Deciding
from rooms.contexts.oracle.service.observing import OracleService
from rooms.contexts.oracle.storage import OracleStorage
from rooms.kernel.time import Instant
from rooms.platform.database import Database
from rooms.platform.http import HttpClient
from rooms.platform.lease import Lease
from rooms.platform.settings import OracleSettings, Sources, sandbox_overrides
from rooms.proof.condition import Condition, leaves, parse_market
from rooms.sandbox.server import RunningSandbox, start_sandbox
from tests.contracts.outside import HandClock

COINS = ("binance", "coinbase", "kraken", "coindesk", "pyth")
Fact = tuple[str, dict[str, Any]]


def coin(asset: str, target: str, direction: str = "at_or_above") -> dict[str, Any]:
    return {"type": "coin_price", "asset": asset, "direction": direction, "target": target}


def oracle_settings(url: str, **changes: Mapping[str, Any]) -> OracleSettings:
    """All sources at the sandbox without any pace; ``changes`` are by source."""
    moved = sandbox_overrides(url)["oracle"]["sources"]
    sources = {
        name: source.model_copy(
            update={"url": moved[name]["url"], "min_interval": timedelta(), **changes.get(name, {})}
        )
        for name, source in Sources().enabled().items()
    }
    return OracleSettings(sources=Sources(**sources))


@dataclass
class Rig:
    """One process of the oracle. ``restarted`` gives another one on the same database."""

    database: Database
    clock: HandClock
    settings: OracleSettings
    http: HttpClient
    sandbox: aiohttp.ClientSession
    lease: Lease

    def __post_init__(self) -> None:
        storage = OracleStorage()
        pricing = wire_pricing(self.http, self.settings, self.clock)
        self.face = OracleService(self.database, storage, pricing, self.clock)
        self.deciding = Deciding(self.database, storage, pricing, self.clock)

    def restarted(self, holder: str, settings: OracleSettings | None = None) -> "Rig":
        return Rig(
            self.database,
            self.clock,
            settings or self.settings,
            self.http,
            self.sandbox,
            Lease(self.database, "oracle", holder),
        )

    async def put(self, asset: str, **change: Any) -> None:
        async with self.sandbox.put(f"/feeds/{asset}", json=change) as response:
            assert response.status == 200, await response.text()

    async def strike(self, asset: str, fault: str | None, sources: Collection[str] = COINS) -> None:
        for source in sources:
            await self.put(asset, source=source, fault=fault)

    async def watch(
        self,
        market: dict[str, Any],
        *,
        subject: str = "room:1",
        resolve: Literal["touch", "at_close"] = "touch",
        settles_in: float = 600,
        token_window: float = 300,
    ) -> Tick:
        """Ask for the first price and watch from now on, as the opening of a room does."""
        condition = parse_market(market)
        tick = await self.observe(condition)
        now = self.clock.now()
        async with self.database.transaction() as tx:
            await self.face.watch(
                tx,
                NewWatch(
                    subject=subject,
                    condition=condition,
                    resolve=resolve,
                    first_tick=tick.id,
                    created_at=now,
                    settles_at=now + timedelta(seconds=settles_in),
                    confirmations=2,
                    token_window=timedelta(seconds=token_window),
                    terms=oracle_terms(self.settings),
                ),
            )
        return tick

    async def observe(self, condition: Condition) -> Tick:
        return await self.face.observe(
            {Priced(leaf.type, leaf.asset) for leaf in leaves(condition)}
        )

    async def tick(self, seconds: float = 3) -> Instant:
        """Let time pass and tick once as the leader; give the time of the tick."""
        self.clock.advance(seconds)
        assert await self.lease.acquire()
        await self.deciding.tick(self.lease)
        return self.clock.now()

    async def tick_at(self, asset: str, price: str) -> Instant:
        """Tick after the price has become this one everywhere."""
        await self.put(asset, price=price)
        return await self.tick()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Look at every ring of the doorbell and now and then; ten seconds at most.

        Time passes meanwhile: what is judged at the same instant again is no new observation.
        """
        ear = self.database.doorbell.listen()
        async with asyncio.timeout(10):
            while not await holds():
                self.clock.advance(0.1)
                await ear.wait(0.02)
        ear.close()

    async def told(self) -> bool:
        return bool(await self.facts())

    async def facts(self) -> list[Fact]:
        async with self.database.snapshot() as tx:
            rows = await tx.fetch("SELECT kind, body FROM platform.outbox ORDER BY id")
        return [(row["kind"], row["body"]) for row in rows]

    async def evidence(self, fact: Fact, *assets: str) -> list[dict[str, Any]]:
        async with self.database.snapshot() as tx:
            return await self.face.evidence(tx, fact[1]["ticks"], assets)

    async def count(self, table: str) -> int:
        async with self.database.snapshot() as tx:
            return int(await tx.value(f"SELECT count(*) FROM oracle.{table}"))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


@pytest.fixture
async def running(tmp_path: Path, clock: HandClock) -> AsyncIterator[RunningSandbox]:
    sandbox = await start_sandbox("127.0.0.1", 0, tmp_path, seed=7, clock=clock)
    yield sandbox
    await sandbox.close()


@pytest.fixture
async def rig(
    database: Database, clock: HandClock, http: HttpClient, running: RunningSandbox
) -> AsyncIterator[Rig]:
    async with aiohttp.ClientSession(running.url) as session:
        lease = Lease(database, "oracle", "first", timedelta(minutes=1))
        settings = oracle_settings(running.url)
        made = Rig(database, clock, settings, http, session, lease)
        await made.put("SOL", price="150")
        clock.advance(2)
        yield made
