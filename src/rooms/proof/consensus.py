"""What several venues agree a price is, with the reason beside every quote that did not count.

The order is fixed: what failed or is not fresh is left out; one quote per origin stays; outliers
go; enough origins must remain, close enough together; their weighted median is the price; and a
coin's price must be near the sanity bound, where there is one. All comparisons are exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from rooms.kernel.time import Instant, rfc3339
from rooms.proof.decimals import written
from rooms.proof.fields import (
    Fields,
    amount,
    flag,
    instant,
    number,
    optional,
    tables,
    text,
    whole,
)

FUTURE_TOLERANCE: Final = timedelta(seconds=1)
OUTLIER_MADS: Final = 3 * Fraction("1.4826")
OUTLIER_FLOOR: Final = Fraction(1, 1000)
BOUND_AGE: Final = timedelta(seconds=120)
BOUND_WIDTH: Final = Fraction(1, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What one source said at one tick; without a price, ``failure`` says why in one word.

    ``quote_reserve`` (lamports) and ``pool`` are known for tokens that trade in one pool,
    ``supply`` is in whole tokens. ``source_time`` is None for a source that gives none.
    """

    source: str
    origin: str
    weight: int
    price: Decimal | None
    source_time: Instant | None
    received_at: Instant
    pool: str | None = None
    quote_reserve: int | None = None
    supply: Decimal | None = None
    failure: str | None = None

    @property
    def at(self) -> Instant:
        """When the price was true, as well as the source tells."""
        return self.received_at if self.source_time is None else self.source_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How many origins, how close together, and how old a quote of each source may be.

    ``spread`` is a fraction of the price (0.005 is 0.5 %); ``max_age`` has every source asked.
    """

    quorum: int
    spread: Decimal
    max_age: Mapping[str, timedelta]


@dataclass(frozen=True, slots=True)
class Judged:
    """A quote and whether it made the price; ``why`` it did not, in one word.

    ``stale``, ``future``, ``origin`` (another quote speaks for its origin or pool), ``outlier``,
    ``bound`` (compared with, never used), or the quote's own failure.
    """

    quote: Quote
    used: bool
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One consensus at one tick: ``at`` is the earliest source time among the used quotes.

    ``judged_at`` is the clock by which the quotes were fresh. ``quote_reserve`` is the smallest
    that a used quote knows, ``supply`` the weighted median of those known.
    """

    asset: str
    at: Instant
    judged_at: Instant
    price: Decimal
    quotes: tuple[Judged, ...]
    quote_reserve: int | None = None
    supply: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NoConsensus:
    """No price at this tick, because of ``quorum``, ``spread`` or ``bound``."""

    asset: str
    reason: str
    quotes: tuple[Judged, ...]


def consensus(
    asset: str, quotes: Sequence[Quote], rules: Rules, now: Instant, bound: Quote | None
) -> Observation | NoConsensus:
    """Find the price on which the quotes of one tick agree, whatever their order.

    ``bound`` is the sanity bound's quote; None where there is none, as for tokens.
    """
    why = _left_out(quotes, rules, now)
    used = [quote for quote in quotes if quote.source not in why]
    judged = _judged(quotes, why, bound, now)
    if len(used) < max(rules.quorum, 1):
        return NoConsensus(asset, "quorum", judged)
    prices = [(_price(quote), quote.weight) for quote in used]
    price = weighted_median(prices)
    lowest, highest = min(prices)[0], max(prices)[0]
    if Fraction(highest) - Fraction(lowest) > Fraction(rules.spread) * Fraction(price):
        return NoConsensus(asset, "spread", judged)
    if bound is not None and not _within(bound, price, now):
        return NoConsensus(asset, "bound", judged)
    reserves = [quote.quote_reserve for quote in used if quote.quote_reserve is not None]
    supplies = [(quote.supply, quote.weight) for quote in used if quote.supply is not None]
    return Observation(
        asset=asset,
        at=min(quote.at for quote in used),
        judged_at=now,
        price=price,
        quotes=judged,
        quote_reserve=min(reserves, default=None),
        supply=weighted_median(supplies) if supplies else None,
    )


def weighted_median(weighted: Sequence[tuple[Decimal, int]]) -> Decimal:
    """Give the lowest value whose cumulative weight reaches half of the whole."""
    whole = sum(weight for _, weight in weighted)
    reached = 0
    for value, weight in sorted(weighted):
        reached += weight
        if 2 * reached >= whole:
            return value
    raise AssertionError("no values, no median")


def _left_out(quotes: Sequence[Quote], rules: Rules, now: Instant) -> dict[str, str]:
    why: dict[str, str] = {}
    assert len({quote.source for quote in quotes}) == len(quotes), "a source speaks once a tick"
    for quote in quotes:
        unusable = _unusable(quote, rules.max_age[quote.source], now)
        if unusable:
            why[quote.source] = unusable
    _keep_one_per_origin([quote for quote in quotes if quote.source not in why], why)
    _drop_outliers([quote for quote in quotes if quote.source not in why], why)
    return why


def _unusable(quote: Quote, max_age: timedelta, now: Instant) -> str | None:
    if quote.price is None:
        return quote.failure or "failed"
    if quote.at > now + FUTURE_TOLERANCE:
        return "future"
    return "stale" if now - quote.at > max_age else None


def _keep_one_per_origin(quotes: Sequence[Quote], why: dict[str, str]) -> None:
    """Let the quote with the deepest known reserve speak, of equals the latest."""
    origins: set[str] = set()
    pools: set[str] = set()
    for quote in sorted(quotes, key=_speaks_first, reverse=True):
        if quote.origin in origins or quote.pool in pools:
            why[quote.source] = "origin"
            continue
        origins.add(quote.origin)
        if quote.pool is not None:
            pools.add(quote.pool)


def _speaks_first(quote: Quote) -> tuple[int, Instant, str]:
    return (-1 if quote.quote_reserve is None else quote.quote_reserve, quote.at, quote.source)


def _drop_outliers(quotes: Sequence[Quote], why: dict[str, str]) -> None:
    if not quotes:
        return
    middle = _median([Fraction(_price(quote)) for quote in quotes])
    distances = {quote.source: abs(Fraction(_price(quote)) - middle) for quote in quotes}
    mad = _median(list(distances.values()))
    allowed = max(OUTLIER_MADS * mad, OUTLIER_FLOOR * middle)
    why.update({source: "outlier" for source, away in distances.items() if away > allowed})


def _median(values: list[Fraction]) -> Fraction:
    values.sort()
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def _within(bound: Quote, price: Decimal, now: Instant) -> bool:
    if _unusable(bound, BOUND_AGE, now):
        return True
    near = Fraction(_price(bound))
    return abs(Fraction(price) - near) <= BOUND_WIDTH * near


def _judged(
    quotes: Sequence[Quote], why: Mapping[str, str], bound: Quote | None, now: Instant
) -> tuple[Judged, ...]:
    judged = [Judged(quote, quote.source not in why, why.get(quote.source)) for quote in quotes]
    if bound is not None:
        judged.append(Judged(bound, False, _unusable(bound, BOUND_AGE, now) or "bound"))
    return tuple(sorted(judged, key=lambda each: each.quote.source))


def _price(quote: Quote) -> Decimal:
    assert quote.price is not None, f"{quote.source} has no price"
    return quote.price


def observation_json(observation: Observation, tick: int) -> dict[str, Any]:
    """Write an observation as it is stored and published: prices as text, times RFC 3339."""
    return {
        "tick": tick,
        "asset": observation.asset,
        "at": rfc3339(observation.at),
        "judged_at": rfc3339(observation.judged_at),
        "price": written(observation.price),
        "quotes": [quote_json(judged) for judged in observation.quotes],
        **_depth_json(observation.quote_reserve, observation.supply),
    }


def quote_json(judged: Judged) -> dict[str, Any]:
    """Write one judged quote; what a source does not know is left out."""
    quote = judged.quote
    return {
        "source": quote.source,
        "origin": quote.origin,
        "price": None if quote.price is None else written(quote.price),
        "source_time": None if quote.source_time is None else rfc3339(quote.source_time),
        "received_at": rfc3339(quote.received_at),
        "weight": quote.weight,
        "used": judged.used,
        "why": judged.why,
        **({} if quote.pool is None else {"pool": quote.pool}),
        **_depth_json(quote.quote_reserve, quote.supply),
    }


def parse_observation(value: Fields) -> tuple[int, Observation]:
    """Read what ``observation_json`` wrote: the tick and the observation. Malformed otherwise."""
    return whole(value, "tick"), Observation(
        asset=text(value, "asset"),
        at=instant(value, "at"),
        judged_at=instant(value, "judged_at"),
        price=number(value, "price"),
        quotes=tuple(parse_quote(each) for each in tables(value, "quotes")),
        quote_reserve=optional(amount, value, "quote_reserve"),
        supply=optional(number, value, "supply"),
    )


def parse_quote(value: Fields) -> Judged:
    """Read what ``quote_json`` wrote; Malformed otherwise."""
    price, why = optional(number, value, "price"), optional(text, value, "why")
    quote = Quote(
        source=text(value, "source"),
        origin=text(value, "origin"),
        weight=whole(value, "weight"),
        price=price,
        source_time=optional(instant, value, "source_time"),
        received_at=instant(value, "received_at"),
        pool=optional(text, value, "pool"),
        quote_reserve=optional(amount, value, "quote_reserve"),
        supply=optional(number, value, "supply"),
        failure=why if price is None else None,
    )
    return Judged(quote, flag(value, "used"), why)


def _depth_json(reserve: int | None, supply: Decimal | None) -> dict[str, str]:
    known = {} if reserve is None else {"quote_reserve": str(reserve)}
    return known if supply is None else {**known, "supply": written(supply)}
