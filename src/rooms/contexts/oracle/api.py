"""The face of the oracle: prices that several sources agree on, and conditions that come true."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from rooms.kernel.time import Instant
from rooms.platform.database import Tx
from rooms.proof.condition import Condition, MarketType
from rooms.proof.consensus import NoConsensus, Observation
from rooms.proof.terms import OracleTerms


@dataclass(frozen=True, slots=True)
class Priced:
    """Something that has a price in USD: a coin by its ticker, a token by its mint."""

    type: MarketType
    asset: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One round of asking, stored: what was agreed on, and where there was no agreement."""

    id: int
    observations: Mapping[str, Observation]
    missing: Mapping[str, NoConsensus]


class Basis(NamedTuple):
    """What a price is of, and the number of the terms on which it was agreed on."""

    asset: str
    terms: int


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest observation of an asset on some terms; ``quote_reserve`` in lamports, if any."""

    asset: str
    tick: int
    at: Instant
    price: Decimal
    quote_reserve: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWatch:
    """A condition to be decided for ``subject`` (``room:12``); what it depends on is fixed.

    ``terms`` say how its prices are agreed on, whatever the settings become.
    """

    subject: str
    condition: Condition
    resolve: Literal["touch", "at_close"]
    first_tick: int
    created_at: Instant
    settles_at: Instant
    confirmations: int
    token_window: timedelta
    terms: OracleTerms


class Oracle(Protocol):
    """Prices and conditions. It tells outcomes as facts: ConditionMet and ConditionNotMet."""

    async def observe(self, wanted: Collection[Priced]) -> Tick:
        """Ask every source of what is wanted now and store the answers; outside transactions."""
        ...

    async def watch(self, tx: Tx, watch: NewWatch) -> None:
        """Watch a condition until it is decided or ``end_watch`` is called."""
        ...

    async def end_watch(self, tx: Tx, subject: str) -> bool:
        """Stop watching; nothing is told any more.

        False where the condition was decided already: then its fact is on the way.
        """
        ...

    async def terms_of(self, tx: Tx, subjects: Collection[str]) -> dict[str, int]:
        """Give the number of the terms on which these are watched, or were; it never changes."""
        ...

    async def newest(self, tx: Tx, wanted: Collection[Basis]) -> dict[Basis, Newest]:
        """Give the newest stored observation of each asset, on the terms asked for, if any."""
        ...

    async def ever_priced(self, tx: Tx, assets: Collection[str]) -> set[str]:
        """Give those of these assets that have an observation, on whatever terms."""
        ...

    async def evidence(
        self, tx: Tx, ticks: Sequence[int], assets: Collection[str]
    ) -> list[dict[str, Any]]:
        """Give the observations of these ticks and assets as they are published, in order."""
        ...
