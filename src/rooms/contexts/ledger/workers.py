"""The ledger's loop: holds end when their time comes."""

import asyncio
from dataclasses import dataclass

import structlog

from rooms.contexts.ledger.service import LedgerService
from rooms.platform.database import Unavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HoldExpiry:
    """Ends holds within about a second of their time."""

    ledger: LedgerService

    async def run(self) -> None:
        """Look once a second, for ever."""
        while True:
            try:
                await self.ledger.expire_holds()
            except Unavailable as problem:
                log.warning("database away; holds wait", why=str(problem))
            await asyncio.sleep(1)
