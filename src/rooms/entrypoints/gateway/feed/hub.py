"""All topics that are watched in this process: reads new frames once, hands them to every watcher.

The frames come from the database, numbered and written by whichever process told of the facts
(``platform/topics``). So each process sends the same bytes, and a client may come back to another.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Final
from weakref import WeakValueDictionary

import msgspec
import structlog

from rooms.entrypoints.gateway.feed.channels import Channel, Frame, Snapshot, Watcher
from rooms.entrypoints.gateway.feed.names import Topic
from rooms.entrypoints.gateway.feed.shown import Shown
from rooms.entrypoints.gateway.feed.wireframes import PING, text_message
from rooms.kernel.time import Clock, parse_rfc3339
from rooms.platform import topics
from rooms.platform.database import Database, NotDone, Tx, Unavailable
from rooms.platform.metrics import (
    FEED_BEHIND,
    FEED_CLIENTS,
    FEED_DELAY,
    FEED_FRAMES,
    FEED_STALE,
)
from rooms.platform.topics import Numbered, written

log = structlog.get_logger()

AT_A_TIME: Final = 2_000
HEARTBEAT: Final = 15.0
LOOK_ANYWAY: Final = 1.0
# A snapshot serves others as long as this many seconds and frames have not passed since.
FRESH_FOR: Final = 2.0
FRESH_FRAMES: Final = 50
# Who looks at a topic may wait in the line with a connection in his hand, while who stands there
# wants a second one: so few may look at the same time that the pool always has one left.
LOOKS: Final = 2
RENEW_EVERY: Final = 300.0
# Who bears a token that was taken back is sent away within so many seconds; asked in such crowds.
RECHECK_EVERY: Final = 10.0
AT_ONCE: Final = 200
# So old is a fact that nobody was told of when watchers hear that what they see may be old.
STALE_AFTER: Final = 5.0
IDLE_FOR: Final = 60.0
FORGET_EVERY: Final = 30.0
REST: Final = 0.5


@dataclass(slots=True)
class Hub:
    """What moves, for all who watch it here. ``run`` brings it in; ``close`` sends all away."""

    database: Database
    shown: Shown
    clock: Clock
    behind: Callable[[Tx], Awaitable[float]]
    # A channel is found as long as anybody refers to it: who comes or does not read just now is
    # no watcher of it, but will be. ``_kept`` are those that were watched a while ago.
    _channels: "WeakValueDictionary[str, Channel]" = field(default_factory=WeakValueDictionary)
    _kept: "set[Channel]" = field(default_factory=set)
    _watchers: "set[Watcher]" = field(default_factory=set)
    _last: int | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKS))
    _troubles: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Bring in what is new, beat, renew and forget, for ever."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._follow())
            loops.create_task(self._keep_looking_behind())
            loops.create_task(self._every(HEARTBEAT, self.beat))
            loops.create_task(self._every(RENEW_EVERY, self.renew))
            loops.create_task(self._every(RECHECK_EVERY, self.recheck))
            loops.create_task(self._every(FORGET_EVERY, self.forget))

    # --- who watches ---

    def enter(self, watcher: Watcher) -> None:
        """Let a client's connection hear the heartbeat, and what all were told before it came."""
        self._watchers.add(watcher)
        if self._troubles:
            watcher.write(self.note("stale", {}))
        FEED_CLIENTS.set(len(self._watchers))

    def leave(self, watcher: Watcher) -> None:
        """Tell a client nothing more."""
        self._watchers.discard(watcher)
        FEED_CLIENTS.set(len(self._watchers))

    async def channel(self, topic: Topic) -> Channel:
        """Give the topic's channel, watched from now on. Refuses as ``Shown.require`` does."""
        if topic.kept not in self._channels:
            # All who tell look at whatever is watched: nobody can make them look at nothing.
            await self.shown.require(topic)
        channel = self._channels.setdefault(topic.kept, Channel(topic))
        self._kept.add(channel)
        if channel.seq is None:
            async with self._looking, self.database.transaction() as tx:
                found = await topics.look(tx, [topic.kept])
            await self._catch_up(channel, found[topic.kept])
        return channel

    async def snapshot(self, channel: Channel) -> Snapshot:
        """Show the topic at a number that has gone out here. Refuses as ``Shown.now`` does."""
        async with channel.making:
            if not self._is_fresh(channel):
                channel.snapshot = await self._make(channel)
        assert channel.snapshot is not None, "it was made just now"
        return channel.snapshot

    def _is_fresh(self, channel: Channel) -> bool:
        made, now = channel.snapshot, asyncio.get_running_loop().time()
        if made is None or channel.seq is None:
            return False
        return now - made.made < FRESH_FOR and channel.seq - made.seq <= FRESH_FRAMES

    async def _make(self, channel: Channel) -> Snapshot:
        topic, now = channel.topic, asyncio.get_running_loop().time()
        async with self._looking, self.database.transaction() as tx:
            seq = (await topics.look(tx, [topic.kept]))[topic.kept]
            data = await self.shown.now(topic)
        await self._catch_up(channel, seq)
        frame = written("snapshot", topic.shown, seq, self.clock.now(), data)
        return Snapshot(seq, text_message(frame), now)

    async def _catch_up(self, channel: Channel, seq: int) -> None:
        """Bring the channel to a number that somebody has seen in the database."""
        if channel.seq is None or channel.seq < seq:
            await self.read()
        channel.begin(seq)

    async def missed(self, channel: Channel, seq: int) -> list[Frame] | None:
        """Give what was told after this number; None where that is not kept any more."""
        frames = channel.since(seq)
        if frames is not None or (channel.seq or 0) < seq:
            return frames
        async with self.database.transaction() as tx:
            kept = await topics.since(tx, channel.topic.kept, seq)
        await self._catch_up(channel, kept[-1].seq if kept else seq)
        found = [_frame(each) for each in kept]
        rest = channel.since(found[-1].seq) if found else None
        if rest is None or found[0].seq != seq + 1 or len(found) != found[-1].seq - seq:
            return None
        return found + rest

    # --- what is new ---

    async def _follow(self) -> None:
        ear = self.database.doorbell.listen([topics.TOLD])
        try:
            while True:
                try:
                    if await self.read() < AT_A_TIME:
                        await ear.wait(LOOK_ANYWAY)
                    self.is_fresh("reading")
                except (*Unavailable, *NotDone) as problem:
                    self.is_stale("reading", why=str(problem))
                    await asyncio.sleep(REST)
        finally:
            ear.close()

    async def read(self) -> int:
        """Read what is new and send it to whom it concerns; give how many frames there were."""
        async with self._reading, self.database.statement() as tx:
            if self._last is None:
                self._last = await topics.newest(tx)
            news = await topics.after(tx, self._last, AT_A_TIME)
            if news:
                self._last = news[-1].id
                self._send(news)
        return len(news)

    def _send(self, news: list[Numbered]) -> None:
        for topic, frames in groupby(sorted(news, key=_topic), key=_topic):
            channel = self._channels.get(topic)
            if channel is not None:
                FEED_FRAMES.inc(channel.tell([_frame(each) for each in frames]))
        told = parse_rfc3339(_STAMP.decode(news[-1].frame).at)
        FEED_DELAY.observe(max(0.0, (self.clock.now() - told).total_seconds()))

    async def _keep_looking_behind(self) -> None:
        while True:
            await asyncio.sleep(LOOK_ANYWAY)
            # Where the database is away that is told already, as trouble with reading.
            with suppress(*Unavailable, *NotDone):
                await self.look_behind()

    async def look_behind(self) -> None:
        """See whether those who tell of facts keep up; what nobody was told of makes all stale."""
        async with self.database.statement() as tx:
            behind = await self.behind(tx)
        FEED_BEHIND.set(behind)
        if behind > STALE_AFTER:
            self.is_stale("telling", why=f"a fact is {behind:.0f} s old and nobody was told of it")
        else:
            self.is_fresh("telling")

    def is_stale(self, trouble: str, *, why: str) -> None:
        """Tell everyone, once, that what they see may be old: for reading or telling."""
        if trouble in self._troubles:
            return
        log.warning("the feed is stale", trouble=trouble, why=why)
        self._troubles.add(trouble)
        FEED_STALE.set(1)
        if len(self._troubles) == 1:
            self.to_all(self.note("stale", {}))

    def is_fresh(self, trouble: str) -> None:
        """Tell everyone, once, that they see what is new again, when no trouble is left."""
        if trouble not in self._troubles:
            return
        self._troubles.discard(trouble)
        if not self._troubles:
            FEED_STALE.set(0)
            self.to_all(self.note("fresh", {}))

    # --- from time to time ---

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await step()
            except (*Unavailable, *NotDone) as problem:
                log.warning("the feed could not tidy up", step=step.__name__, why=str(problem))

    async def beat(self) -> None:
        """Tell everyone that the connection stands, and what time it is."""
        wire = self.note("heartbeat", {"every": int(HEARTBEAT)}) + PING
        for watcher in tuple(self._watchers):
            watcher.beat(wire)

    async def recheck(self) -> None:
        """Ask of everyone who said a token whether it still holds."""
        known = [watcher for watcher in self._watchers if watcher.token is not None]
        for first in range(0, len(known), AT_ONCE):
            crowd = known[first : first + AT_ONCE]
            await asyncio.gather(*(watcher.recheck() for watcher in crowd))

    async def renew(self) -> None:
        """Go on watching what is watched here; let go of what nobody has watched for a while."""
        now = asyncio.get_running_loop().time()
        for channel in self._channels.values():
            if channel.is_watched:
                channel.idle_since = now
        self._kept = {each for each in self._kept if now - each.idle_since <= IDLE_FOR}
        if self._channels:
            async with self._looking, self.database.transaction() as tx:
                found = await topics.look(tx, self._channels)
            await self.read()
            for name, seq in found.items():
                if (watched := self._channels.get(name)) is not None:
                    watched.begin(seq)

    async def forget(self) -> None:
        """Drop the frames that nobody can ask for any more."""
        async with self.database.transaction() as tx:
            await topics.forget(tx)

    def note(self, kind: str, data: object, topic: str | None = None) -> bytes:
        """Write a frame without a number of its own, for the wire."""
        return text_message(written(kind, topic, None, self.clock.now(), data))

    def to_all(self, wire: bytes) -> None:
        """Send the same to everyone who is connected."""
        for watcher in tuple(self._watchers):
            watcher.write(wire)


class _Stamp(msgspec.Struct):
    at: str


_STAMP: Final = msgspec.json.Decoder(_Stamp)


def _frame(row: Numbered) -> Frame:
    return Frame(row.seq, text_message(row.frame.encode()))


_topic = attrgetter("topic")
