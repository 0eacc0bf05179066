"""Leadership: a lease row with a fencing epoch. A stale leader's writes are refused.

A lock held elsewhere can be lost without its holder noticing; the epoch cannot: each write of a
leader checks, in its own transaction, that the lease row still carries the leader's epoch.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from rooms.platform.database import Database, Tx

LENGTH: Final = timedelta(seconds=4)
# A leader says something this often in its transactions, or it is stopped.
SILENCE: Final = timedelta(seconds=3)
MORE: Final = timedelta(seconds=1)
MILLISECOND: Final = timedelta(milliseconds=1)


class LeadershipLost(Exception):  # noqa: N818 - it is what happened, not a malfunction
    """Another process leads now; what this one was about to write is rolled back."""


@dataclass(slots=True)
class Lease:
    """The wish to lead ``name``; ``epoch`` is set while this process does.

    A lease ends by the database's clock. Whoever leads renews it beside its own writes; who takes
    over waits for them, and whoever is stopped or dies in one loses it while the lease lasts.
    """

    database: Database
    name: str
    holder: str
    length: timedelta = LENGTH
    epoch: int | None = None
    _undone: bool = field(default=False, init=False)

    async def acquire(self) -> bool:
        """Take or renew the lease; says whether this process leads now."""
        epoch = await self._renew()
        if epoch is None:
            epoch, self._undone = await self._take_over(), False
        self.epoch = epoch
        return epoch is not None

    async def _renew(self) -> int | None:
        """Renew what nobody has taken over, for ``guard`` hinders nobody who leaves the epoch."""
        async with self.database.statement() as tx:
            epoch: int | None = await tx.value(
                "UPDATE platform.leases SET until = clock_timestamp() + $3 "
                "WHERE name = $1 AND holder = $2 RETURNING epoch",
                self.name,
                self.holder,
                self.length,
            )
        return epoch

    async def _take_over(self) -> int | None:
        """Take what nobody holds any more, once the writes that were guarded by it are done."""
        async with self.database.statement() as tx:
            epoch: int | None = await tx.value(
                """
                WITH free AS MATERIALIZED (
                    SELECT name FROM platform.leases
                    WHERE name = $1 AND until < clock_timestamp() FOR UPDATE
                ), taken AS (
                    UPDATE platform.leases AS lease
                    SET holder = $2, until = clock_timestamp() + $3, epoch = lease.epoch + 1
                    FROM free WHERE lease.name = free.name RETURNING epoch
                ), made AS (
                    INSERT INTO platform.leases (name, holder, epoch, until)
                    SELECT $1, $2, 1, clock_timestamp() + $3
                    WHERE NOT EXISTS (SELECT FROM platform.leases WHERE name = $1)
                    ON CONFLICT DO NOTHING RETURNING epoch
                )
                SELECT epoch FROM taken UNION ALL SELECT epoch FROM made
                """,
                self.name,
                self.holder,
                self.length,
            )
        return epoch

    async def guard(self, tx: Tx, longest: timedelta | None = None) -> int:
        """Name the epoch in a leader's transaction. Raises LeadershipLost where it has passed.

        The database ends the transaction of a leader that falls silent in it or is gone, so that
        it holds up nobody for longer than its lease would have. All of it may take a second more
        than the lease: between preparing a statement and running it a leader that was stopped is
        not idle for the database (PostgreSQL 17 ends that). What needs more time gets ``longest``
        when it is tried again, for then its leader was not stopped.
        """
        most = self.length + MORE
        if longest is not None:
            most = longest if self._undone else min(longest, most)
        epoch = await tx.value(
            """
            SELECT epoch, set_config('idle_in_transaction_session_timeout', $3, true),
                   CASE WHEN current_setting('server_version_num')::integer >= 170000
                        THEN set_config('transaction_timeout', $4, true) END,
                   set_config('client_connection_check_interval', '500', true)
            FROM platform.leases WHERE name = $1 AND epoch = $2 FOR KEY SHARE
            """,
            self.name,
            self.epoch,
            str(min(self.length, SILENCE) // MILLISECOND),
            str(most // MILLISECOND),
        )
        if epoch is None:
            raise LeadershipLost(self.name)
        if longest is not None:
            self._undone = True
            tx.once_committed.append(self._done)
        return int(epoch)

    def _done(self, _: float) -> None:
        self._undone = False

    async def release(self) -> None:
        """Let the next one lead at once."""
        async with self.database.statement() as tx:
            await tx.execute(
                "UPDATE platform.leases SET until = '-infinity' WHERE name = $1 AND epoch = $2",
                self.name,
                self.epoch,
            )
