"""Ask every source that can know, and see what they agree on."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from rooms.contexts.oracle.api import Priced
from rooms.contexts.oracle.domain import Heard, judge
from rooms.contexts.oracle.ports import Feed, Reading
from rooms.contexts.oracle.service.pacing import PacedFeed
from rooms.kernel.result import Err, Ok
from rooms.kernel.time import Clock, Instant
from rooms.proof.condition import MarketType
from rooms.proof.consensus import BOUND_AGE, NoConsensus, Observation, Quote
from rooms.proof.terms import OracleTerms

PATIENCE: Final = timedelta(seconds=3)
"""How long a tick waits for a source's gate; who needs longer has no quote in this tick."""

UNHEARD_OF: Final = frozenset({"unnamed", "missing", "no_pool", "http_400", "http_404"})
"""How the sources say that they do not know an asset; it is published as ``unknown``."""

Agreed = Observation | NoConsensus


@dataclass(frozen=True, slots=True)
class Pricing:
    """Asks all sources; nothing is stored and nothing remembered but the sanity bounds.

    ``terms`` are those in force now: on them is judged what is asked for a new room.
    """

    feeds: Mapping[MarketType, Sequence[PacedFeed]]
    terms: OracleTerms
    bounds: "Bounds"
    clock: Clock

    async def agree(self, wanted: Iterable[Priced]) -> list[Agreed]:
        """Ask all sources at once; each asset gets its consensus, or why there is none."""
        return await judged(await self.ask(wanted), self.terms)

    async def ask(self, wanted: Iterable[Priced]) -> list[Heard]:
        """Ask all sources at once for what they say of each asset."""
        assets: dict[MarketType, set[str]] = {kind: set() for kind in self.feeds}
        for priced in wanted:
            assets[priced.type].add(priced.asset)
        # What coins' sources said is as old as their answers, however slow the tokens' are.
        heard = await asyncio.gather(*(self._ask(kind, assets[kind]) for kind in assets))
        return [each for of_kind in heard for each in of_kind]

    async def _ask(self, kind: MarketType, assets: Collection[str]) -> list[Heard]:
        bounded = assets if kind is MarketType.COIN_PRICE else ()
        bounds, *quoted = await asyncio.gather(
            self.bounds.quotes(bounded),
            *(quotes(paced, assets, PATIENCE, self.clock) for paced in self.feeds[kind]),
        )
        now = self.clock.now()
        return [
            Heard(
                Priced(kind, asset),
                [of_source[asset] for of_source in quoted if asset in of_source],
                bounds.get(asset),
                now,
            )
            for asset in sorted(assets)
        ]


async def judged(heard: Iterable[Heard], terms: OracleTerms) -> list[Agreed]:
    """Judge what was said of each asset on these terms."""
    agreed: list[Agreed] = []
    for each in heard:
        agreed.append(judge(each, terms))
        await asyncio.sleep(0)  # hundreds of assets must not hold up everybody else
    return agreed


@dataclass(slots=True)
class Bounds:
    """The coins' sanity bounds, asked for at their own slower pace and kept while they are young.

    That is no cached price: a bound can only prevent a consensus, never make one.
    """

    feeds: Sequence[PacedFeed]
    clock: Clock
    _kept: dict[str, Quote] = field(default_factory=dict)

    async def quotes(self, coins: Collection[str]) -> dict[str, Quote]:
        """Give the newest quote of each coin that has one; the failed one where none is young."""
        if not coins:
            return {}
        now = self.clock.now()
        self._kept = {asset: quote for asset, quote in self._kept.items() if _young(quote, now)}
        # Those kept are renewed together, or a round for one coin would let another's run out.
        asked = {*coins, *self._kept}
        rounds = [quotes(paced, asked, timedelta(), self.clock) for paced in self.feeds]
        failed: dict[str, Quote] = {}
        for told in await asyncio.gather(*rounds):
            for asset, quote in told.items():
                if quote.price is None:
                    failed[asset] = quote
                elif asset not in self._kept or quote.at >= self._kept[asset].at:
                    self._kept[asset] = quote
        known = failed | self._kept
        return {asset: known[asset] for asset in coins if asset in known}


async def quotes(
    paced: PacedFeed, assets: Collection[str], patience: timedelta, clock: Clock
) -> dict[str, Quote]:
    """Ask one source; an asset that it cannot be asked for in this tick has no quote."""
    if not assets:
        return {}
    answers = await paced.ask(assets, patience)
    now = clock.now()
    return {asset: quote_of(paced.feed, answer, now) for asset, answer in answers.items()}


def quote_of(feed: Feed, answer: Ok[Reading] | Err[str], now: Instant) -> Quote:
    """Write down what a source said, and who it is; a failure is noted at ``now``."""
    source = feed.source
    if isinstance(answer, Err):
        return Quote(
            source=feed.name,
            origin=source.origin,
            weight=source.weight,
            price=None,
            source_time=None,
            received_at=now,
            failure="unknown" if answer.error in UNHEARD_OF else answer.error,
        )
    reading = answer.value
    return Quote(
        source=feed.name,
        origin=source.origin,
        weight=source.weight,
        price=reading.price,
        source_time=reading.source_time,
        received_at=reading.received_at,
        pool=reading.pool,
        quote_reserve=reading.quote_reserve,
        supply=reading.supply,
    )


def _young(quote: Quote, now: Instant) -> bool:
    return now - quote.at <= BOUND_AGE
