"""The databases that tests get: each as ``rooms up`` makes it, and used again once emptied.

Making one copies a thousand files and dropping it removes them again, which cost more than most
tests do themselves. A database whose schema a test has changed is dropped all the same.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from rooms.platform.postgres import Dsn
from tests.addresses import of_database

# What one finds dead in its tables slows a test: after so many rows a new database is cheaper.
MOST_ROWS: Final = 5_000

# These tests end no server but one of their own: their commits need not wait for the disk.
_HASTE: Final = "synchronous_commit = off"
_OWN_SETTINGS: Final = f"""
    setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND setconfig <> ARRAY['{_HASTE.replace(" ", "")}']
"""

# Each change of a schema writes a row of these anew, or removes one. A session's first temporary
# table makes a namespace that stays when the session and the table have gone.
_SCHEMA: Final = " UNION ALL ".join(
    f"SELECT count(*) AS rows, max(xmin::text::bigint) AS newest FROM {catalogue}"
    for catalogue in (
        "pg_class",
        "pg_attribute",
        "pg_attrdef",
        "pg_constraint",
        "pg_trigger",
        "pg_proc",
        "pg_namespace WHERE nspname !~ '^pg_'",
        "pg_sequence",
        "pg_policy",
        "pg_event_trigger",
        "pg_rewrite",
        f"pg_db_role_setting WHERE {_OWN_SETTINGS}",
    )
)
_TABLES: Final = """
    SELECT class.oid::regclass::text AS name
    FROM pg_class AS class JOIN pg_namespace AS schema ON schema.oid = class.relnamespace
    WHERE class.relkind = 'r' AND class.oid >= 16384 AND schema.nspname !~ '^pg_'
      AND pg_relation_size(class.oid) > 0
"""
# Where each number goes on: not always at the sequence's own start.
_NUMBERS: Final = """
    SELECT class.oid::regclass::text FROM pg_class AS class WHERE class.relkind = 'S'
"""
_END_SESSIONS: Final = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# The triggers that let nobody remove what was written are not asked, nor are foreign keys.
_EMPTY: Final = f"""
    SET session_replication_role = 'replica';
    DO $$
    DECLARE name text; removed bigint; total bigint := 0;
    BEGIN
        FOR name IN {_TABLES} LOOP
            EXECUTE 'DELETE FROM ' || name;
            GET DIAGNOSTICS removed = ROW_COUNT;
            total := total + removed;
        END LOOP;
        PERFORM set_config('tests.removed', total::text, false);
    END $$
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server whose database ``rooms`` is migrated and empty: the template of all."""

    dsn: Dsn
    superuser: str

    def dsn_of(self, database: str) -> Dsn:
        return Dsn(
            owner=of_database(self.dsn.owner, database),
            app=of_database(self.dsn.app, database),
            reader=of_database(self.dsn.reader, database),
        )


@dataclass(slots=True)
class Databases:
    """Databases of one server; ``lend`` gives one that nobody else has and is as migrated."""

    server: Server
    _free: list[str] = field(default_factory=list)
    _removed: dict[str, int] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _schema: list[tuple[int, int]] = field(default_factory=list)
    _seeds: dict[str, str] = field(default_factory=dict)
    _numbered: list[tuple[str, int, bool]] = field(default_factory=list)

    async def lend(self) -> str:
        """Give the name of a database."""
        if self._free:
            return self._free.pop()
        if not self._schema:
            await self._look_at_template()
        name = f"test_{next(self._numbers)}"
        await self._run(
            f"CREATE DATABASE {name} TEMPLATE rooms OWNER rooms_owner",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO rooms_app, rooms_reader",
            f"GRANT TEMPORARY ON DATABASE {name} TO rooms_app",
            f"ALTER DATABASE {name} SET {_HASTE}",
        )
        return name

    async def take_back(self, name: str) -> None:
        """Empty a database for the next who asks; drop it where that would not be as new."""
        connection = await asyncpg.connect(of_database(self.server.superuser, name))
        try:
            await connection.execute(_END_SESSIONS)
            is_as_new = await self._schema_of(connection) == self._schema
            if is_as_new:
                await self._empty(connection, name)
        finally:
            await connection.close()
        if is_as_new and self._removed[name] <= MOST_ROWS:
            self._free.append(name)
        else:
            await self._run(f"DROP DATABASE {name} WITH (FORCE)")

    async def _look_at_template(self) -> None:
        connection = await asyncpg.connect(of_database(self.server.superuser, "rooms"))
        try:
            self._schema = await self._schema_of(connection)
            for (name,) in await connection.fetch(_TABLES):
                rows = await connection.fetchval(f"SELECT jsonb_agg(seed) FROM {name} AS seed")
                if rows is not None:
                    self._seeds[name] = rows
            for (name,) in await connection.fetch(_NUMBERS):
                number = await connection.fetch(f"SELECT last_value, is_called FROM {name}")
                self._numbered.append((name, number[0]["last_value"], number[0]["is_called"]))
        finally:
            await connection.close()

    async def _empty(self, connection: Any, name: str) -> None:
        async with connection.transaction():
            await connection.execute(_EMPTY)
            for table, rows in self._seeds.items():
                await connection.execute(
                    f"INSERT INTO {table} OVERRIDING SYSTEM VALUE "
                    f"SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1)",
                    rows,
                )
            await connection.executemany("SELECT setval($1::text, $2, $3)", self._numbered)
            removed = int(await connection.fetchval("SELECT current_setting('tests.removed')"))
        self._removed[name] = self._removed.get(name, 0) + removed

    async def _schema_of(self, connection: Any) -> list[tuple[int, int]]:
        return [(row["rows"], row["newest"]) for row in await connection.fetch(_SCHEMA)]

    async def _run(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.server.superuser)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()
