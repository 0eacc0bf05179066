"""The ledger's loops: holds end when their time comes, and the books are checked without end."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from rooms.contexts.ledger.service import LedgerService
from rooms.contexts.ledger.storage import LedgerStorage
from rooms.platform.database import Database, NotDone, Unavailable
from rooms.platform.lease import LeadershipLost, Lease
from rooms.platform.metrics import count_check

log = structlog.get_logger()

AT_A_LOOK: Final = 250
LOOK_EVERY: Final = 1.0
# Beside its own time a look rests this many times as long, so that bets have the database.
REST: Final = 9


@dataclass(frozen=True, slots=True)
class HoldExpiry:
    """Ends holds within about a second of their time."""

    ledger: LedgerService

    async def run(self) -> None:
        """Look once a second, for ever."""
        while True:
            try:
                await self.ledger.expire_holds()
            except (*Unavailable, *NotDone) as problem:
                log.warning("database away or held up; holds wait", why=str(problem))
            await asyncio.sleep(1)


@dataclass(slots=True)
class LedgerCheck:
    """Reads the books behind those who write them and raises an alarm on each wrong row.

    One process does it at a time, by the lease. Where it stands among the entries is in the
    database, so whoever leads next goes on there; accounts are gone through round and round.
    ``checked`` and ``alarms`` count what this process has read and found.
    """

    database: Database
    storage: LedgerStorage
    lease: Lease
    at_a_look: int = AT_A_LOOK
    checked: int = 0
    alarms: int = 0
    _account: int = 0

    async def run(self) -> None:
        """Look for ever: often while entries wait, else once a second."""
        time = asyncio.get_running_loop().time
        while True:
            began, behind = time(), False
            try:
                behind = await self.lease.acquire() and await self.look()
            except LeadershipLost:
                log.info("another process checks the books now")
            except (*Unavailable, *NotDone) as problem:
                log.warning("database away or held up; the check waits", why=str(problem))
            await asyncio.sleep(REST * (time() - began) if behind else LOOK_EVERY)

    async def look(self) -> bool:
        """Check the next entries and accounts; say whether entries wait that could be read."""
        async with self.database.transaction() as tx:
            # First of all: it has to know where the writers stand before it writes itself.
            read, whole, entries = await self.storage.check_entries(tx, self.at_a_look)
            following, accounts = await self.storage.check_accounts(
                tx, self._account, self.at_a_look
            )
            await self.lease.guard(tx)
            known = await self.storage.alarms(tx)
        self._account = following
        self.checked += read
        for wrong in (*entries, *accounts):
            self.alarms += 1
            log.critical("the books are wrong", what=wrong, next="rooms ledger check")
        count_check(read, wrong=known, done=whole)
        return read == self.at_a_look
