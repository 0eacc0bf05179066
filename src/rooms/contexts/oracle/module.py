"""Wires the oracle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from rooms.contexts.oracle.adapters.registry import make_feed
from rooms.contexts.oracle.api import Oracle
from rooms.contexts.oracle.domain import ROLES
from rooms.contexts.oracle.ports import Role
from rooms.contexts.oracle.service.deciding import Deciding
from rooms.contexts.oracle.service.observing import OracleService
from rooms.contexts.oracle.service.pacing import PacedFeed
from rooms.contexts.oracle.service.pricing import Bounds, Pricing
from rooms.contexts.oracle.storage import OracleStorage, read_watches
from rooms.contexts.oracle.workers import Monitor
from rooms.kernel.time import Clock
from rooms.platform.database import Database
from rooms.platform.http import HttpClient
from rooms.platform.lease import Lease
from rooms.platform.module import Module, Worker
from rooms.platform.settings import OracleSettings, Source
from rooms.proof.terms import OracleTerms, SourceTerms

LEADERSHIP: Final = "oracle"
SHORTEST_LEASE: Final = timedelta(seconds=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSource:
    """A source as its adapter wants to know it, with the key in the clear."""

    url: str
    key: str = field(default="", repr=False)
    weight: int
    max_age: timedelta
    min_interval: timedelta
    origin: str
    role: Role
    symbols: Mapping[str, str]


def oracle_module(
    database: Database, http: HttpClient, settings: OracleSettings, clock: Clock, *, holder: str
) -> Module[Oracle]:
    """Wire the oracle; ``holder`` names this process among those that want to lead."""
    storage, pricing = OracleStorage(), wire_pricing(http, settings, clock)
    # Long enough for a tick whose sources take their time; the epoch guards what comes later.
    length = max(SHORTEST_LEASE, 2 * settings.interval)
    monitor = Monitor(
        Deciding(database, storage, pricing, clock),
        Lease(database, LEADERSHIP, holder, length),
        settings.interval,
    )
    return Module(
        "oracle",
        OracleService(database, storage, pricing, clock),
        workers=(Worker("oracle.monitor", monitor.run),),
        readings=(read_watches,),
    )


def wire_pricing(http: HttpClient, settings: OracleSettings, clock: Clock) -> Pricing:
    """Make a feed of each source in use, behind one gate for all who ask."""

    def feeds(role: Role) -> list[PacedFeed]:
        return [
            PacedFeed(make_feed(name, feed_source(source), http=http, clock=clock))
            for name, source in settings.sources.enabled(role).items()
        ]

    return Pricing(
        feeds={kind: feeds(role) for kind, role in ROLES.items()},
        terms=oracle_terms(settings),
        bounds=Bounds(feeds("bound"), clock),
        clock=clock,
    )


def oracle_terms(settings: OracleSettings) -> OracleTerms:
    """Say how prices are agreed on by these settings, as rooms fix it at their creation."""
    return OracleTerms(
        quorum_coin=settings.quorum_coin,
        quorum_token=settings.quorum_token,
        spread_coin=settings.spread_coin,
        spread_token=settings.spread_token,
        sources={
            name: SourceTerms(
                weight=source.weight,
                origin=source.origin,
                max_age=source.max_age,
                role=source.role,
            )
            for name, source in settings.sources.enabled("coin", "bound", "token").items()
        },
    )


def feed_source(source: Source) -> FeedSource:
    """Take a source out of the settings."""
    return FeedSource(
        url=source.url,
        key=source.key.get_secret_value() if source.key else "",
        weight=source.weight,
        max_age=source.max_age,
        min_interval=source.min_interval,
        origin=source.origin,
        role=source.role,
        symbols=source.symbols,
    )
