"""The doorbell: after a commit, wake whoever waits for facts, in this process and in others.

Ringing inside the betting transaction would cost a factor of 3.7 (a NOTIFY takes a global lock
at commit), so it rings afterwards; many rings at once become one NOTIFY. A ring may be lost when
a process dies between commit and ring: whoever waits also looks by itself every second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

CHANNEL: Final = "rooms_facts"
LOOK_ANYWAY: Final = 1.0
# Seconds between two rings to other processes: less than anybody notices.
PAUSE: Final = 0.005


@dataclass(slots=True)
class Doorbell:
    """A ring says which kinds of facts there are; who waits for others is left in peace."""

    _waiting: "dict[asyncio.Event, frozenset[str] | None]" = field(default_factory=dict)
    _outside: asyncio.Event = field(default_factory=asyncio.Event)
    _rung: set[str] = field(default_factory=set)

    def ring(self, kinds: Collection[str]) -> None:
        """Wake who waits for these kinds, here now and in the other processes soon."""
        self.ring_here(kinds)
        self._rung.update(kinds)
        self._outside.set()

    def ring_here(self, kinds: Collection[str]) -> None:
        """Wake who waits for these kinds in this process."""
        for event, wanted in self._waiting.items():
            if wanted is None or not wanted.isdisjoint(kinds):
                event.set()

    def listen(self, kinds: Collection[str] | None = None) -> "Ear":
        """Begin to wait for facts of these kinds, of any where none is named.

        Rings between two waits are not missed.
        """
        event = asyncio.Event()
        self._waiting[event] = None if kinds is None else frozenset(kinds)
        return Ear(event, lambda: self._waiting.pop(event, None))

    async def notify_others(self, notify: Callable[[str], Awaitable[None]]) -> None:
        """Pass rings on to other processes, for ever; one call of ``notify`` at a time.

        It is given the kinds of facts, as ``heard`` reads them.
        """
        while True:
            await self._outside.wait()
            self._outside.clear()
            rung, self._rung = self._rung, set()
            await notify(",".join(sorted(rung)))
            # The first ring goes at once; those of the next moment go together.
            await asyncio.sleep(PAUSE)


def heard(message: str) -> list[str]:
    """Read the kinds of facts in a message that another process was sent."""
    return message.split(",")


@dataclass(frozen=True, slots=True)
class Ear:
    """One who waits for rings. ``close`` ends it."""

    _event: asyncio.Event
    close: Callable[[], object]

    async def wait(self, seconds: float = LOOK_ANYWAY) -> None:
        """Wait for a ring, but no longer than the seconds given."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
