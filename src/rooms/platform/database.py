"""The one PostgreSQL: a pool of connections, and transactions that carry their facts."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import asyncpg
import msgspec

from rooms.kernel.event import Fact
from rooms.platform.doorbell import Doorbell

Row = asyncpg.Record

APPLICATION: Final = "rooms_app"
READER: Final = "rooms_reader"

# Seconds that one waits for a connection of the pool before the database counts as away.
WAIT: Final = 10.0

# A row that must be the only one of its kind was there already.
Duplicate: Final = asyncpg.UniqueViolationError

# What asyncpg raises when the server is not there or goes away in the middle.
Unavailable: Final = (
    OSError,  # a time-out among them
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # What rolling back raises where the server has ended the connection between two statements.
    asyncpg.InternalClientError,
)


class Tx:
    """A transaction in progress. Values are always parameters; rows come back as records."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.told_facts = False

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement and give all its rows."""
        rows: list[Row] = await self._connection.fetch(sql, *values)
        return rows

    async def row(self, sql: str, *values: Any) -> Row | None:
        """Run a statement and give its first row, if any."""
        row: Row | None = await self._connection.fetchrow(sql, *values)
        return row

    async def value(self, sql: str, *values: Any) -> Any:
        """Run a statement and give the first column of its first row, or None."""
        return await self._connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any) -> int:
        """Run a statement and give the number of rows that it touched."""
        tag: str = await self._connection.execute(sql, *values)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def publish(self, *facts: Fact) -> None:
        """Write facts on the outbox; they are told once this transaction has committed."""
        await self.execute(
            "INSERT INTO platform.outbox (kind, body) "
            "SELECT * FROM unnest($1::text[], $2::jsonb[])",
            [type(fact).__name__ for fact in facts],
            [dataclasses.asdict(fact) for fact in facts],
        )
        self.told_facts = True

    def cursor(self, sql: str, *values: Any, prefetch: int = 1000) -> AsyncIterator[Row]:
        """Stream the rows of a statement without holding them all."""
        rows: AsyncIterator[Row] = aiter(self._connection.cursor(sql, *values, prefetch=prefetch))
        return rows


@dataclass(slots=True)
class Database:
    """Transactions on the house's PostgreSQL, under the role given."""

    url: str
    doorbell: Doorbell
    role: str = APPLICATION
    size: int = 10
    statement_time_out: timedelta = timedelta(seconds=60)
    _pool: Any = field(default=None, init=False)

    async def open(self) -> None:
        """Connect. Raises one of ``Unavailable`` where no server answers."""
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=min(2, self.size),
            max_size=self.size,
            init=prepare,
            command_timeout=self.statement_time_out.total_seconds(),
            server_settings={"role": self.role, "timezone": "UTC", "application_name": "rooms"},
        )

    async def close(self) -> None:
        """Wait for transactions in progress, then disconnect."""
        if self._pool is not None:
            await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One use case, one transaction: what is raised inside rolls it all back."""
        async with self._pool.acquire(timeout=WAIT) as connection, connection.transaction():
            tx = Tx(connection)
            yield tx
        if tx.told_facts:
            self.doorbell.ring()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """One consistent view for several reads; writing in it is refused by the database."""
        async with (
            self._pool.acquire(timeout=WAIT) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield Tx(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A bare driver connection, for LISTEN and NOTIFY."""
        connection = await self._pool.acquire(timeout=WAIT)
        try:
            yield connection
        finally:
            await self._pool.release(connection)


async def prepare(connection: Any) -> None:
    """Give a new connection its JSON codec: plain Python values in and out."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda raw: msgspec.json.decode(raw[1:]),
    )
