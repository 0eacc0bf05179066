"""Puts the feed of one process together."""

from collections.abc import Callable
from dataclasses import dataclass

from rooms.contexts.identity.api import Identity
from rooms.contexts.keno.api import Keno
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.parimutuel.api import Rooms
from rooms.entrypoints.gateway.feed.following import Following
from rooms.entrypoints.gateway.feed.hub import Hub
from rooms.entrypoints.gateway.feed.opening import Openings
from rooms.entrypoints.gateway.feed.session import Session
from rooms.entrypoints.gateway.feed.shown import Shown
from rooms.entrypoints.gateway.feed.socket import Sockets
from rooms.entrypoints.gateway.feed.telling import Telling
from rooms.kernel.time import Clock
from rooms.platform.database import Database
from rooms.platform.metrics import FEED_DROPPED
from rooms.platform.module import Together, Worker


@dataclass(frozen=True, slots=True)
class Feed:
    """What serves ``/v1/live``, and what has to run for it in each process with a gateway."""

    sockets: Sockets
    hub: Hub
    consumers: tuple[Together, ...]
    workers: tuple[Worker, ...]


def live_feed(
    database: Database,
    clock: Clock,
    *,
    identity: Identity,
    ledger: Ledger,
    rooms: Rooms,
    keno: Keno,
    per_address: int,
) -> Feed:
    """Wire the feed; one address may hold ``per_address`` connections."""
    for why in ("slow", "refused"):
        FEED_DROPPED.labels(why)  # shown from 0
    telling = Telling(rooms, keno, clock)
    hub = Hub(database, Shown(rooms, keno, ledger), clock, telling.behind)

    def session(write: Callable[[bytes], object], drop: Callable[[str], None]) -> Session:
        return Session(hub, identity, write, drop)

    return Feed(
        sockets=Sockets(session, per_address),
        hub=hub,
        consumers=telling.consumers(),
        workers=(
            Worker("feed", hub.run),
            Worker("openings of rounds", Openings(database, telling).run),
            Worker("balances and prices", Following(database, rooms, ledger, clock).run),
        ),
    )
