"""How quotes are judged and a watched condition is decided, tick by tick. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from rooms.contexts.oracle.api import Priced
from rooms.contexts.oracle.events import ConditionMet, ConditionNotMet
from rooms.kernel.time import Instant, to_millis
from rooms.platform.settings import Role
from rooms.proof.condition import (
    Condition,
    Decision,
    MarketType,
    Point,
    Watching,
    leaves,
    see,
    step,
)
from rooms.proof.consensus import NoConsensus, Observation, Quote, consensus
from rooms.proof.pool import Side
from rooms.proof.terms import BOUND_ROLE, OracleTerms, SourceTerms

ROLES: Final[Mapping[MarketType, Role]] = {
    MarketType.COIN_PRICE: "coin",
    MarketType.TOKEN_MARKET_CAP: "token",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What the sources said about one asset, until ``at``; nobody has judged it yet."""

    priced: Priced
    quotes: Sequence[Quote]
    bound: Quote | None
    at: Instant


def judge(heard: Heard, terms: OracleTerms) -> Observation | NoConsensus:
    """Find the price on which the sources agree under these terms, whatever the settings are.

    A source that the terms do not know has no say, and none counts for more than they fixed.
    """
    rules = terms.rules(heard.priced.type)
    quotes = [
        _counted(quote, terms.sources[quote.source])
        for quote in heard.quotes
        if quote.source in rules.max_age
    ]
    bound = None if heard.bound is None else _bound(heard.bound, terms)
    return consensus(heard.priced.asset, quotes, rules, heard.at, bound)


def _bound(quote: Quote, terms: OracleTerms) -> Quote | None:
    fixed = terms.sources.get(quote.source)
    return _counted(quote, fixed) if fixed is not None and fixed.role == BOUND_ROLE else None


def _counted(quote: Quote, fixed: SourceTerms) -> Quote:
    if (quote.weight, quote.origin) == (fixed.weight, fixed.origin):
        return quote
    return replace(quote, weight=fixed.weight, origin=fixed.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A condition in force and how far its decision has come.

    ``terms`` is the number of those on which its prices are agreed on; None for a watch that is
    older than such numbers, which goes by the settings in force.
    """

    id: int
    subject: str
    terms: int | None
    condition: Condition
    first_tick: int
    confirmations: int
    token_window: timedelta
    watching: Watching

    @property
    def smoothed(self) -> frozenset[str]:
        """The assets that are compared by their median over ``token_window``."""
        if self.watching.resolve != "touch":
            return frozenset()
        return frozenset(
            leaf.asset
            for leaf in leaves(self.condition)
            if leaf.type is MarketType.TOKEN_MARKET_CAP
        )


@dataclass(frozen=True, slots=True)
class Past:
    """An observation of an earlier tick; the monitor's own ticks are the ones that count."""

    tick: int
    at: Instant
    price: Decimal
    monitored: bool


History = Mapping[str, Sequence[Past]]


@dataclass(frozen=True, slots=True)
class Folded:
    """What one tick made of a watch: ``at`` is the tick's joint time for its assets."""

    watch: Watch
    watching: Watching
    decision: Decision | None


def wanted_by(watches: Iterable[Watch]) -> set[Priced]:
    """Give all that has to be priced for these watches."""
    return {Priced(leaf.type, leaf.asset) for watch in watches for leaf in leaves(watch.condition)}


def fold(watch: Watch, tick: int, observed: Mapping[str, Point], history: History) -> Folded | None:
    """Take one tick; None where it lacks a price that the watch needs, so that it says nothing.

    docs/spec/pool.md, sections 2 and 9.
    """
    seen = see(
        watch.condition,
        observed,
        {
            asset: [(past.at, past.price) for past in _remembered(watch, asset, history)]
            for asset in watch.smoothed
        },
        touch=watch.watching.resolve == "touch",
        token_window=watch.token_window,
    )
    if seen is None:
        return None
    watching, decision = step(
        watch.watching, tick=tick, at=seen.at, met=seen.met, confirmations=watch.confirmations
    )
    return Folded(watch, watching, decision)


def fact_of(folded: Folded, history: History) -> ConditionMet | ConditionNotMet:
    """Tell a decision, with every tick that someone needs who wants to derive it again.

    Where a token's median decided, those are all the ticks of the windows from the first deciding
    tick on; ``history`` reaches back to them.
    """
    decision, watch = folded.decision, folded.watch
    assert decision is not None, f"{watch.subject} is not decided"
    ticks = sorted({*decision.ticks, *_window_ticks(folded, history)})
    if decision.outcome is Side.NO:
        return ConditionNotMet(subject=watch.subject, trigger=decision.trigger, ticks=ticks)
    return ConditionMet(
        subject=watch.subject,
        trigger=decision.trigger,
        ticks=ticks,
        t_hit=None if decision.t_hit is None else to_millis(decision.t_hit),
        t_clear=None if decision.t_clear is None else to_millis(decision.t_clear),
    )


def window_start(folded: Folded) -> Instant:
    """Give the instant at which the median's window of the first deciding tick begins."""
    watching = folded.watching
    since = watching.met_since if watching.clear_tick is None else watching.clear_at
    return (since or watching.clear_at) - folded.watch.token_window


def _window_ticks(folded: Folded, history: History) -> set[int]:
    start = window_start(folded)
    remembered = {
        asset: _remembered(folded.watch, asset, history) for asset in folded.watch.smoothed
    }
    # Each value holds until the next, so the last one before the window belongs to it.
    needed = {
        past.tick
        for pasts in remembered.values()
        for reach in [max((past.at for past in pasts if past.at <= start), default=start)]
        for past in pasts
        if past.at >= reach
    }
    first = min(needed, default=0)
    return {past.tick for pasts in remembered.values() for past in pasts if past.tick >= first}


def _remembered(watch: Watch, asset: str, history: History) -> list[Past]:
    """Give what counts for this watch's medians: nothing from before it was asked for.

    Otherwise a price that was there, and is gone when the room is created, would decide it.
    """
    return [
        past
        for past in history.get(asset, ())
        if past.tick == watch.first_tick or (past.monitored and past.tick > watch.first_tick)
    ]
