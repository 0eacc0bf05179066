"""A database whose clock is the simulation's, and the port by which simulated processes use it.

In the simulation's own database ``clock_timestamp()`` is replaced before anything is migrated, so
that every default, function and statement of the house reads the virtual time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

import asyncpg

from rooms.kernel.time import Instant
from rooms.platform import migrate
from rooms.platform.database import APPLICATION, Database, Tx, prepare
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from tests.addresses import of_database
from tests.torture.simulation.virtual_time import START, Fault, Line, running_loop

VIRTUAL_CLOCK: Final = """
    ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO machine_clock_timestamp;
    CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS $$ SELECT current_setting('virtual.now')::timestamptz $$;
"""


async def make_database(superuser: str, dsn: Dsn, name: str) -> Dsn:
    """Make a migrated database on the virtual clock; give its addresses."""
    there = Dsn(*(of_database(url, name) for url in (dsn.owner, dsn.app, dsn.reader)))
    server = await asyncpg.connect(superuser)
    await server.execute(f"CREATE DATABASE {name} OWNER rooms_owner")
    await server.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO rooms_app")
    await server.execute(f"ALTER DATABASE {name} SET virtual.now = '{START.isoformat()}'")
    # Nobody pulls this server's plug: its commits need not wait for the disk.
    await server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await server.close()
    within = await asyncpg.connect(of_database(superuser, name))
    await within.execute(VIRTUAL_CLOCK)
    await within.close()
    owner = await asyncpg.connect(there.owner)
    await migrate.apply_pending(owner)
    await _keep_what_migrations_wrote(owner)
    await owner.close()
    return there


# Who is referred to goes last. Each table has a copy in the schema `made` if it is born with rows.
TABLES: Final = """
    SELECT relnamespace::regnamespace || '.' || relname AS name,
           to_regclass('made.' || relname) IS NOT NULL AS kept
    FROM pg_class AS made
    WHERE relkind = 'r' AND relpersistence = 'p' AND relowner = 'rooms_owner'::regrole
      AND relnamespace <> 'made'::regnamespace
    ORDER BY EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = made.oid), name
"""


async def _keep_what_migrations_wrote(owner: Any) -> None:
    await owner.execute("CREATE SCHEMA made")
    for row in await owner.fetch(TABLES):
        name = row["name"]
        if await owner.fetchval(f"SELECT EXISTS (SELECT FROM {name})"):
            await owner.execute(f"CREATE TABLE made.{name.partition('.')[2]} AS TABLE {name}")


async def _emptying(owner: Any) -> str:
    """Give the statements that make all tables new; much cheaper than TRUNCATE for so few rows."""
    tables = await owner.fetch(TABLES)
    numbers = await owner.fetch(
        "SELECT schemaname || '.' || sequencename AS name, start_value FROM pg_sequences "
        "WHERE schemaname NOT LIKE 'pg_temp%' ORDER BY name"
    )
    emptied = [f"DELETE FROM {row['name']}" for row in tables]
    restored = [
        f"INSERT INTO {row['name']} OVERRIDING SYSTEM VALUE "
        f"TABLE made.{row['name'].partition('.')[2]}"
        for row in reversed(tables)
        if row["kept"]
    ]
    counted = [f"SELECT setval('{row['name']}', {row['start_value']}, false)" for row in numbers]
    return "; ".join([*emptied, *restored, *counted])


@dataclass(slots=True)
class Wire:
    """The one connection of the simulated house, which tells the database what time it is.

    The tables' owner has another one, to make the database as it was when it was made.
    """

    connection: Any
    owner: Any
    line: Line
    emptying: str
    _told: Instant | None = None

    @classmethod
    async def connect(cls, dsn: Dsn) -> Self:
        """Connect as the application does, and as the owner."""
        line = running_loop().line
        # Both are measured in time, and that is not the machine's here.
        timeless: dict[str, Any] = {"max_cached_statement_lifetime": 0, "command_timeout": None}
        settings = {"role": APPLICATION, "timezone": "UTC"}
        async with line.turn():
            owner = await asyncpg.connect(dsn.owner, **timeless)
            connection = await asyncpg.connect(
                dsn.app, **timeless, statement_cache_size=1_000, server_settings=settings
            )
            await prepare(connection)
            return cls(connection, owner, line, await _emptying(owner))

    async def empty(self) -> None:
        """Leave no row, and let all numbers begin at 1: what was before is forgotten."""
        async with self.line.turn():
            await self.owner.execute(self.emptying)
            self._told = None

    def cut(self) -> None:
        """Disconnect at once."""
        self.connection.terminate()
        self.owner.terminate()

    @asynccontextmanager
    async def turn(self, *, may_break: bool = False) -> AsyncIterator[Fault | None]:
        """Have the connection alone at one virtual instant."""
        async with self.line.turn(may_break=may_break) as fault:
            now = running_loop().now()
            if now != self._told:
                await self.connection.execute(f"SET virtual.now = '{now.isoformat()}'")
                self._told = now
            yield fault

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Tx]:
        """Read, as one who looks on: nothing befalls this."""
        async with self.turn(), self.connection.transaction(readonly=True):
            yield Tx(self.connection)


class SimulatedDatabase(Database):
    """One process's way to the database: transactions are lost as the seed wants it."""

    def __init__(self, wire: Wire, doorbell: Doorbell) -> None:
        super().__init__("", doorbell)
        self.wire = wire
        self.cut_off = False
        self._fault: Fault | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Give the one connection for a turn; what befalls it may be known only afterwards."""
        if self.cut_off:
            raise _lost()
        async with self.wire.turn(may_break=True) as fault:
            if fault is Fault.REFUSED:
                raise ConnectionRefusedError("the database takes no connections")
            self._fault = fault
            yield self.wire.connection
            if fault is Fault.LOST_AFTER_COMMIT:
                raise _lost()

    @asynccontextmanager
    async def transaction(self, statement_time_out: timedelta | None = None) -> AsyncIterator[Tx]:
        """Do as the real one does, but for the commit that never comes."""
        async with super().transaction(statement_time_out) as tx:
            yield tx
            if self._fault is Fault.LOST_BEFORE_COMMIT:
                raise _lost()


def _lost() -> Exception:
    return asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
