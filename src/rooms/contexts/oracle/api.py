"""The face of the oracle: prices that several sources agree on, and conditions that come true."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol

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


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest stored observation of an asset; ``quote_reserve`` in lamports, tokens only."""

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

    async def newest(self, tx: Tx, assets: Collection[str]) -> dict[str, Newest]:
        """Give the newest stored observation of each asset that has one."""
        ...

    async def evidence(
        self, tx: Tx, ticks: Sequence[int], assets: Collection[str]
    ) -> list[dict[str, Any]]:
        """Give the observations of these ticks and assets as they are published, in order."""
        ...
