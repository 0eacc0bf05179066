"""What the oracle needs from outside: feeds that read prices, and how each source is set up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal, Protocol

from rooms.kernel.result import Err, Ok
from rooms.kernel.time import Instant

Role = Literal["coin", "bound", "token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One asset's price in US dollars as one source gave it, exactly; always positive.

    ``source_time`` is None for a source that gives none; ``quote_reserve`` is in lamports and
    ``pool`` the address it lies in, ``supply`` in whole tokens, each where the source knows it.
    """

    price: Decimal
    received_at: Instant
    source_time: Instant | None = None
    pool: str | None = None
    quote_reserve: int | None = None
    supply: Decimal | None = None


class SourceSettings(Protocol):
    """How one source is reached and how far it is trusted; made by whoever reads the settings.

    ``symbols`` maps an asset to the source's own name for it, where the usual one is wrong.
    """

    @property
    def url(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def weight(self) -> int: ...
    @property
    def max_age(self) -> timedelta: ...
    @property
    def min_interval(self) -> timedelta: ...
    @property
    def origin(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def symbols(self) -> Mapping[str, str]: ...


class Feed(Protocol):
    """One source of prices. Failures are values, one word each: a feed never raises."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> SourceSettings: ...

    async def read(self, assets: Sequence[str]) -> Mapping[str, Ok[Reading] | Err[str]]:
        """Ask for the prices of all ``assets`` at once; the answer has each of them."""
        ...
