"""Money: a whole number of an asset's smallest unit, always together with its asset."""

from dataclasses import dataclass, replace
from typing import Final, NewType, Self

Asset = NewType("Asset", str)

SOL: Final = Asset("SOL")
LAMPORTS_PER_SOL: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Money:
    """A whole number of the asset's smallest unit. Never a float, never a bare int."""

    units: int
    asset: Asset

    def __add__(self, other: Self) -> Self:
        self._require_same_asset(other)
        return replace(self, units=self.units + other.units)

    def __sub__(self, other: Self) -> Self:
        self._require_same_asset(other)
        return replace(self, units=self.units - other.units)

    def __neg__(self) -> Self:
        return replace(self, units=-self.units)

    def __lt__(self, other: Self) -> bool:
        self._require_same_asset(other)
        return self.units < other.units

    def __le__(self, other: Self) -> bool:
        return not other < self

    def _require_same_asset(self, other: Self) -> None:
        assert self.asset == other.asset, f"{self.asset} and {other.asset} do not mix"


def lamports(units: int) -> Money:
    """SOL by its smallest unit: 1 SOL is 1,000,000,000 lamports."""
    return Money(units, SOL)
