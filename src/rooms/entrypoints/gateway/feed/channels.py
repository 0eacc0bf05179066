"""One topic in this process: its newest frames, and who is told the next ones."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rooms.entrypoints.gateway.feed.names import Topic
from rooms.platform.topics import KEPT


class Watcher(Protocol):
    """Who is told: one client's connection."""

    @property
    def write(self) -> Callable[[bytes], object]:
        """Give what puts bytes on the wire, at once or as soon as there is room."""
        ...

    def beat(self, wire: bytes) -> None:
        """Get the heartbeat, to which each connection has to answer."""
        ...

    @property
    def token(self) -> str | None:
        """Give whose topics it may watch; None where it never said."""
        ...

    async def recheck(self) -> None:
        """Leave if the token holds no more."""
        ...

    def lost(self, channel: "Channel") -> None:
        """Hear that frames of a topic are missing here: begin anew with a snapshot."""
        ...


class Frame(NamedTuple):
    """A frame of the topic, ready for the wire."""

    seq: int
    wire: bytes


class Snapshot(NamedTuple):
    """What the topic looked like at a number; ``made`` is the loop's time."""

    seq: int
    wire: bytes
    made: float


@dataclass(slots=True, eq=False, weakref_slot=True)
class Channel:
    """Tells what is new to all watchers: one write each of the same bytes.

    ``seq`` is the newest number that went out here; None until the topic was looked at. Who makes
    its snapshot holds ``making``.
    """

    topic: Topic
    seq: int | None = None
    snapshot: Snapshot | None = None
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    idle_since: float = 0.0
    _frames: deque[Frame] = field(default_factory=lambda: deque(maxlen=KEPT))
    _watchers: "dict[Watcher, Callable[[bytes], object]]" = field(default_factory=dict)

    @property
    def is_watched(self) -> bool:
        """Say whether anybody is told of what is new."""
        return bool(self._watchers)

    def add(self, watcher: Watcher) -> None:
        """Tell this one too, from the next frame on."""
        self._watchers[watcher] = watcher.write

    def remove(self, watcher: Watcher) -> None:
        """Tell this one no more."""
        self._watchers.pop(watcher, None)

    def begin(self, seq: int) -> None:
        """Go on from the number that the topic was found at; a jump tells that frames are lost."""
        if self.seq is None:
            self.seq = max(seq, self._frames[-1].seq if self._frames else seq)
        elif self.seq < seq:
            self._jump(seq)

    def tell(self, frames: list[Frame]) -> int:
        """Send frames that follow each other to every watcher; give how many were written."""
        if self.seq is None:
            self._frames.extend(frames)
            return 0
        fresh = [frame for frame in frames if frame.seq > (self.seq or 0)]
        if not fresh:
            return 0
        if fresh[0].seq != self.seq + 1:
            self._frames.clear()
            self._frames.extend(fresh)
            self._jump(fresh[-1].seq)
            return 0
        self._frames.extend(fresh)
        self.seq = fresh[-1].seq
        wire = fresh[0].wire if len(fresh) == 1 else b"".join(each.wire for each in fresh)
        for write in tuple(self._watchers.values()):
            write(wire)
        return len(fresh) * len(self._watchers)

    def since(self, seq: int) -> list[Frame] | None:
        """Give what went out after this number, or None where not all of it is here."""
        assert self.seq is not None, "the topic was looked at"
        missing = self.seq - seq
        if missing < 0:
            return None
        if missing == 0:
            return []
        kept = [frame for frame in self._frames if seq < frame.seq <= self.seq]
        return kept if len(kept) == missing else None

    def _jump(self, seq: int) -> None:
        """Frames never came here: all who watch begin anew."""
        self.seq, self.snapshot = seq, None
        watchers, self._watchers = tuple(self._watchers), {}
        for watcher in watchers:
            watcher.lost(self)
