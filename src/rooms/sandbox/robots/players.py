"""Who the robots are: names, a family, purses, tempers, and how they choose side and stake."""

import math
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from rooms.kernel.money import LAMPORTS_PER_SOL, SOL
from rooms.kernel.time import Instant
from rooms.proof.condition import Condition, Direction, Kind, Leaf
from rooms.proof.pool import Side
from rooms.sandbox.robots.views import Account, Room, Values

NAMES: Final = (
    "Ada Bruno Chiara Dario Elif Farid Greta Hugo Ines Jonas Kaya Lior Mara Nils Olga Pavel "
    "Quinn Rosa Sami Tilda Umar Vera Wim Xenia Yuki Zoe Anouk Bela Cleo Dina"
)
FAMILY: Final = {1: 0, 2: 0, 3: 1, 4: 1, 5: 3, 6: 4}
"""Who was brought by whom, by index: three generations under the first robot."""
PURSE: Final = 1_000 * LAMPORTS_PER_SOL
STAKES: Final = tuple(
    part * LAMPORTS_PER_SOL // 100 for part in (5, 10, 20, 25, 50, 75, 100, 150, 200, 300, 500)
)
SHARE_OF_PURSE: Final = 20
"""A robot stakes at most the purse divided by this."""
MOST_ON_TOKEN: Final = LAMPORTS_PER_SOL // 4
"""A token's room takes little money in all: its pool would be too cheap to push."""
SIGMA: Final = 0.0002
"""The standard deviation of a second's step, as a part of the price, that robots believe in."""
SURE_ENOUGH: Final = (0.1, 0.9)
TAKES_EMPTY_SIDE: Final = 0.75


@dataclass(slots=True)
class Robot:
    """A player with dice of its own. ``purse`` in lamports; ``rooms`` are those it bet in."""

    index: int
    name: str
    dice: Random = field(repr=False)
    temper: float
    boldness: float
    account: Account | None = None
    purse: int = PURSE
    rooms: set[str] = field(default_factory=set)

    def stake(self, room: Room) -> int | None:
        """Choose a round stake in lamports; None where the purse is too thin for any."""
        most = self.purse // SHARE_OF_PURSE
        if room.about_token:
            most = min(most, MOST_ON_TOKEN)
        choices = [stake for stake in STAKES if stake <= most]
        if not choices:
            return None
        weights = [self.boldness**place for place in range(len(choices))]
        return self.dice.choices(choices, weights)[0]

    def side(self, room: Room, values: Values, now: Instant) -> Side:
        """Choose a side by how far the price still has to go, and by temper."""
        taken = room.sides_taken()
        if len(taken) == 1 and (room.players == 1 or self.dice.random() < TAKES_EMPTY_SIDE):
            return Side.NO if Side.YES in taken else Side.YES
        lowest, highest = SURE_ENOUGH
        believed = min(max(chance(room, values, now) + self.temper, lowest), highest)
        return Side.YES if self.dice.random() < believed else Side.NO


def robots(count: int, seed: int) -> list[Robot]:
    """Make the robots; the first ones are the same however many there are."""
    names = NAMES.split()
    Random(f"{seed}/names").shuffle(names)
    return [_robot(index, names, seed) for index in range(count)]


def _robot(index: int, names: list[str], seed: int) -> Robot:
    dice = Random(f"{seed}/robot/{index}")
    again, place = divmod(index, len(names))
    name = f"{names[place]} {again + 1}" if again else names[place]
    return Robot(
        index,
        f"{name} (robot)",
        dice,
        temper=dice.uniform(-0.25, 0.25),
        boldness=dice.uniform(0.75, 1.05),
    )


def sign_up(robot: Robot, referrer: str | None) -> dict[str, Any]:
    """Write the body of a robot's sign-up, the same at every start."""
    body = {"name": robot.name, "fund": {"amount": str(PURSE), "asset": SOL}}
    return body | ({"referrer": referrer} if referrer else {})


def chance(room: Room, values: Values, now: Instant) -> float:
    """Estimate how likely YES is, for a price that walks without drift."""
    seconds = max((room.settles_at - now).total_seconds(), 1.0)
    spread = SIGMA * math.sqrt(2 * seconds)
    return _chance(room.condition, values, spread, touch=room.resolve == "touch")


def _chance(condition: Condition, values: Values, spread: float, *, touch: bool) -> float:
    if isinstance(condition, Leaf):
        return _leaf_chance(condition, values, spread, touch=touch)
    parts = [_chance(part, values, spread, touch=touch) for part in condition.of]
    if condition.kind is Kind.ALL:
        return math.prod(parts)
    return 1 - math.prod(1 - part for part in parts)


def _leaf_chance(leaf: Leaf, values: Values, spread: float, *, touch: bool) -> float:
    if leaf.asset not in values:
        return 0.5
    to_go = float(leaf.target) / float(values[leaf.asset]) - 1
    if leaf.direction is Direction.AT_OR_BELOW:
        to_go = -to_go
    reached = math.erfc(to_go / spread)
    return min(reached, 1.0) if touch else reached / 2
