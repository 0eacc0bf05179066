"""An oracle driven by hand: a test says the prices, the rest is as real as the oracle's own.

Quotes of several sources go through the real consensus, ticks and observations are rows, watches
are remembered, and what is decided leaves by the outbox in the transaction that ends the watch.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from rooms.contexts.oracle.api import Basis, Newest, NewWatch, Priced, Tick
from rooms.contexts.oracle.events import ConditionMet, ConditionNotMet
from rooms.contexts.oracle.storage import OracleStorage
from rooms.kernel.ids import RoomId
from rooms.kernel.time import Instant, to_millis
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database, Tx
from rooms.proof.condition import MarketType
from rooms.proof.consensus import NoConsensus, Observation, Quote, consensus
from rooms.proof.terms import BOUND_ROLE, ROLES, OracleTerms


@dataclass(slots=True)
class Said:
    """What the sources answer about one asset; those in ``silent`` have failed that way."""

    price: Decimal
    type: MarketType = MarketType.COIN_PRICE
    reserve: int | None = None
    supply: Decimal | None = None
    silent: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class HandOracle:
    """Implements ``contexts.oracle.api.Oracle`` over what a test ``says``."""

    database: Database
    terms: OracleTerms
    said: dict[str, Said] = field(default_factory=dict)
    storage: OracleStorage = field(default_factory=OracleStorage)

    def say(self, asset: str, price: str | Decimal) -> None:
        """Every source gives a coin this price from now on."""
        self.said[asset] = Said(Decimal(price))

    def say_token(self, mint: str, price: str, *, reserve: int, supply: str = "1000000") -> None:
        """Both token sources give a token this price, over pools of this many lamports."""
        self.said[mint] = Said(
            Decimal(price), MarketType.TOKEN_MARKET_CAP, reserve, Decimal(supply)
        )

    def silence(self, asset: str, *sources: str, failure: str) -> None:
        """These sources fail with this word when asked for the asset."""
        self.said[asset].silent = dict.fromkeys(sources, failure)

    async def look(
        self, *assets: str, at: Instant | None = None, terms: OracleTerms | None = None
    ) -> int:
        """Store a tick of what is said now, as seen ``at``, on other terms perhaps; its number."""
        wanted = [Priced(self.said[asset].type, asset) for asset in assets]
        async with self.database.transaction() as tx:
            return (await self._store(tx, wanted, at or SystemClock().now(), terms)).id

    async def observe(self, wanted: Collection[Priced]) -> Tick:
        async with self.database.transaction() as tx:
            return await self._store(tx, wanted, SystemClock().now())

    async def _store(
        self, tx: Tx, wanted: Collection[Priced], at: Instant, terms: OracleTerms | None = None
    ) -> Tick:
        number = await self.storage.number_of(tx, terms or self.terms)
        tick = await self.storage.add_tick(tx, at, None, number)
        found = {priced.asset: self._agree(priced, at) for priced in wanted}
        seen = {name: each for name, each in found.items() if isinstance(each, Observation)}
        missing = {name: each for name, each in found.items() if isinstance(each, NoConsensus)}
        await self.storage.add_observations(tx, tick, number, [*seen.values()])
        return Tick(tick, seen, missing)

    def _agree(self, priced: Priced, at: Instant) -> Observation | NoConsensus:
        said = self.said.get(priced.asset)
        sources = self.terms.sources
        quotes = [
            self._quote(source, said, at)
            for source, terms in sources.items()
            if terms.role == ROLES[priced.type]
        ]
        bounds = [name for name, terms in sources.items() if terms.role == BOUND_ROLE]
        coin = priced.type is MarketType.COIN_PRICE
        bound = self._quote(bounds[0], said, at) if coin and bounds else None
        return consensus(priced.asset, quotes, self.terms.rules(priced.type), at, bound)

    def _quote(self, source: str, said: Said | None, at: Instant) -> Quote:
        terms = self.terms.sources[source]
        failure = "unknown" if said is None else said.silent.get(source)
        token = said is not None and said.type is MarketType.TOKEN_MARKET_CAP
        return Quote(
            source=source,
            origin=terms.origin,
            weight=terms.weight,
            price=None if said is None or failure else said.price,
            source_time=at,
            received_at=at + timedelta(milliseconds=20),
            pool=f"pool of {source}" if token else None,
            quote_reserve=said.reserve if said else None,
            supply=said.supply if said else None,
            failure=failure,
        )

    async def watch(self, tx: Tx, watch: NewWatch) -> None:
        await self.storage.add_watch(tx, watch)

    async def end_watch(self, tx: Tx, subject: str) -> bool:
        return await self.storage.end_watch(tx, subject)

    async def terms_of(self, tx: Tx, subjects: Collection[str]) -> dict[str, int]:
        return await self.storage.terms_of(tx, subjects)

    async def newest(self, tx: Tx, wanted: Collection[Basis]) -> dict[Basis, Newest]:
        return await self.storage.newest(tx, wanted)

    async def ever_priced(self, tx: Tx, assets: Collection[str]) -> set[str]:
        return await self.storage.ever_priced(tx, assets)

    async def evidence(
        self, tx: Tx, ticks: Sequence[int], assets: Collection[str]
    ) -> list[dict[str, Any]]:
        return await self.storage.evidence(tx, ticks, assets)

    async def tell_touched(
        self, room: RoomId, ticks: Sequence[int], *, t_hit: Instant, t_clear: Instant
    ) -> bool:
        """Decide a touch and tell it; False where the room is no longer watched."""
        return await self._tell(
            ConditionMet(
                subject=f"room:{room}",
                trigger="touch",
                ticks=list(ticks),
                t_hit=to_millis(t_hit),
                t_clear=to_millis(t_clear),
            )
        )

    async def tell_closed(self, room: RoomId, ticks: Sequence[int], *, met: bool) -> bool:
        """Decide at the settle time and tell it; False where the room is no longer watched."""
        subject, shown = f"room:{room}", list(ticks)
        if met:
            return await self._tell(
                ConditionMet(
                    subject=subject, trigger="close", ticks=shown, t_hit=None, t_clear=None
                )
            )
        return await self._tell(ConditionNotMet(subject=subject, trigger="close", ticks=shown))

    async def _tell(self, fact: ConditionMet | ConditionNotMet) -> bool:
        async with self.database.transaction() as tx:
            told = await self.end_watch(tx, fact.subject)
            if told:
                await tx.publish(fact)
        return told
