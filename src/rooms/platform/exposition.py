"""``GET /metrics``: what this process counted, and what is read from the database for it.

Anyone may ask as often as they like: the text is made once a second at most, the database is read
every five at most, by one task, which whoever asks waits for only briefly. Without a database the
rest is shown all the same.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from prometheus_client import generate_latest

from rooms.platform.database import Database, Unavailable
from rooms.platform.metrics import CONNECTIONS, DATABASE_UP, REGISTRY, forget_readings
from rooms.platform.module import Reading

log = structlog.get_logger()

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
# Seconds.
KEEP_TEXT: Final = 1.0
READ_EVERY: Final = 5.0
PATIENCE: Final = 1.0
LONGEST_READING: Final = 5.0


@dataclass(slots=True)
class Exposition:
    """The metrics of a process as Prometheus's text."""

    database: Database
    readings: Sequence[Reading]
    _text: bytes = field(default=b"", init=False)
    _text_at: float = field(default=-math.inf, init=False)
    _read_at: float = field(default=-math.inf, init=False)
    _reading: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def text(self) -> bytes:
        """Give the text; at most as old as ``KEEP_TEXT`` and ``READ_EVERY`` say."""
        time = asyncio.get_running_loop().time
        if time() - self._text_at < KEEP_TEXT:
            return self._text
        await self._read_soon()
        for state, count in self.database.connections().items():
            CONNECTIONS.labels(state).set(count)
        self._text, self._text_at = generate_latest(REGISTRY), time()
        return self._text

    async def _read_soon(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._reading is None or (self._reading.done() and now - self._read_at >= READ_EVERY):
            self._read_at = now
            self._reading = asyncio.create_task(self._read(), name="metrics")
        await asyncio.wait({self._reading}, timeout=PATIENCE)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(LONGEST_READING), self.database.snapshot() as tx:
                for reading in self.readings:
                    await reading(tx)
        except Unavailable as problem:
            log.warning("database away; its metrics are left out", why=repr(problem))
        except Exception:
            log.exception("the metrics could not be read from the database")
        else:
            DATABASE_UP.set(1)
            return
        DATABASE_UP.set(0)
        forget_readings()
