"""Prizes and what they are worth: docs/spec/fairness.md, section 4, exactly.

A paytable has, for each number of spots that may be picked, a multiplier per number of catches:
the prize per unit staked, stake included. What a player gets back follows from the
hypergeometric law in whole fractions; decimals appear only where something is shown.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import comb, isqrt
from typing import Any, Final

import rfc8785

from rooms.proof.decimals import written
from rooms.proof.draw import DRAWN, NUMBERS
from rooms.proof.fields import Malformed

MOST_SPOTS: Final = 20
_SPOTS: Final = re.compile(r"[1-9][0-9]?")
_MULTIPLIER: Final = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A prize per unit staked, written ``units * 10**-places``."""

    units: int
    places: int

    def prize(self, stake: int) -> int:
        """Give the prize of a stake, in its smallest unit; whole where ``divides`` the step."""
        return stake * self.units // self.scale

    def divides(self, step: int) -> bool:
        """Say whether the prize of every multiple of a stake step is whole."""
        return step * self.units % self.scale == 0

    @property
    def scale(self) -> int:
        """What ``units`` are to be divided by."""
        return int(10**self.places)

    @property
    def value(self) -> Fraction:
        """The multiplier as an exact number."""
        return Fraction(self.units, self.scale)


def parse_multiplier(text: object) -> Multiplier:
    """Read a multiplier such as ``"3.8"``: at most 12 digits before the point, 9 after it."""
    if not isinstance(text, str) or not _MULTIPLIER.fullmatch(text):
        shown = str(text)[:40]
        raise Malformed(f'"{shown}" is no multiplier: write "0", "12" or "3.8"')
    before, _, after = text.partition(".")
    return Multiplier(int(before + after), len(after))


@dataclass(frozen=True)
class Paytable:
    """For each number of spots, the multiplier of 0, 1, ... catches as it is written.

    Immutable and known by its hash: the very characters of a multiplier count.
    """

    spots: Mapping[int, tuple[str, ...]]

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the canonical JSON (RFC 8785) of ``spots``."""
        return hashlib.sha256(rfc8785.dumps(spots_json(self))).digest()

    @cached_property
    def multipliers(self) -> Mapping[int, tuple[Multiplier, ...]]:
        """The same prizes as numbers."""
        return {
            spots: tuple(parse_multiplier(each) for each in row)
            for spots, row in self.spots.items()
        }

    def prize(self, stake: int, spots: int, catches: int) -> int:
        """Give the prize of a ticket with so many spots, so many of them drawn."""
        return self.multipliers[spots][catches].prize(stake)


def parse_spots(value: Mapping[str, Any]) -> Paytable:
    """Read ``{"10": ["2", "0", ...], ...}``: 1 to 20 spots, a multiplier per number of catches."""
    if not value:
        raise Malformed("the paytable has no spots")
    return Paytable({_spots(name): _row(name, row) for name, row in value.items()})


def parse_toml(text: str) -> Paytable:
    """Read a paytable file: a table ``[spots]`` with lines like ``2 = ["0", "1", "10"]``."""
    try:
        spots = tomllib.loads(text).get("spots")
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"it is not TOML: {error}") from error
    if not isinstance(spots, dict):
        raise Malformed("it has no table [spots]")
    return parse_spots(spots)


def spots_json(paytable: Paytable) -> dict[str, list[str]]:
    """Write ``spots`` as the ``keno.paytable`` leaf has them."""
    return {str(spots): list(row) for spots, row in paytable.spots.items()}


def _spots(name: str) -> int:
    if not _SPOTS.fullmatch(name) or int(name) > MOST_SPOTS:
        raise Malformed(f'"{name[:40]}" is no number of spots from 1 to {MOST_SPOTS}')
    return int(name)


def _row(name: str, row: object) -> tuple[str, ...]:
    if not isinstance(row, list) or len(row) != int(name) + 1:
        raise Malformed(f"{name} spots need {int(name) + 1} multipliers: one per number of catches")
    for each in row:
        parse_multiplier(each)
    return tuple(row)


def chance(spots: int, catches: int, *, numbers: int = NUMBERS, drawn: int = DRAWN) -> Fraction:
    """Give the chance that exactly so many of so many picked numbers are drawn."""
    if catches > drawn or spots > numbers:
        return Fraction()
    ways = comb(spots, catches) * comb(numbers - spots, drawn - catches)
    return Fraction(ways, comb(numbers, drawn))


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What one unit staked on a number of spots is worth, exactly.

    ``rtp`` is the expected prize, ``variance`` that of the prize, ``hit_rate`` the chance of any
    prize, ``top`` the largest multiplier; ``chances`` has that of 0, 1, ... catches.
    """

    rtp: Fraction
    variance: Fraction
    hit_rate: Fraction
    top: Fraction
    chances: tuple[Fraction, ...]


def worth(row: tuple[Multiplier, ...], *, numbers: int = NUMBERS, drawn: int = DRAWN) -> Worth:
    """Weigh a row of multipliers, one per number of catches, by the hypergeometric law."""
    spots = len(row) - 1
    chances = tuple(
        chance(spots, catches, numbers=numbers, drawn=drawn) for catches in range(spots + 1)
    )
    prizes = [each.value for each in row]
    weighed = list(zip(chances, prizes, strict=True))
    rtp = sum((part * prize for part, prize in weighed), Fraction())
    return Worth(
        rtp=rtp,
        variance=sum((part * prize**2 for part, prize in weighed), Fraction()) - rtp**2,
        hit_rate=sum((part for part, prize in weighed if prize), Fraction()),
        top=max(prizes),
        chances=chances,
    )


def decimal(value: Fraction, places: int = 6) -> str:
    """Show a fraction of at least 0 with so many decimals, rounded to nearest."""
    return _pointed((value * 10**places + Fraction(1, 2)).__floor__(), places)


def decimal_root(value: Fraction, places: int = 6) -> str:
    """Show the square root of a fraction of at least 0, rounded to nearest; no float is used."""
    # floor(2r) / 2 rounds r to nearest: floor(r + 1/2) == (floor(2r) + 1) // 2.
    doubled = isqrt((value * 4 * 10 ** (2 * places)).__floor__())
    return _pointed((doubled + 1) // 2, places)


def _pointed(scaled: int, places: int) -> str:
    return f"{scaled // 10**places}.{scaled % 10**places:0{places}d}"


def worth_json(found: Worth) -> dict[str, Any]:
    """Show what one number of spots is worth; ``odds`` are "one in" figures by catches.

    A number of catches that cannot happen has the odds null.
    """
    return {
        "rtp": decimal(found.rtp),
        "rtp_exact": f"{found.rtp.numerator}/{found.rtp.denominator}",
        "sigma": decimal_root(found.variance),
        "hit_rate": decimal(found.hit_rate),
        "top": _shortest(found.top),
        "odds": [decimal(1 / each, 2) if each else None for each in found.chances],
    }


def _shortest(multiplier: Fraction) -> str:
    return written(Decimal(multiplier.numerator) / multiplier.denominator)


def rtp_problem(
    paytable: Paytable,
    lowest: Fraction,
    highest: Fraction,
    *,
    numbers: int = NUMBERS,
    drawn: int = DRAWN,
) -> int | None:
    """Give the first number of spots whose RTP lies outside of a band, both ends allowed."""
    for spots, row in sorted(paytable.multipliers.items()):
        if not lowest <= worth(row, numbers=numbers, drawn=drawn).rtp <= highest:
            return spots
    return None


def step_problem(paytable: Paytable, step: int) -> int | None:
    """Give the first number of spots that has a prize that is not whole on a stake step."""
    for spots, row in sorted(paytable.multipliers.items()):
        if not all(each.divides(step) for each in row):
            return spots
    return None
