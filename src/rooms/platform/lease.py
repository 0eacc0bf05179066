"""Leadership: a lease row with a fencing epoch. A stale leader's writes are refused.

A lock held elsewhere can be lost without its holder noticing; the epoch cannot: each write of a
leader checks, in its own transaction, that the lease row still carries the leader's epoch.
"""

from dataclasses import dataclass
from datetime import timedelta

from rooms.platform.database import Database, Tx


class LeadershipLost(Exception):  # noqa: N818 - it is what happened, not a malfunction
    """Another process leads now; what this one was about to write is rolled back."""


@dataclass(slots=True)
class Lease:
    """The wish to lead ``name``; ``epoch`` is set while this process does."""

    database: Database
    name: str
    holder: str
    length: timedelta = timedelta(seconds=4)
    epoch: int | None = None

    async def acquire(self) -> bool:
        """Take or renew the lease; says whether this process leads now."""
        async with self.database.transaction() as tx:
            self.epoch = await tx.value(
                """
                INSERT INTO platform.leases AS lease (name, holder, epoch, until)
                VALUES ($1, $2, 1, clock_timestamp() + $3)
                ON CONFLICT (name) DO UPDATE
                SET holder = $2, until = clock_timestamp() + $3,
                    epoch = lease.epoch + (lease.holder <> $2)::int
                WHERE lease.holder = $2 OR lease.until < clock_timestamp()
                RETURNING epoch
                """,
                self.name,
                self.holder,
                self.length,
            )
        return self.epoch is not None

    async def guard(self, tx: Tx) -> int:
        """Name the epoch in a leader's transaction. Raises LeadershipLost where it has passed."""
        epoch = await tx.value(
            "SELECT epoch FROM platform.leases WHERE name = $1 AND epoch = $2 FOR SHARE",
            self.name,
            self.epoch,
        )
        if epoch is None:
            raise LeadershipLost(self.name)
        return int(epoch)

    async def release(self) -> None:
        """Let the next one lead at once."""
        async with self.database.transaction() as tx:
            await tx.execute(
                "UPDATE platform.leases SET until = '-infinity' WHERE name = $1 AND epoch = $2",
                self.name,
                self.epoch,
            )
