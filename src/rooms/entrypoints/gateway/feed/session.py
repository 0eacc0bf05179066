"""One client of the feed: what it asks for, and where it stands on each topic."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from rooms.contexts.identity.api import Identity
from rooms.entrypoints.gateway.feed.channels import Channel
from rooms.entrypoints.gateway.feed.hub import Hub
from rooms.entrypoints.gateway.feed.names import Topic, read_topic
from rooms.entrypoints.gateway.feed.pacing import Pace
from rooms.entrypoints.gateway.feed.requests import (
    MOST_TOPICS,
    Request,
    Resume,
    Subscribe,
    read_request,
)
from rooms.entrypoints.gateway.problems import ProblemAnswer, failed, refused
from rooms.kernel.ids import PlayerId
from rooms.kernel.refusal import Refusal
from rooms.platform.metrics import FEED_GAPS

log = structlog.get_logger()

# Messages that may wait to be answered, and bad ones that are answered at all.
MOST_WAITING: Final = 32
MOST_REFUSED: Final = 20
MOST_UNANSWERED: Final = 3


@dataclass(slots=True, eq=False)
class Session:
    """Answers one client, in the order in which it asks.

    ``write`` puts bytes on its wire; ``drop`` ends the connection, with words.
    """

    hub: Hub
    identity: Identity
    write: Callable[[bytes], object]
    drop: Callable[[str], None]
    player: PlayerId | None = None
    token: str | None = None
    # Heartbeats since the client gave a sign of life; its pongs are one.
    unanswered: int = 0
    _channels: dict[str, Channel] = field(default_factory=dict)
    # While the client does not read: the number that it has got of each topic.
    _places: dict[Channel, int] | None = None
    _waiting: deque[bytes] = field(default_factory=deque)
    _answering: "asyncio.Task[None] | None" = None
    _anew: "set[asyncio.Task[None]]" = field(default_factory=set)
    _refused: int = 0
    _pace: Pace = field(default_factory=Pace)
    _ended: bool = False

    def begin(self) -> None:
        """Let the client hear the heartbeat."""
        self.hub.enter(self)

    def end(self) -> None:
        """Forget the client."""
        self._ended = True
        self.hub.leave(self)
        for channel in self._channels.values():
            channel.remove(self)
        self._channels.clear()
        self._waiting.clear()
        for task in self.tasks - {asyncio.current_task()}:
            task.cancel()

    @property
    def tasks(self) -> "set[asyncio.Task[None]]":
        """Give what is under way for this client."""
        return {*self._anew, *(() if self._answering is None else (self._answering,))}

    def hear(self, message: bytes) -> None:
        """Take what the client says; it is answered after what it said before."""
        if len(self._waiting) >= MOST_WAITING:
            self.drop(f"more than {MOST_WAITING} messages wait to be answered")
            return
        self._waiting.append(message)
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        try:
            while self._waiting and not self._ended:
                await self._answer_one(self._waiting.popleft())
        finally:
            self._answering = None

    async def _answer_one(self, message: bytes) -> None:
        try:
            asked = read_request(message)
            await self._know(asked)
        except Exception as error:  # noqa: BLE001 - it is answered
            self._say_why(error, None)
            return
        topics = 1 if isinstance(asked, Resume) else len(asked.topics)
        await asyncio.sleep(self._pace.wait(topics, asyncio.get_running_loop().time()))
        if isinstance(asked, Resume):
            await self._answered(self._resume(asked.topic, asked.seq), asked.topic)
            return
        answer = self._subscribe if isinstance(asked, Subscribe) else self._unsubscribe
        for topic in asked.topics:
            await self._answered(answer(topic), topic)

    async def _answered(self, answer: Coroutine[Any, Any, None], topic: str) -> None:
        """Answer, or say why not: what is wrong with one topic holds up no other."""
        try:
            await answer
        except Exception as error:  # noqa: BLE001 - it is answered
            self._say_why(error, topic)

    def _say_why(self, error: Exception, topic: str | None) -> None:
        if isinstance(error, Refusal):
            self._refuse(refused(error), topic)
        else:
            self._refuse(failed("GET", "/v1/live", error), topic)

    async def _know(self, asked: Request) -> None:
        """Remember whose token it is. Refuses E-AUTH; a connection is one player's for ever."""
        token = getattr(asked, "token", None)
        if token is None:
            return
        player = await self.identity.player_of(token)
        if player is None or self.player not in (None, player):
            raise Refusal("E-AUTH")
        self.player, self.token = player, token

    async def recheck(self) -> None:
        """Leave if the token holds no more: what is one's own is told to its bearer alone."""
        token = self.token
        if token is not None and await self.identity.player_of(token) != self.player:
            self.drop("your token holds no more: connect again with one that does")

    async def _subscribe(self, name: str) -> None:
        topic = read_topic(name, self.player)
        self._room_for(topic)
        await self._show(await self.hub.channel(topic))

    async def _resume(self, name: str, seq: int) -> None:
        topic = read_topic(name, self.player)
        self._room_for(topic)
        channel = await self.hub.channel(topic)
        channel.remove(self)
        frames = await self.hub.missed(channel, seq)
        if frames is None:
            self._say_gap(channel, seq)
            await self._show(channel)
            return
        answer = self.hub.note("resumed", {"seq": seq, "missed": len(frames)}, topic.shown)
        self.write(b"".join((answer, *(each.wire for each in frames))))
        self._attach(channel)

    def _room_for(self, topic: Topic) -> None:
        if topic.shown not in self._channels and len(self._channels) >= MOST_TOPICS:
            raise Refusal("E-TOPICS", most=MOST_TOPICS)

    async def _show(self, channel: Channel) -> None:
        """Send a snapshot and what came after it; from then on the client is told."""
        channel.remove(self)
        while True:
            snapshot = await self.hub.snapshot(channel)
            frames = channel.since(snapshot.seq)
            if frames is not None:
                break
            channel.snapshot = None
        self.write(b"".join((snapshot.wire, *(each.wire for each in frames))))
        self._attach(channel)

    def _attach(self, channel: Channel) -> None:
        if self._ended:
            return
        self._channels[channel.topic.shown] = channel
        if self._places is None:
            channel.add(self)
        else:
            assert channel.seq is not None, "it was looked at"
            self._places[channel] = channel.seq

    async def _unsubscribe(self, name: str) -> None:
        channel = self._channels.pop(name, None)
        if channel is None:
            raise Refusal("E-TOPIC", topic=name[:80])
        channel.remove(self)
        if self._places is not None:
            self._places.pop(channel, None)
        self.write(self.hub.note("unsubscribed", {}, name))

    def _refuse(self, problem: ProblemAnswer, topic: str | None) -> None:
        self._refused += 1
        if self._refused > MOST_REFUSED:
            self.drop(f"more than {MOST_REFUSED} requests were refused")
            return
        self.write(self.hub.note("refused", problem.told(), topic))

    def beat(self, wire: bytes) -> None:
        """Send a heartbeat; who has answered none of the last ones is gone."""
        self.unanswered += 1
        if self.unanswered > MOST_UNANSWERED:
            self.drop("nothing was heard from you: connect again and resume")
            return
        self.write(wire)

    # --- what the client has not got ---

    def lost(self, channel: Channel) -> None:
        """Frames of a topic never came to this process: show it anew."""
        task = asyncio.create_task(self._begin_anew(channel))
        self._anew.add(task)
        task.add_done_callback(self._anew.discard)

    def _say_gap(self, channel: Channel, seq: int | None) -> None:
        FEED_GAPS.inc()
        self.write(self.hub.note("gap", {"seq": seq}, channel.topic.shown))

    async def _begin_anew(self, channel: Channel) -> None:
        if self._channels.get(channel.topic.shown) is not channel:
            return
        self._say_gap(channel, None)
        try:
            await self._show(channel)
        except Exception as error:  # noqa: BLE001 - it is answered
            self._say_why(error, channel.topic.shown)
            self.drop("what you watch cannot be shown now: connect again and resume")

    def pause(self) -> None:
        """The client does not read: write nothing more to it, but remember where it is."""
        if self._places is None:
            self._places = {}
            for channel in self._channels.values():
                assert channel.seq is not None, "it was looked at"
                self._places[channel] = channel.seq
                channel.remove(self)

    def go_on(self) -> None:
        """The client reads again: send what it missed meanwhile, as long as it reads."""
        places, self._places = self._places or {}, None
        for channel, seq in places.items():
            if self._places is not None:  # what was written now is too much again
                self._places[channel] = seq
                continue
            frames = channel.since(seq)
            if frames is None:
                self.lost(channel)
                continue
            channel.add(self)
            if frames:
                self.write(b"".join(each.wire for each in frames))
