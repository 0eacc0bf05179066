"""What is true about prices, and the sources that tell it late, twice, in the wrong order, or lie.

Of the sources of a coin at most one lies at a time, so that those who do not are a majority of
every quorum; all others may be silent, slow, behind or broken in any number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any, Final

from rooms.contexts.oracle.module import FeedSource
from rooms.contexts.oracle.ports import Reading
from rooms.kernel.result import Err, Ok
from rooms.kernel.time import Clock, Instant, cut
from tests.torture.simulation.virtual_time import START, running_loop

STEP: Final = timedelta(milliseconds=500)
"""How long a true price holds."""

WITHOUT_TIME: Final = frozenset({"kraken", "dexscreener"})
"""Sources that do not say when a price was true: were they behind, they would be liars."""

AHEAD: Final = 8
"""Seconds by which an early source is ahead of the truth: more than a process's clock ever is."""

TOKEN: Final = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
SUPPLY: Final = Decimal(1_000_000)
RESERVES: Final = (40, 90_000, 9_000_000)
"""Lamports of a token's pool, in billions: below the floor, shallow, deep."""


class Mood(Enum):
    """What a source is like for a while."""

    HONEST = "honest"
    SLOW = "slow"
    BEHIND = "behind"
    FROZEN = "frozen"
    SILENT = "silent"
    BROKEN = "broken"
    EARLY = "early"
    LYING = "lying"


UNWELL: Final = (Mood.SLOW, Mood.BEHIND, Mood.FROZEN, Mood.SILENT, Mood.BROKEN, Mood.EARLY)
LIES: Final = (Decimal(1000), Decimal("0.001"), Decimal("1.2"), Decimal("0.8"), Decimal("1.002"))


@dataclass(frozen=True, slots=True)
class Spell:
    """A mood with its beginning and end, in virtual seconds."""

    mood: Mood
    begin: float
    end: float
    lie: Decimal = Decimal(1)


@dataclass(slots=True)
class Truth:
    """The true price of each asset in US dollars, as far as anybody has looked.

    ``swing`` is the most that a price moves in a step, in thousandths of a percent.
    """

    seed: str
    swing: int
    _chances: dict[str, Random] = field(default_factory=dict)
    _steps: dict[str, list[Decimal]] = field(default_factory=dict)

    def at(self, asset: str, instant: Instant) -> Decimal:
        """Give the price that was true at an instant."""
        return self._until(asset, max(0, (instant - START) // STEP))[-1]

    def between(self, asset: str, first: Instant, last: Instant) -> tuple[Decimal, Decimal]:
        """Give the lowest and the highest price of a span."""
        steps = self._until(asset, (last - START) // STEP)
        span = steps[max(0, (first - START) // STEP) :] or steps[-1:]
        return min(span), max(span)

    def _until(self, asset: str, step: int) -> list[Decimal]:
        # Each asset has its own chances: to look at one does not move another.
        if asset not in self._steps:
            chance = self._chances[asset] = Random(f"{self.seed} {asset}")
            self._steps[asset] = [Decimal(chance.randint(2_000, 90_000)) / 100]
        chance, steps = self._chances[asset], self._steps[asset]
        while len(steps) <= step:
            moved = steps[-1] * (100_000 + chance.randint(-self.swing, self.swing)) / 100_000
            steps.append(max(moved, Decimal("0.01")).quantize(Decimal("0.0001")))
        return steps[: step + 1]


@dataclass(slots=True)
class World:
    """All sources over one truth. From ``calm_at`` on (virtual seconds) all of them are honest."""

    chance: Random
    truth: Truth
    spells: Mapping[str, Sequence[Spell]]
    reserve: int
    calm_at: float

    def mood(self, source: str, at: float) -> Spell:
        """Say what a source is like now."""
        spells = self.spells.get(source, ()) if at < self.calm_at else ()
        found = [spell for spell in spells if spell.begin <= at < spell.end]
        return found[0] if found else Spell(Mood.HONEST, 0, 0)

    def delay(self, mood: Mood) -> float:
        """Give the seconds that an answer takes."""
        if mood is Mood.SILENT:
            return 2.0
        slow = mood is Mood.SLOW
        return self.chance.randint(1_200, 5_000) / 1_000 if slow else self._moment(20, 250)

    def reading(
        self, source: str, asset: str, spell: Spell, received_at: Instant
    ) -> Ok[Reading] | Err[str]:
        """Give what a source answers about an asset, as received on the asker's clock."""
        match spell.mood:
            case Mood.SILENT:
                return Err("timeout")
            case Mood.BROKEN:
                return Err(self.chance.choice(["http_500", "too_large", "wrong_type", "missing"]))
        was_true = self._was_true(spell)
        price = self.truth.at(asset, was_true) * (100_000 + self.chance.randint(-10, 10)) / 100_000
        told = cut(was_true + timedelta(seconds=AHEAD if spell.mood is Mood.EARLY else 0))
        return Ok(
            Reading(
                price=(price * spell.lie).quantize(Decimal("0.000001")),
                received_at=received_at,
                source_time=None if source in WITHOUT_TIME else told,
                **self._depth(source, asset),
            )
        )

    def _depth(self, source: str, asset: str) -> dict[str, Any]:
        """What only tokens have: a pool, how deep it is, and how many tokens there are."""
        if asset != TOKEN:
            return {}
        return {"pool": source, "quote_reserve": self.reserve * 10**9, "supply": SUPPLY}

    def _was_true(self, spell: Spell) -> Instant:
        loop = running_loop()
        match spell.mood:
            case Mood.FROZEN:
                return START + timedelta(seconds=spell.begin)
            case Mood.BEHIND:
                return max(START, loop.now() - timedelta(seconds=self._moment(0, 6_000)))
        return max(START, loop.now() - timedelta(seconds=self._moment(0, 600)))

    def _moment(self, least: int, most: int) -> float:
        return self.chance.randint(least, most) / 1_000


@dataclass(frozen=True, slots=True)
class SimulatedFeed:
    """One source as one process asks it: implements ``contexts.oracle.ports.Feed``."""

    name: str
    source: FeedSource
    world: World
    clock: Clock

    async def read(self, assets: Sequence[str]) -> Mapping[str, Ok[Reading] | Err[str]]:
        """Answer for all assets at once, in the source's mood of this moment."""
        loop = running_loop()
        spell = self.world.mood(self.name, loop.time())
        await loop.pass_by(self.world.delay(spell.mood))
        at = self.clock.now()
        return {asset: self.world.reading(self.name, asset, spell, at) for asset in assets}


def some_spells(
    chance: Random, sources: Sequence[str], liars: Sequence[str], until: float, unwell: int
) -> dict[str, list[Spell]]:
    """Draw the moods of all sources: ``unwell`` is the percentage of spells that are not honest."""
    spells = {}
    for source in sources:
        moods = (Mood.SLOW, Mood.SILENT, Mood.BROKEN) if source in WITHOUT_TIME else UNWELL
        spells[source] = _spells(chance, until, unwell, moods)
    for begin in _turns(chance, until):
        lie = Spell(Mood.LYING, begin, begin + chance.randint(3, 12), chance.choice(LIES))
        spells[chance.choice(liars)].insert(0, lie)
    return spells


def _spells(chance: Random, until: float, unwell: int, moods: Sequence[Mood]) -> list[Spell]:
    spells, begin = [], 0.0
    while begin < until:
        end = begin + chance.randint(2, 15)
        mood = chance.choice(moods) if chance.randrange(100) < unwell else Mood.HONEST
        spells.append(Spell(mood, begin, end))
        begin = end
    return spells


def _turns(chance: Random, until: float) -> list[float]:
    """Give moments at which somebody begins to lie, so far apart that two never lie at once."""
    first = chance.randint(0, 12)
    return [float(moment) for moment in range(first, int(until), 13)]
