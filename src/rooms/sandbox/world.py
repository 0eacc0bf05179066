"""What each source shows of each asset now, faults included."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from rooms.kernel.time import Clock, Instant, from_millis
from rooms.sandbox import names
from rooms.sandbox.board import Board
from rooms.sandbox.prices import as_seen_by, walk

STALE_BY: Final = timedelta(minutes=15)
IN_THE_NUMBERS: Final = frozenset({"stale", "zero", "times1000"})


class Struck(Exception):  # noqa: N818 - not an error of ours: the answer is to go wrong
    """The whole answer goes wrong, in the way that ``fault`` says."""

    def __init__(self, source: str, fault: str) -> None:
        super().__init__(fault)
        self.source = source
        self.fault = fault


@dataclass(frozen=True, slots=True)
class View:
    """One asset through one source's eyes; ``now`` is long ago for a source that is stale."""

    world: "World"
    source: str
    asset: str
    now: Instant
    fault: str | None

    def price(self, at: Instant | None = None) -> Decimal:
        """Give the price in US dollars that the source shows for an instant."""
        if self.fault == "zero":
            return Decimal(0)
        seed = self.world.seed
        price = self.world.price(self.asset, at or self.now)
        seen = as_seen_by(seed, self.source, self.asset, price)
        return seen * 1_000 if self.fault == "times1000" else seen


@dataclass(frozen=True, slots=True)
class World:
    """The truth about prices, and how each source tells it."""

    seed: int
    board: Board
    clock: Clock

    def price(self, asset: str, at: Instant) -> Decimal:
        """Give the true price in US dollars at an instant: as set by hand, else the walk."""
        script = self.board.setting(asset).script
        return (script and script.price(at)) or walk(self.seed, asset, at)

    def view(self, source: str, asset: str) -> View:
        """Look at a known asset through a source. Struck if its whole answer goes wrong."""
        assert source in names.SOURCES, f"no source is called {source}"
        placed = self.board.setting(asset).faults.get(source)
        if placed and placed.fault not in IN_THE_NUMBERS:
            raise Struck(source, placed.fault)
        now = self.clock.now()
        if placed and placed.fault == "stale":
            now = from_millis(placed.since) - STALE_BY
        return View(self, source, asset, now, placed.fault if placed else None)

    def token_views(self, source: str, mints: str) -> list[View]:
        """Look at those of the mints, joined by commas, that are known tokens."""
        asked = dict.fromkeys(mints.split(","))
        return [
            self.view(source, mint)
            for mint in asked
            if self.board.knows(mint) and not names.is_ticker(mint)
        ]
