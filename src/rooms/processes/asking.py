"""Ask every price source once, as a house with these settings would, for who examines a house."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from rooms.contexts.oracle.adapters.registry import make_feed
from rooms.contexts.oracle.module import feed_source
from rooms.contexts.oracle.ports import Reading, Role
from rooms.kernel.result import Err, Ok
from rooms.platform.clock import SystemClock
from rooms.platform.http import HttpClient
from rooms.platform.settings import OracleSettings, Source
from rooms.sandbox.names import MINT as SANDBOX_MINT

COIN: Final = "SOL"
WELL_KNOWN_MINT: Final = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"  # BONK


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one source said about ``asset``: a price in USD, or ``failure`` in one word.

    ``age`` is None for a source that gives no time; a price older than the source's ``max_age``
    has the failure ``stale``.
    """

    source: str
    origin: str
    role: Role
    asset: str
    price: Decimal | None = None
    age: timedelta | None = None
    failure: str | None = None


async def ask_sources(oracle: OracleSettings, token: str | None, *, sandbox: bool) -> list[Asked]:
    """Ask all sources in use at once: coins for SOL, token sources for ``token`` or a known one."""
    mint = token or (SANDBOX_MINT if sandbox else WELL_KNOWN_MINT)
    async with HttpClient() as http:
        questions = [
            _ask(http, name, source, mint if source.role == "token" else COIN)
            for name, source in oracle.sources.enabled().items()
        ]
        return list(await asyncio.gather(*questions))


async def _ask(http: HttpClient, name: str, source: Source, asset: str) -> Asked:
    clock = SystemClock()
    feed = make_feed(name, feed_source(source), http=http, clock=clock)
    answer: Ok[Reading] | Err[str] = (await feed.read([asset]))[asset]
    asked = Asked(source=name, origin=source.origin, role=source.role, asset=asset)
    if isinstance(answer, Err):
        return replace(asked, failure=answer.error)
    reading = answer.value
    age = None if reading.source_time is None else clock.now() - reading.source_time
    stale = age is not None and age > source.max_age
    return replace(asked, price=reading.price, age=age, failure="stale" if stale else None)
