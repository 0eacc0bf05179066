"""A house with a feed that is turned by hand, and clients that remember what they were told."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import jsonschema_rs
import msgspec
import pytest

from rooms.entrypoints.gateway.feed.asyncapi import document
from rooms.entrypoints.gateway.feed.feed import Feed, live_feed
from rooms.entrypoints.gateway.feed.following import Following
from rooms.entrypoints.gateway.feed.opening import Openings
from rooms.entrypoints.gateway.feed.session import Session
from rooms.entrypoints.gateway.feed.telling import Telling
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database
from rooms.platform.gathering import Gathering
from tests.houses import House
from tests.keno_houses import KenoHouse, keno_over

Json = dict[str, Any]
DESCRIBED: Final = document("test")


def validators() -> dict[str, Any]:
    """Give what holds every frame to the published description, by type."""
    found = {}
    for name, message in DESCRIBED["components"]["messages"].items():
        schema = message["payload"] | {
            "components": {"schemas": DESCRIBED["components"]["schemas"]}
        }
        found[name] = jsonschema_rs.validator_for(schema)
    return found


VALIDATORS: Final = validators()


def frames_of(wire: bytes) -> Iterator[Json]:
    """Read a server's messages, as RFC 6455 writes them; pings are left out."""
    at = 0
    while at < len(wire):
        opcode, size, at = wire[at] & 15, wire[at + 1], at + 2
        if size >= 126:
            more = 2 if size == 126 else 8
            size, at = int.from_bytes(wire[at : at + more], "big"), at + more
        if opcode == 1:
            frame: Json = msgspec.json.decode(wire[at : at + size])
            VALIDATORS[frame["type"]].validate(frame)
            yield frame
        at += size


@dataclass(slots=True, eq=False)
class Client:
    """Who watches: every frame that came, held to the published description, in order."""

    feed: Feed
    frames: list[Json] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        self.session = self.feed.sockets.make(self._write, self.dropped.append)
        self.session.begin()

    def _write(self, wire: bytes) -> None:
        self.frames += frames_of(wire)

    async def says(self, **asked: Any) -> list[Json]:
        """Say something and give what is answered at once."""
        return await self.says_text(msgspec.json.encode(asked))

    async def says_text(self, text: bytes) -> list[Json]:
        before = len(self.frames)
        self.session.hear(text)
        await self.idle()
        return self.frames[before:]

    async def idle(self) -> None:
        """Wait until nothing is under way for this client."""
        while self.session.tasks:
            await asyncio.wait(self.session.tasks)

    async def subscribes(self, *topics: str, token: str | None = None) -> list[Json]:
        more = {} if token is None else {"token": token}
        return await self.says(op="subscribe", topics=list(topics), **more)

    def told(self, topic: str) -> list[tuple[str, int]]:
        """Give types and numbers of a topic's frames."""
        return [(each["type"], each["seq"]) for each in self.frames if each["topic"] == topic]


@dataclass(slots=True)
class FeedHouse:
    """One process of a house with a feed; another over the same database is ``another()``."""

    house: House
    keno: KenoHouse
    feed: Feed

    async def deliver(self) -> None:
        """Tell of everything that has happened, and bring it to the clients."""
        for consumer in self.feed.consumers:
            gathering = Gathering(self.house.database, consumer)
            while await gathering.deliver():
                pass
        following = Following(
            self.house.database, self.house.rooms, self.house.ledger, SystemClock()
        )
        await following.look()
        await self.feed.hub.read()

    async def open_rounds(self) -> float:
        """Tell of rounds that have opened; give the seconds until the next one does."""
        telling = Telling(self.house.rooms, self.keno.keno, SystemClock())
        rest = await Openings(self.house.database, telling).tell()
        await self.feed.hub.read()
        return rest

    def client(self) -> Client:
        return Client(self.feed)

    def another(self) -> "FeedHouse":
        """Start a further process over the same database."""
        return replace(self, feed=feed_over(self.house, self.keno))


def feed_over(house: House, keno: KenoHouse, database: Database | None = None) -> Feed:
    return live_feed(
        database or house.database,
        SystemClock(),
        identity=house.identity,
        ledger=house.ledger,
        rooms=house.rooms,
        keno=keno.keno,
        per_address=3,
    )


@pytest.fixture
async def fed(house: House) -> FeedHouse:
    """A house whose feed has heard of all that happened before."""
    keno = keno_over(house)
    fed = FeedHouse(house, keno, feed_over(house, keno))
    await fed.deliver()
    return fed
