"""The oracle's face: what is it worth now, and please watch this."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from rooms.contexts.oracle.api import Basis, Newest, NewWatch, Priced, Tick
from rooms.contexts.oracle.service.pricing import Pricing
from rooms.contexts.oracle.storage import OracleStorage
from rooms.kernel.time import Clock
from rooms.platform.database import Database, Tx
from rooms.proof.consensus import NoConsensus, Observation


@dataclass(frozen=True, slots=True)
class OracleService:
    """Observes on demand. What is watched is decided by the monitor alone."""

    database: Database
    storage: OracleStorage
    pricing: Pricing
    clock: Clock

    async def observe(self, wanted: Collection[Priced]) -> Tick:
        """Ask every source of what is wanted now and store the answers."""
        agreed = await self.pricing.agree(wanted)
        seen = [each for each in agreed if isinstance(each, Observation)]
        async with self.database.transaction() as tx:
            terms = await self.storage.number_of(tx, self.pricing.terms)
            tick = await self.storage.add_tick(tx, self.clock.now(), None, terms)
            await self.storage.add_observations(tx, tick, terms, seen)
        return Tick(
            id=tick,
            observations={each.asset: each for each in seen},
            missing={each.asset: each for each in agreed if isinstance(each, NoConsensus)},
        )

    async def watch(self, tx: Tx, watch: NewWatch) -> None:
        """Watch a condition until it is decided or ended."""
        await self.storage.add_watch(tx, watch)

    async def end_watch(self, tx: Tx, subject: str) -> bool:
        """Stop watching; False where it was decided already."""
        return await self.storage.end_watch(tx, subject)

    async def terms_of(self, tx: Tx, subjects: Collection[str]) -> dict[str, int]:
        """Give the number of the terms on which these are watched, or were."""
        return await self.storage.terms_of(tx, subjects)

    async def newest(self, tx: Tx, wanted: Collection[Basis]) -> dict[Basis, Newest]:
        """Give the newest stored observation of each asset, on the terms asked for, if any."""
        return await self.storage.newest(tx, wanted)

    async def ever_priced(self, tx: Tx, assets: Collection[str]) -> set[str]:
        """Give those of these assets that have an observation, on whatever terms."""
        return await self.storage.ever_priced(tx, assets)

    async def evidence(
        self, tx: Tx, ticks: Sequence[int], assets: Collection[str]
    ) -> list[dict[str, Any]]:
        """Give the observations of these ticks and assets as they are published, in order."""
        return await self.storage.evidence(tx, ticks, assets)
