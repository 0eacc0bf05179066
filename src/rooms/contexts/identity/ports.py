"""What identity needs from outside: a place where the public reads what staff did."""

from typing import Protocol

from rooms.kernel.time import Instant
from rooms.platform.database import Tx


class PublicRecord(Protocol):
    """The public log, as far as acts of staff go; given at the wiring."""

    async def acted(self, tx: Tx, *, action: str, subject: str, reason: str, at: Instant) -> None:
        """Note an act for the log, in the transaction of the act. ``subject`` is not shown."""
        ...
