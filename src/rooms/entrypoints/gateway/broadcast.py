"""One subject, many listeners: each snapshot is made once and told to all as an event."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog

from rooms.platform.database import NotDone, Unavailable
from rooms.platform.doorbell import Doorbell

log = structlog.get_logger()

NEWS_AT_LEAST_EVERY: Final = 2.0
NEWS_AT_MOST_EVERY: Final = 0.5
HEARTBEAT: Final = 15.0
REST_AFTER_FAILURE: Final = 1.0
GREETING: Final = b"retry: 2000\n: rooms\n\n"
STILL_HERE: Final = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a subject looks like now; a final one is the last that differs."""

    body: dict[str, Any]
    final: bool = False


@dataclass(slots=True)
class Broadcast:
    """The newest snapshot of one subject, and those who wait for the next."""

    make: Callable[[], Awaitable[Snapshot]]
    doorbell: Doorbell
    listeners: int = 0
    _number: int = 0
    _newest: bytes = b""
    _over: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Make a snapshot at each ring, not too often and not too seldom, until it is final."""
        ear = self.doorbell.listen()
        try:
            while (rest := await self._tell()) is not None:
                await asyncio.sleep(rest)
                await ear.wait(NEWS_AT_LEAST_EVERY - NEWS_AT_MOST_EVERY)
        finally:
            ear.close()

    async def _tell(self) -> float | None:
        """Make and tell one snapshot; give how long to rest, None after the final one."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            snapshot = await self.make()
        except (*Unavailable, *NotDone) as problem:
            log.warning("database away or held up; the page waits", why=str(problem))
            return REST_AFTER_FAILURE
        except Exception:
            log.exception("a snapshot for the page failed; it is tried again")
            return REST_AFTER_FAILURE
        self._newest = b"data: " + msgspec.json.encode(snapshot.body) + b"\n\n"
        self._number += 1
        self._wake()
        # Looking takes a fifth of the time at most, however much there is to see.
        return None if snapshot.final else max(NEWS_AT_MOST_EVERY, 4 * (clock() - began))

    def end(self) -> None:
        """Let every listener finish."""
        self._over = True
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def events(self) -> AsyncIterator[bytes]:
        """Give the newest snapshot at once, then the later ones as fast as the listener reads."""
        seen = 0
        yield GREETING
        while not self._over:
            if seen != self._number:
                seen = self._number
                yield self._newest
                continue
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await self._news.wait()
            except TimeoutError:
                yield STILL_HERE
