"""Brings the database to the version this code needs. Alembic is loaded only when it must act."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

from rooms.platform.database import Tx
from rooms.platform.problem import ExitCode, Problem

Result = TypeVar("Result")

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
ROLES: Final = ("rooms_owner", "rooms_app", "rooms_reader")
# Two processes that start at once migrate one after the other.
ONE_AT_A_TIME: Final = 0x524F4F4D53


class MigrationProblem(Problem):
    """The database cannot be brought to this version; exit code 5."""

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message, exit_code=ExitCode.DEPENDENCY_DOWN, next_step=next_step)


@dataclass(frozen=True, slots=True)
class Status:
    """Where a database stands: ``current`` is None where nothing was ever migrated."""

    current: str | None
    head: str
    pending: list[str]


def names() -> list[str]:
    """All migrations in order, as ``0001_platform``."""
    return sorted(path.stem for path in (MIGRATIONS / "versions").glob("0*.py"))


def status(url: str) -> Status:
    """Say which version the database has and what is pending."""
    return asyncio.run(_with_connection(url, read_status))


def require_current(url: str) -> None:
    """Refuse a database that is not of this version. MigrationProblem."""
    pending = status(url).pending
    if pending:
        raise MigrationProblem(
            f"The database misses {len(pending)} migrations", next_step="rooms db migrate"
        )


def migrate(owner_url: str) -> list[str]:
    """Apply what is pending in one transaction; give the names applied.

    Raises MigrationProblem where the data is newer than this code or a role is missing and may
    not be made by the user of ``owner_url``.
    """
    return asyncio.run(_with_connection(owner_url, apply_pending))


async def _with_connection(url: str, act: Callable[[Any], Awaitable[Result]]) -> Result:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await act(connection)
    finally:
        await connection.close()


async def read_status(connection: Any) -> Status:
    """Read the stored version and compare it with the migrations that came with this code."""
    known = names()
    stored = None
    if await connection.fetchval("SELECT to_regclass('platform.migrations')"):
        stored = await connection.fetchval("SELECT version_num FROM platform.migrations")
    if stored is not None and stored not in {name[:4] for name in known}:
        raise MigrationProblem(
            f"The database has version {stored}, this code knows only up to {known[-1][:4]}: "
            "it was used by a newer release",
            next_step="use the release that made the data, or another folder: --data DIR",
        )
    pending = [name for name in known if stored is None or name[:4] > stored]
    return Status(stored, known[-1][:4], pending)


async def is_current(tx: Tx) -> bool:
    """Say whether the database has the version of this code."""
    return bool(await tx.value("SELECT version_num FROM platform.migrations") == names()[-1][:4])


async def apply_pending(connection: Any) -> list[str]:
    """Apply what is pending on a connection that may act as rooms_owner."""
    if not (await read_status(connection)).pending:
        return []
    await _make_roles(connection)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", ONE_AT_A_TIME)
        state = await read_status(connection)
        if state.pending:
            await connection.execute("SET LOCAL ROLE rooms_owner")
            await connection.execute("CREATE SCHEMA IF NOT EXISTS platform")
            await connection.execute(_script(state.current))
    return state.pending


async def _make_roles(connection: Any) -> None:
    """On a server that is not our own embedded one, the three roles may still be missing."""
    for role in ROLES:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
            await _attempt(connection, f"CREATE ROLE {role} NOLOGIN", role)
    if await connection.fetchval("SELECT current_user") not in ROLES:
        await _attempt(connection, f"GRANT {', '.join(ROLES)} TO CURRENT_USER", "the three roles")
        database = await connection.fetchval("SELECT quote_ident(current_database())")
        for right, role in (
            ("CREATE, TEMPORARY", "rooms_owner"),
            ("CONNECT, TEMPORARY", "rooms_app"),
            ("CONNECT", "rooms_reader"),
        ):
            await _attempt(connection, f"GRANT {right} ON DATABASE {database} TO {role}", database)


async def _attempt(connection: Any, statement: str, subject: str) -> None:
    try:
        await connection.execute(statement)
    except asyncpg.DuplicateObjectError:
        return
    except asyncpg.InsufficientPrivilegeError as problem:
        raise MigrationProblem(
            f"This database user may not run `{statement}`, which {subject} needs",
            next_step="let an administrator of the server run it once, then rooms db migrate",
        ) from problem


def _script(current: str | None) -> str:
    from alembic import command  # noqa: PLC0415 - a second that an ordinary start saves
    from alembic.config import Config  # noqa: PLC0415

    written = io.StringIO()
    config = Config(output_buffer=written)
    config.set_main_option("script_location", str(MIGRATIONS))
    command.upgrade(config, f"{current}:head" if current else "head", sql=True)
    lines = written.getvalue().splitlines()
    return "\n".join(line for line in lines if line.strip() not in {"BEGIN;", "COMMIT;"})
