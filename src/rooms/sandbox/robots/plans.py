"""Which room to open next: an asset, a target near its price, a time, and a natural question."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Any, Final

from rooms.kernel.time import EPOCH, Instant, rfc3339
from rooms.proof.condition import leaves
from rooms.sandbox.names import MINT, MINT_SYMBOL, SUPPLY
from rooms.sandbox.prices import STARTS
from rooms.sandbox.robots.views import Room, Values

COINS: Final = {"SOL": 5, "BTC": 3, "ETH": 2}
"""The coins that robots ask about, and how often."""
GUESSES: Final = {coin: STARTS[coin] for coin in COINS} | {MINT: STARTS[MINT] * SUPPLY}
"""Where an asset may be, until the house has shown its price: for rooms that decide at close."""
KINDS: Final = {"close by": 6, "near": 9, "far": 3, "at close": 2, "combined": 2, "token": 1}
DISTANCES: Final = {
    "close by": (300, 500),
    "near": (500, 1_500),
    "far": (1_500, 4_000),
    "at close": (300, 2_000),
    "combined": (400, 1_200),
    "token": (20_000, 50_000),
}
"""How far a target is from the price, in millionths of it."""
MOST_OF_A_KIND: Final = {"far": 3, "at close": 4, "combined": 1, "token": 1}
CLOSE_BY_AT_LEAST: Final = 2
"""While fewer rooms than this may settle any moment, the next one is made close by."""
CENTS: Final = -2
LONG_ROOM: Final = timedelta(minutes=5)
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)

ABOVE: Final = "at_or_above"
BELOW: Final = "at_or_below"
TITLES: Final = {
    ("touch", ABOVE): (
        "Will {name} reach {target} by {time}?",
        "Can {name} climb to {target} by {time}?",
        "Will {name} touch {target} by {time}?",
    ),
    ("touch", BELOW): (
        "Will {name} fall to {target} by {time}?",
        "Can {name} drop to {target} by {time}?",
        "Will {name} dip to {target} by {time}?",
    ),
    ("at_close", ABOVE): (
        "Will {name} be at {target} or above at {time}?",
        "Does {name} hold {target} at {time}?",
    ),
    ("at_close", BELOW): (
        "Will {name} be at {target} or below at {time}?",
        "Does {name} stay at or under {target} at {time}?",
    ),
}
WORDS_OF_ANY: Final = {ABOVE: "{name} reach {target}", BELOW: "{name} fall to {target}"}
WORDS_OF_ALL: Final = {ABOVE: "{name} at or above {target}", BELOW: "{name} at or below {target}"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a robot has seen: rooms that are not settled, prices now, and older prices."""

    now: Instant
    rooms: Collection[Room]
    values: Values
    older: Values


@dataclass(frozen=True, slots=True)
class Planner:
    """Thinks of rooms that last from the shortest to the longest of ``durations``."""

    dice: Random
    durations: tuple[timedelta, timedelta]

    def plan(self, look: Look) -> dict[str, Any]:
        """Give the body of the next room to open."""
        coin = self._drawn(COINS) if look.values.keys() & COINS.keys() else "SOL"
        if coin not in look.values:
            return self._anchor(coin, look)
        kind = self._kind(look)
        if kind == "token":
            return self._token(look)
        if kind == "combined":
            return self._combined(look)
        resolve = "at_close" if kind == "at close" else "touch"
        return self._room(self._leaf(coin, look.values[coin], kind), resolve, look.now)

    def _kind(self, look: Look) -> str:
        kinds = [kind_of(room, look.values) for room in look.rooms]
        if kinds.count("close by") < CLOSE_BY_AT_LEAST:
            return "close by"
        kind = self._drawn(KINDS)
        full = kinds.count(kind) >= MOST_OF_A_KIND.get(kind, len(kinds) + 1)
        few = kind == "combined" and len(look.values.keys() & COINS.keys()) < len(("one", "two"))
        return "near" if full or few else kind

    def _anchor(self, asset: str, look: Look) -> dict[str, Any]:
        """Ask about an asset whose price is not known now; the answer shows it."""
        known = look.older.get(asset, GUESSES[asset])
        target = known.quantize(Decimal(1).scaleb(known.adjusted() - 3), ROUND_HALF_EVEN)
        market = _market(asset, self.dice.choice((ABOVE, BELOW)), target)
        return self._room(market, "at_close", look.now)

    def _token(self, look: Look) -> dict[str, Any]:
        known = look.values.get(MINT)
        value = known if known is not None else look.older.get(MINT, GUESSES[MINT])
        resolve = "at_close" if known is None else self.dice.choice(("touch", "at_close"))
        return self._room(self._leaf(MINT, value, "token"), resolve, look.now)

    def _combined(self, look: Look) -> dict[str, Any]:
        coins = self.dice.sample(sorted(look.values.keys() & COINS.keys()), 2)
        of = [self._leaf(coin, look.values[coin], "combined") for coin in coins]
        kind = self.dice.choice(("all", "any"))
        settles_at = self._settles_at(look.now)
        title = _any_title(of) if kind == "any" else _all_title(of)
        return {
            "title": title.format(time=_clock_time(settles_at)),
            "market": {"type": kind, "of": of},
            "resolve": "touch",
            "settles_at": rfc3339(settles_at),
        }

    def _leaf(self, asset: str, value: Decimal, kind: str) -> dict[str, str]:
        """Put a target above or below the value, on a round price and never on the value."""
        distance = value * Decimal(self.dice.randint(*DISTANCES[kind])).scaleb(-6)
        step = Decimal(1).scaleb(value.adjusted() - 4)
        if self.dice.random() < 1 / 2:
            return _market(asset, ABOVE, (value + distance).quantize(step, ROUND_CEILING))
        return _market(asset, BELOW, (value - distance).quantize(step, ROUND_FLOOR))

    def _room(self, market: dict[str, str], resolve: str, now: Instant) -> dict[str, Any]:
        settles_at = self._settles_at(now)
        title = self.dice.choice(TITLES[resolve, market["direction"]])
        return {
            "title": _worded(title, market, settles_at),
            "market": market,
            "resolve": resolve,
            "settles_at": rfc3339(settles_at),
        }

    def _settles_at(self, now: Instant) -> Instant:
        """Choose a full minute (in a house of short rooms a full second) within the durations."""
        shortest, longest = self.durations
        step = MINUTE if shortest >= LONG_ROOM else SECOND
        spare = max((longest - shortest) // step, 1)
        # Most rooms are short: those that settle soon are the ones to watch.
        steps = min(self.dice.randint(1, spare), self.dice.randint(1, spare))
        return _floor(now + shortest + steps * step, step)

    def _drawn(self, weights: dict[str, int]) -> str:
        return self.dice.choices(list(weights), list(weights.values()))[0]


def kind_of(room: Room, values: Values) -> str:
    """Say of which kind a room is now; one that the price has left behind is far."""
    if room.combined:
        return "combined"
    if room.about_token:
        return "token"
    if room.resolve == "at_close":
        return "at close"
    (leaf,) = leaves(room.condition)
    value = values.get(leaf.asset)
    if value is None:
        return "far"
    millionths = abs(leaf.target - value) * 1_000_000
    within = [kind for kind in ("close by", "near") if millionths <= value * DISTANCES[kind][1]]
    return within[0] if within else "far"


def _market(asset: str, direction: str, target: Decimal) -> dict[str, str]:
    kind = "token_market_cap" if asset == MINT else "coin_price"
    return {"type": kind, "asset": asset, "direction": direction, "target": _plain(target)}


def _plain(target: Decimal) -> str:
    """Write a price with cents, or with none where it has none to show."""
    exponent = target.as_tuple().exponent
    assert isinstance(exponent, int), "a target is a number"
    return f"{target:f}" if exponent >= 0 or exponent < CENTS else f"{target:.2f}"


def _worded(title: str, market: dict[str, str], settles_at: Instant) -> str:
    return title.format(**_words(market), time=_clock_time(settles_at))


def _words(market: dict[str, str]) -> dict[str, str]:
    name = f"{MINT_SYMBOL}'s market cap" if market["asset"] == MINT else market["asset"]
    return {"name": name, "target": f"${Decimal(market['target']):,f}"}


def _any_title(of: Sequence[dict[str, str]]) -> str:
    said = [WORDS_OF_ANY[leaf["direction"]].format(**_words(leaf)) for leaf in of]
    return f"Will {' or '.join(said)} by {{time}}?"


def _all_title(of: Sequence[dict[str, str]]) -> str:
    said = [WORDS_OF_ALL[leaf["direction"]].format(**_words(leaf)) for leaf in of]
    return f"Will we see {' and '.join(said)} at once by {{time}}?"


def _clock_time(instant: Instant) -> str:
    return instant.strftime("%H:%M:%S UTC" if instant.second else "%H:%M UTC")


def _floor(instant: Instant, step: timedelta) -> Instant:
    return instant - (instant - EPOCH) % step
