"""The PostgreSQL that is measured: a throwaway one of our own, or one whose address was given."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from benchmarks.processes import end_with_parent
from rooms.platform.migrate import apply_pending
from rooms.platform.postgres import EmbeddedPostgres
from rooms.platform.postgres.cluster import SUPERUSER, Cluster
from rooms.platform.postgres.programs import clean_environment, program

REFERENCE: Final = "reference"
# On a server that was given, nobody else's database has such a name.
PREFIX: Final = "rooms_bench_"
CLIENTS: Final = 8
_STOP_SECONDS: Final = 30.0


@dataclass(slots=True)
class Server:
    """A server, by the address of a user who may make databases and roles.

    ``embedded`` is the server of our own, which alone may be stopped.
    """

    admin: str
    embedded: EmbeddedPostgres | None = None
    data: Path | None = None
    _made: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int | None:
        """Its process, where it runs on this machine as ours."""
        return None if self.embedded is None else self.embedded.status().pid

    def url(self, database: str) -> str:
        """Give the address of a database. Who connects takes the role that it needs."""
        return urlunsplit(urlsplit(self.admin)._replace(path=f"/{PREFIX}{database}"))

    async def make_database(self, name: str, *, migrated: bool = True) -> str:
        """Make a database for one question and give its address."""
        full = PREFIX + name
        await self._as_admin(f"DROP DATABASE IF EXISTS {full}", f"CREATE DATABASE {full}")
        self._made.append(name)
        if migrated:
            connection = await asyncpg.connect(self.url(name))
            await apply_pending(connection)
            await connection.close()
        return self.url(name)

    async def drop_databases(self) -> None:
        """Leave a server that was given as it was found."""
        for name in self._made:
            await self._as_admin(f"DROP DATABASE IF EXISTS {PREFIX}{name} WITH (FORCE)")

    async def _as_admin(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.admin)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    def stop_immediately(self) -> None:
        """Let the server drop everything where it is, as a crash would, and wait for its end."""
        assert self.embedded is not None, "only a server of our own may be stopped"
        pid = self.pid
        assert pid is not None, "it runs"
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + _STOP_SECONDS
        while self.embedded.status().running:
            assert time.monotonic() < deadline, "PostgreSQL did not stop"
            time.sleep(0.01)

    def start_again(self) -> None:
        """Start our own server where it was stopped; it recovers, and its port may change."""
        if self.embedded is not None:
            self.embedded.leave()
            self.embedded.enter()
            self.admin = _admin(self.embedded, self.data)

    async def make_reference(self, scale: int) -> None:
        """Fill pgbench's tables, once: 100,000 accounts per unit of scale."""
        if REFERENCE in self._made:
            return
        await self.make_database(REFERENCE, migrated=False)
        await self._pgbench("--initialize", "--quiet", f"--scale={scale}")

    async def reference(self, seconds: float) -> float:
        """Give Ref8, transactions per second of pgbench tpcb-like with eight clients."""
        length = f"--time={round(seconds)}" if seconds >= 1 else "--transactions=5"
        said = await self._pgbench(
            *("--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=2", length)
        )
        return float(said.partition("tps = ")[2].split()[0])

    async def _pgbench(self, *arguments: str) -> str:
        at = urlsplit(self.admin)
        named = {
            "PGHOST": at.hostname,
            "PGPORT": str(at.port or 5432),
            "PGUSER": unquote(at.username or ""),
            "PGPASSWORD": unquote(at.password or ""),
            "PGDATABASE": PREFIX + REFERENCE,
        }
        running = await asyncio.create_subprocess_exec(
            *(str(program("pgbench")), *arguments),
            env=clean_environment() | {name: value for name, value in named.items() if value},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=end_with_parent,
        )
        said, complained = await running.communicate()
        assert running.returncode == 0, complained.decode(errors="replace")
        return said.decode()


@contextmanager
def throwaway_server(folder: Path) -> Iterator[Server]:
    """Run a new server in the folder while inside."""
    embedded = EmbeddedPostgres(folder)
    embedded.enter()
    try:
        yield Server(_admin(embedded, folder), embedded, folder)
    finally:
        embedded.leave()


def _admin(embedded: EmbeddedPostgres, data: Path | None) -> str:
    assert data is not None, "a server of our own has its folder"
    port, password = embedded.status().port, Cluster(data.resolve()).passwords()[SUPERUSER]
    return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"
