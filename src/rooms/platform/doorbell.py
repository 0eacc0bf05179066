"""The doorbell: after a commit, wake whoever waits for facts, in this process and in others.

Ringing inside the betting transaction would cost a factor of 3.7 (a NOTIFY takes a global lock
at commit), so it rings afterwards; many rings at once become one NOTIFY. A ring may be lost when
a process dies between commit and ring: whoever waits also looks by itself every second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

CHANNEL: Final = "rooms_facts"
LOOK_ANYWAY: Final = 1.0


@dataclass(slots=True)
class Doorbell:
    """Rings are heard by all who wait at the time; nothing is said about what happened."""

    _waiting: set[asyncio.Event] = field(default_factory=set)
    _outside: asyncio.Event = field(default_factory=asyncio.Event)

    def ring(self) -> None:
        """Wake everyone here now, and the other processes soon."""
        self.ring_here()
        self._outside.set()

    def ring_here(self) -> None:
        """Wake everyone in this process."""
        for event in self._waiting:
            event.set()

    def listen(self) -> "Ear":
        """Begin to wait for rings; rings between two waits are not missed."""
        event = asyncio.Event()
        self._waiting.add(event)
        return Ear(event, self._waiting.discard)

    async def notify_others(self, notify: Callable[[], Awaitable[None]]) -> None:
        """Pass rings on to other processes, for ever; one call of ``notify`` at a time."""
        while True:
            await self._outside.wait()
            self._outside.clear()
            await notify()


@dataclass(frozen=True, slots=True)
class Ear:
    """One who waits. Used as ``async for _ in ear.rings()`` or with ``wait``."""

    _event: asyncio.Event
    _discard: Callable[[asyncio.Event], None]

    async def wait(self, seconds: float = LOOK_ANYWAY) -> None:
        """Wait for a ring, but no longer than the seconds given."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()

    def close(self) -> None:
        """Stop listening."""
        self._discard(self._event)
