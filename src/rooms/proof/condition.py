"""The statement that decides a room: what it says, when a price meets it, and when it came true.

docs/spec/pool.md, section 2. The fold ``step`` is the decision itself: the oracle runs it over
live observations, the verifier over published ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from re import compile as pattern
from typing import Any, Final, Literal, TypeVar

from rooms.kernel.time import Instant
from rooms.proof.decimals import plain
from rooms.proof.pool import Side

MOST_LEAVES: Final = 5
MOST_DEPTH: Final = 2
MOST_DIGITS: Final = 30
LARGEST_EXPONENT: Final = 20
Point = tuple[Instant, Decimal]
_ASSET: Final = pattern(r"[A-Za-z0-9]{1,64}")


class Direction(StrEnum):
    """From which side a price reaches its target; the target itself meets both."""

    AT_OR_ABOVE = "at_or_above"
    AT_OR_BELOW = "at_or_below"


class MarketType(StrEnum):
    """What a leaf is about: a coin's price, or price x fixed supply of a token."""

    COIN_PRICE = "coin_price"
    TOKEN_MARKET_CAP = "token_market_cap"  # noqa: S105 - a coin's kind, no secret


class Kind(StrEnum):
    """How a combination is met: by all its parts in the same observations, or by any."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One asset against one target (USD); ``supply`` (whole tokens) is fixed at creation."""

    type: MarketType
    asset: str
    direction: Direction
    target: Decimal
    supply: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Combination:
    """Leaves, or combinations of leaves, under ``all`` or ``any``."""

    kind: Kind
    of: tuple["Condition", ...]


Condition = Leaf | Combination
Number = TypeVar("Number", Decimal, Fraction)


class MarketProblem(ValueError):  # noqa: N818 - the word the others use for it
    """Why an object is no market; ``reason`` is one word.

    ``shape``, ``asset``, ``direction``, ``target``, ``leaves``, ``depth`` or ``twice``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_market(market: object) -> Condition:
    """Read a room's ``market``, asked for or stored. MarketProblem for anything else."""
    condition = _parse(market, MOST_DEPTH)
    found = [(leaf.type, leaf.asset, leaf.direction, leaf.target) for leaf in leaves(condition)]
    if len(found) > MOST_LEAVES:
        raise MarketProblem("leaves")
    if len(set(found)) < len(found):
        raise MarketProblem("twice")
    return condition


def market_json(condition: Condition) -> dict[str, Any]:
    """Write a condition as ``market``, targets in plain notation as the host scaled them."""
    if isinstance(condition, Combination):
        return {"type": condition.kind.value, "of": [market_json(part) for part in condition.of]}
    market = {
        "type": condition.type.value,
        "asset": condition.asset,
        "direction": condition.direction.value,
        "target": format(condition.target, "f"),
    }
    if condition.supply is not None:
        market["supply"] = format(condition.supply, "f")
    return market


def leaves(condition: Condition) -> tuple[Leaf, ...]:
    """Give every leaf, in the order written."""
    return tuple(_leaves(condition))


def with_supplies(condition: Condition, supplies: Mapping[str, Decimal]) -> Condition:
    """Fix each token's supply (whole tokens, by asset), whatever the host may have written."""
    if isinstance(condition, Combination):
        parts = tuple(with_supplies(part, supplies) for part in condition.of)
        return replace(condition, of=parts)
    if condition.type is MarketType.COIN_PRICE:
        return condition
    return replace(condition, supply=supplies[condition.asset])


def meets(condition: Condition, values: Mapping[str, Decimal]) -> bool:
    """Say whether the prices (USD, by asset) meet the condition; every leaf's asset has one."""
    if isinstance(condition, Combination):
        met = (meets(part, values) for part in condition.of)
        return all(met) if condition.kind is Kind.ALL else any(met)
    price = values[condition.asset]
    if condition.type is MarketType.COIN_PRICE:
        return _reaches(condition.direction, price, condition.target)
    return _reaches(condition.direction, measured(condition, price), Fraction(condition.target))


def _reaches(direction: Direction, value: Number, target: Number) -> bool:
    # Comparing two decimals, or two fractions, rounds nothing.
    return value >= target if direction is Direction.AT_OR_ABOVE else value <= target


def measured(leaf: Leaf, price: Decimal) -> Fraction:
    """Give what is compared with the leaf's target: the price, or price x supply; exact."""
    if leaf.type is MarketType.COIN_PRICE:
        return Fraction(price)
    assert leaf.supply is not None, "a token's supply is fixed when its room is created"
    return Fraction(price) * Fraction(leaf.supply)


def _parse(market: object, depth: int) -> Condition:
    if not isinstance(market, Mapping):
        raise MarketProblem("shape")
    if market.get("type") in tuple(Kind):
        return _parse_combination(market, depth)
    if market.get("type") not in tuple(MarketType):
        raise MarketProblem("shape")
    return _parse_leaf(market, MarketType(market["type"]))


def _parse_combination(market: Mapping[str, Any], depth: int) -> Combination:
    if depth == 0:
        raise MarketProblem("depth")
    of = market.get("of")
    if set(market) != {"type", "of"} or not isinstance(of, list):
        raise MarketProblem("shape")
    if not 1 <= len(of) <= MOST_LEAVES:
        raise MarketProblem("leaves")
    return Combination(Kind(market["type"]), tuple(_parse(part, depth - 1) for part in of))


def _parse_leaf(market: Mapping[str, Any], kind: MarketType) -> Leaf:
    known = {"type", "asset", "direction", "target"}
    if kind is MarketType.TOKEN_MARKET_CAP:
        known.add("supply")
    if not set(market) <= known:
        raise MarketProblem("shape")
    asset, direction, supply = (market.get(key) for key in ("asset", "direction", "supply"))
    if not isinstance(asset, str) or not _ASSET.fullmatch(asset):
        raise MarketProblem("asset")
    if direction not in tuple(Direction):
        raise MarketProblem("direction")
    target = _positive(market.get("target"), "target")
    fixed = None if supply is None else _positive(supply, "shape")
    return Leaf(kind, asset, Direction(direction), target, fixed)


def _positive(text: object, reason: str) -> Decimal:
    try:
        number = plain(text)
    except ValueError as error:
        raise MarketProblem(reason) from error
    if number <= 0 or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise MarketProblem(reason)
    if len(number.as_tuple().digits) > MOST_DIGITS:
        raise MarketProblem(reason)
    return number


def _leaves(condition: Condition) -> Iterator[Leaf]:
    if isinstance(condition, Leaf):
        yield condition
        return
    for part in condition.of:
        yield from _leaves(part)


def time_weighted_median(points: Sequence[Point], at: Instant, window: timedelta) -> Decimal | None:
    """Give the lowest value that, with those below it, held for half of the window before ``at``.

    Each point holds until the next one. None where the points do not reach back far enough.
    """
    start = at - window
    known = sorted((point for point in points if point[0] <= at), key=lambda point: point[0])
    if not known or known[0][0] > start:
        return None
    ends = [time for time, _ in known[1:]] + [at]
    held = [
        (value, max(end, start) - max(begin, start))
        for (begin, value), end in zip(known, ends, strict=True)
    ]
    reached = timedelta()
    for value, duration in sorted(held):
        reached += duration
        if 2 * reached >= window:
            return value
    raise AssertionError("a window has a length, so some value holds half of it")


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation of a whole condition: the earliest time of its prices, and if they met."""

    at: Instant
    met: bool


def see(
    condition: Condition,
    observed: Mapping[str, Point],
    earlier: Mapping[str, Sequence[Point]],
    *,
    touch: bool,
    token_window: timedelta,
) -> Seen | None:
    """Look at a condition with the prices of one tick (USD, by asset).

    In a touch room a token's price is its time-weighted median over ``token_window``, for which
    ``earlier`` has its points of the ticks before. None where a price is missing or a median's
    window is not filled yet: then the tick does not count.
    """
    values: dict[str, Decimal] = {}
    for leaf in leaves(condition):
        if leaf.asset not in observed:
            return None
        at, price = observed[leaf.asset]
        value: Decimal | None = price
        if touch and leaf.type is MarketType.TOKEN_MARKET_CAP:
            points = [*earlier.get(leaf.asset, ()), (at, price)]
            value = time_weighted_median(points, at, token_window)
        if value is None:
            return None
        values[leaf.asset] = value
    return Seen(min(observed[asset][0] for asset in values), meets(condition, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How far the decision of one room has come.

    ``met_ticks`` is the running streak of meeting observations, ``met_since`` the time of its
    first. ``clear_at`` is the time of the last observation that did not meet, creation at first.
    """

    created_at: Instant
    settles_at: Instant
    resolve: Literal["touch", "at_close"]
    clear_at: Instant
    clear_tick: int | None = None
    met_since: Instant | None = None
    met_ticks: tuple[int, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A room's outcome. ``ticks`` show it: the last clear one, if any, then those that met.

    ``t_hit`` and ``t_clear`` are there only for a YES by touch: bets are scratched by them.
    """

    outcome: Side
    trigger: Literal["touch", "close"]
    ticks: tuple[int, ...]
    t_hit: Instant | None = None
    t_clear: Instant | None = None


def watch(
    *, created_at: Instant, settles_at: Instant, resolve: Literal["touch", "at_close"]
) -> Watching:
    """Begin to watch a room."""
    return Watching(
        created_at=created_at, settles_at=settles_at, resolve=resolve, clear_at=created_at
    )


def step(
    watching: Watching, *, tick: int, at: Instant, met: bool, confirmations: int = 2
) -> tuple[Watching, Decision | None]:
    """Take one observation of the room's condition, in the order of ticks.

    In a touch room YES needs ``confirmations`` consecutive meeting observations, the first of
    them in (created_at, settles_at]; an observation of the time before creation is none.
    """
    if watching.resolve == "at_close":
        return watching, _close(at >= watching.settles_at, tick, met=met)
    if at <= watching.created_at:
        return watching, None
    if met and (watching.met_ticks or at <= watching.settles_at):
        return _meeting(watching, tick, at, confirmations)
    cleared = replace(watching, clear_at=at, clear_tick=tick, met_since=None, met_ticks=())
    return cleared, _close(at >= watching.settles_at, tick, met=False)


def _meeting(
    watching: Watching, tick: int, at: Instant, confirmations: int
) -> tuple[Watching, Decision | None]:
    since = watching.met_since or at
    watching = replace(watching, met_since=since, met_ticks=(*watching.met_ticks, tick))
    if len(watching.met_ticks) < confirmations:
        return watching, None
    clear = () if watching.clear_tick is None else (watching.clear_tick,)
    return watching, Decision(
        outcome=Side.YES,
        trigger="touch",
        ticks=(*clear, *watching.met_ticks),
        t_hit=since,
        t_clear=watching.clear_at,
    )


def _close(due: bool, tick: int, *, met: bool) -> Decision | None:  # noqa: FBT001
    if not due:
        return None
    return Decision(outcome=Side.YES if met else Side.NO, trigger="close", ticks=(tick,))
