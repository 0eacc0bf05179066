"""The one PostgreSQL: a pool of connections, and transactions that carry their facts."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import Any, Final

import asyncpg
import msgspec

from rooms.kernel.event import Fact
from rooms.platform.doorbell import Doorbell
from rooms.platform.metrics import CONNECTION_WAIT, UNAVAILABLE
from rooms.platform.tracing import span

Row = asyncpg.Record

# What JSON escapes by a letter, after an even number of backslashes: none of it is visible.
UNLIKE_JSON: Final = re.compile(r"(?<!\\)(?:\\\\)*\\[bfnrtu]")

APPLICATION: Final = "rooms_app"
READER: Final = "rooms_reader"

# Seconds that one waits for a connection of the pool before the database counts as away.
WAIT: Final = 10.0

# A connection keeps its prepared statements for so long; the driver would drop it after 50,000.
MOST_QUERIES: Final = 2**31

# A row that must be the only one of its kind was there already.
Duplicate: Final = asyncpg.UniqueViolationError

# What would have been written breaks a rule that the database keeps: a key, or a CHECK.
Violation: Final = asyncpg.IntegrityConstraintViolationError

# What asyncpg raises when the server is not there or goes away in the middle.
Unavailable: Final = (
    OSError,  # a time-out among them
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # no connection free, no room on the disk, no memory
    asyncpg.PostgresIOError,
    # What rolling back raises where the server has ended the connection between two statements.
    asyncpg.InternalClientError,
)


class NotBegunError(OSError):
    """The server was away when it was asked who commands: nothing of the command was begun."""


# What can only be raised before a commit: the transaction has done nothing, for certain.
NotDone: Final = (
    NotBegunError,
    ConnectionRefusedError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,
)

# Two transactions waited for each other and this one was undone; it may be tried again.
Deadlock: Final = asyncpg.DeadlockDetectedError


def is_away(problem: Exception) -> bool:
    """Say whether the server did not answer; a value that the driver refused is our mistake."""
    return isinstance(problem, Unavailable + NotDone) and not isinstance(problem, ValueError)


def array(values: Sequence[int | str | None]) -> str:
    """Write an array as PostgreSQL reads it from text, for a parameter like ``$1::text::bigint[]``.

    The driver looks at every element of an array several times; this costs a tenth, which tells
    where batches are large. JSON escapes as PostgreSQL does, but for invisible characters:
    ValueError where a text has one.
    """
    written = msgspec.json.encode(values)[1:-1].decode()
    unlike = "\\" in written and UNLIKE_JSON.search(written)
    if unlike or not written.isprintable():
        raise ValueError("an array's texts have only visible characters")
    return f"{{{written}}}"


class Tx:
    """A transaction in progress. Values are always parameters; rows come back as records.

    What is in ``once_committed`` is called after the commit, with the seconds that all took.
    """

    def __init__(self, connection: Any, statement_time_out: timedelta | None = None) -> None:
        self._connection = connection
        self._time_out = statement_time_out.total_seconds() if statement_time_out else None
        self.told: set[str] = set()
        self.once_committed: list[Callable[[float], None]] = []

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """Run a statement and give all its rows."""
        rows: list[Row] = await self._connection.fetch(sql, *values, timeout=self._time_out)
        return rows

    async def row(self, sql: str, *values: Any) -> Row | None:
        """Run a statement and give its first row, if any."""
        row: Row | None = await self._connection.fetchrow(sql, *values, timeout=self._time_out)
        return row

    async def value(self, sql: str, *values: Any) -> Any:
        """Run a statement and give the first column of its first row, or None."""
        return await self._connection.fetchval(sql, *values, timeout=self._time_out)

    async def execute(self, sql: str, *values: Any) -> int:
        """Run a statement and give the number of rows that it touched."""
        tag: str = await self._connection.execute(sql, *values, timeout=self._time_out)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def publish(self, *facts: Fact) -> None:
        """Write facts on the outbox; they are told once this transaction has committed."""
        # One value, not an array of jsonb: the driver asks each new connection what that is.
        await self.execute(
            "INSERT INTO platform.outbox (kind, body) "
            "SELECT fact ->> 0, fact -> 1 FROM jsonb_array_elements($1) AS fact",
            [(type(fact).__name__, fact) for fact in facts],
        )
        self.told.update(type(fact).__name__ for fact in facts)

    def cursor(self, sql: str, *values: Any, prefetch: int = 1000) -> AsyncIterator[Row]:
        """Stream the rows of a statement without holding them all."""
        rows: AsyncIterator[Row] = aiter(self._connection.cursor(sql, *values, prefetch=prefetch))
        return rows


@dataclass(slots=True)
class Database:
    """Transactions on the house's PostgreSQL, under the role given.

    Who waits for another's lock longer than ``lock_time_out`` gets one of ``NotDone``.
    """

    url: str = field(repr=False)  # it has a password
    doorbell: Doorbell
    role: str = APPLICATION
    size: int = 10
    statement_time_out: timedelta = timedelta(seconds=60)
    lock_time_out: timedelta = timedelta(seconds=5)
    _pool: Any = field(default=None, init=False)

    async def open(self) -> None:
        """Connect. Raises one of ``Unavailable`` where no server answers."""
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=min(2, self.size),
            max_size=self.size,
            init=prepare,
            reset=nothing_to_reset,
            max_queries=MOST_QUERIES,
            command_timeout=self.statement_time_out.total_seconds(),
            server_settings={
                "role": self.role,
                "timezone": "UTC",
                "application_name": "rooms",
                "lock_timeout": f"{self.lock_time_out // timedelta(milliseconds=1)}ms",
            },
        )

    async def close(self) -> None:
        """Wait for transactions in progress, then disconnect."""
        if self._pool is not None:
            await self._pool.close()

    @asynccontextmanager
    async def transaction(self, statement_time_out: timedelta | None = None) -> AsyncIterator[Tx]:
        """One use case, one transaction: what is raised inside rolls it all back.

        Its statements may take as long as those of others, unless a time is given.
        """
        begun = perf_counter()
        with span("transaction"):
            async with self.connection() as connection, connection.transaction():
                tx = Tx(connection, statement_time_out)
                yield tx
        self._tell(tx, perf_counter() - begun)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Tx]:
        """One use case that is one statement: it is begun and committed on a single way.

        A second statement inside would be a transaction of its own.
        """
        begun = perf_counter()
        with span("transaction"):
            async with self.connection() as connection:
                tx = Tx(connection)
                yield tx
        self._tell(tx, perf_counter() - begun)

    def _tell(self, tx: Tx, seconds: float) -> None:
        for note in tx.once_committed:
            note(seconds)
        if tx.told:
            self.doorbell.ring(tx.told)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Tx]:
        """One consistent view for several reads; writing in it is refused by the database."""
        with span("snapshot"):
            async with (
                self.connection() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield Tx(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A bare driver connection, for LISTEN and NOTIFY."""
        begun = perf_counter()
        try:
            async with self._pool.acquire(timeout=WAIT) as connection:
                CONNECTION_WAIT.observe(perf_counter() - begun)
                try:
                    yield connection
                except asyncpg.InternalClientError as problem:
                    # A server that ends a session between two messages leaves the driver out of
                    # step with it. Such a connection is of no use to whoever gets it next.
                    connection.terminate()
                    raise ConnectionResetError("the session was ended") from problem
                except asyncio.CancelledError:
                    await _undo(connection)
                    raise
        except Unavailable as problem:
            if is_away(problem):
                UNAVAILABLE.inc()
            raise

    def connections(self) -> dict[str, int]:
        """Count the connections by what they do: used, idle, and the limit of both."""
        idle = self._pool.get_idle_size()
        return {
            "used": self._pool.get_size() - idle,
            "idle": idle,
            "limit": self._pool.get_max_size(),
        }


async def _undo(connection: Any) -> None:
    """End what somebody who is ended has begun: in the middle of BEGIN nobody else would."""
    try:
        with suppress(*Unavailable):
            await connection.execute("ROLLBACK")
    except asyncio.CancelledError:
        # Groups of tasks end theirs at each of their steps; no other step is taken then.
        connection.terminate()
        raise


async def nothing_to_reset(_: Any) -> None:
    """Leave a session as it is: a transaction changes nothing in it that outlives the commit.

    Locks are the transaction's, temporary tables are emptied at its end. The driver would ask
    the server to forget everything after each transaction, which costs as much as a small one.
    """


async def prepare(connection: Any) -> None:
    """Give a new connection its JSON codec: plain Python values in and out."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda raw: msgspec.json.decode(raw[1:]),
    )
