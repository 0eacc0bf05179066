"""One tick of the monitor: ask for what is watched, then decide in one transaction."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from rooms.contexts.oracle.domain import (
    Folded,
    Heard,
    History,
    Watch,
    fact_of,
    fold,
    wanted_by,
    window_start,
)
from rooms.contexts.oracle.service.pricing import Agreed, Pricing, judged
from rooms.contexts.oracle.storage import OracleStorage
from rooms.kernel.time import Clock, Instant
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.platform.metrics import AGREEMENTS, QUOTES, SOURCE_USED_AT
from rooms.proof.condition import Point
from rooms.proof.consensus import NoConsensus, Observation
from rooms.proof.terms import OracleTerms

SOURCE_LAG: Final = timedelta(minutes=3)
"""By how much an observation's time may lie before its tick's: more than any usual max_age."""

AT_A_STRETCH: Final = 100


@dataclass(frozen=True, slots=True)
class Round:
    """What was agreed on, on the same terms, for the watches that have them."""

    terms: int | None
    watches: Sequence[Watch]
    seen: Sequence[Observation]

    def after(self, judged: Mapping[str, Instant]) -> "Round":
        """Leave out what was judged no later than what is stored: a clock was set back.

        Of a room's ticks each is judged after the one before, or its file would not be believed:
        one consensus could stand for two ticks.
        """
        later = [
            each
            for each in self.seen
            if each.asset not in judged or each.judged_at > judged[each.asset]
        ]
        return replace(self, seen=later)


@dataclass(frozen=True, slots=True)
class Deciding:
    """Decides every watch in force by the observations of the monitor's ticks, in their order.

    Watches on other terms have ticks of their own, made of the same quotes: so the evidence of a
    room was agreed on as its terms say, also after the settings have changed.
    """

    database: Database
    storage: OracleStorage
    pricing: Pricing
    clock: Clock

    async def tick(self, lease: Lease) -> None:
        """Do one tick as the leader. Raises LeadershipLost where another process leads by now.

        The watches are read once: nobody but a leader changes them, and the guard makes sure that
        none came between. One that was ended meanwhile is left alone.
        """
        async with self.database.snapshot() as tx:
            watches = await self.storage.watches_in_force(tx)
            fixed = await self.storage.terms(tx, {watch.terms for watch in watches})
        if not watches:
            return
        heard = await self.pricing.ask(wanted_by(watches))
        rounds = [
            await self._judge(number, watches, heard, fixed.get(number, self.pricing.terms))
            for number in dict.fromkeys(watch.terms for watch in watches)
        ]
        async with self.database.transaction() as tx:
            epoch = await lease.guard(tx)
            before = await self.storage.judged(tx, {each.priced.asset for each in heard})
            for each in rounds:
                await self._decide(tx, each.after(before), epoch)

    async def _judge(
        self,
        number: int | None,
        watches: Sequence[Watch],
        heard: Sequence[Heard],
        terms: OracleTerms,
    ) -> Round:
        """Judge, on the terms of some of the watches, what these want to know."""
        own = [watch for watch in watches if watch.terms == number]
        wanted = wanted_by(own)
        agreed = await judged([each for each in heard if each.priced in wanted], terms)
        _count(agreed)
        return Round(number, own, [each for each in agreed if isinstance(each, Observation)])

    async def _decide(self, tx: Tx, each: Round, epoch: int) -> None:
        tick = await self.storage.add_tick(tx, self.clock.now(), epoch, each.terms)
        await self.storage.add_observations(tx, tick, each.terms, each.seen)
        points = {seen.asset: (seen.at, seen.price) for seen in each.seen}
        folded = await self._fold(tx, each.watches, tick, points)
        await self._tell(tx, folded, tick)

    async def _fold(
        self, tx: Tx, watches: Sequence[Watch], tick: int, points: Mapping[str, Point]
    ) -> list[Folded]:
        starts = {
            watch.id: min(points[asset][0] for asset in seen) - watch.token_window
            for watch in watches
            if (seen := watch.smoothed & points.keys())
        }
        smoothed = [watch for watch in watches if watch.id in starts]
        history = await self._history(tx, smoothed, min(starts.values(), default=None), tick)
        folded = []
        for place, watch in enumerate(watches):
            folded.append(fold(watch, tick, points, history))
            if place % AT_A_STRETCH == 0 or watch.smoothed:
                await asyncio.sleep(0)
        return [each for each in folded if each is not None]

    async def _tell(self, tx: Tx, folded: Sequence[Folded], tick: int) -> None:
        """Store how far each watch has come and publish what was decided."""
        told = await self.storage.keep_progress(tx, folded)
        decided = [each for each in folded if each.watch.id in told]
        if not decided:
            return
        smoothed = [each for each in decided if each.watch.smoothed]
        since = min((window_start(each) for each in smoothed), default=None)
        history = await self._history(tx, [each.watch for each in smoothed], since, tick)
        await tx.publish(*(fact_of(each, history) for each in decided))

    async def _history(
        self, tx: Tx, watches: Sequence[Watch], since: Instant | None, before: int
    ) -> History:
        if since is None:
            return {}
        return await self.storage.history(
            tx,
            assets={asset for watch in watches for asset in watch.smoothed},
            first_ticks={watch.first_tick for watch in watches},
            since=since - SOURCE_LAG,
            before=before,
            terms=watches[0].terms,
        )


def _count(agreed: Sequence[Agreed]) -> None:
    """Count what was agreed at a tick, and which sources had a part in it."""
    results = Counter(each.reason if isinstance(each, NoConsensus) else "agreed" for each in agreed)
    for result, times in results.items():
        AGREEMENTS.labels(result).inc(times)
    quotes = Counter(
        (judged.quote.source, "used" if judged.used else judged.why)
        for each in agreed
        for judged in each.quotes
    )
    for (source, verdict), times in quotes.items():
        QUOTES.labels(source, verdict).inc(times)
        if verdict == "used":
            SOURCE_USED_AT.labels(source).set_to_current_time()
