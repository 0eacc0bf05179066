"""What is done to the database while the crew writes. Each gives when its relief began."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import asyncpg

from rooms.platform.postgres import EmbeddedPostgres
from tests.entrypoints.cut_wire import Wire
from tests.torture.database_crew import DEFINITE, IN_DOUBT, WRITERS, Crew
from tests.torture.running import Server


@dataclass(frozen=True, slots=True)
class Scene:
    """The house's database under its crew; one of the gates reaches it by ``wire``."""

    crew: Crew
    data: Path
    wire: Wire
    dice: Random

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The server, as one who looks on."""
        return EmbeddedPostgres(self.data)

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator[Any]:
        """A session that the house cannot shut out."""
        server = Server(self.postgres.dsn(), self.data, self.postgres)
        session = await asyncpg.connect(server.superuser("rooms"))
        try:
            yield session
        finally:
            await session.close()

    async def felt(self, times: int = 1, *codes: str) -> None:
        """Wait until so many commands more were answered that the database did not do them."""
        codes = codes or (DEFINITE, IN_DOUBT)
        before = self.crew.refused(*codes)
        await self.crew.until(
            lambda: self.crew.refused(*codes) >= before + times, f"{times} times {codes}"
        )


def now() -> float:
    """Seconds on the loop's own clock."""
    return asyncio.get_running_loop().time()


async def stop_at_once(scene: Scene) -> float:
    """The whole server stops without a word to its sessions, as in a crash of the machine."""
    return await _end_server(scene, signal.SIGQUIT)


async def kill_server(scene: Scene) -> float:
    """The server's first process is killed; its sessions see it and end."""
    return await _end_server(scene, signal.SIGKILL)


async def _end_server(scene: Scene, order: signal.Signals) -> float:
    ended, began = scene.postgres.status().pid, now()
    assert ended is not None, "the server runs between two troubles"
    os.kill(ended, order)
    await scene.crew.until(
        lambda: scene.postgres.status().pid not in (None, ended), "a new PostgreSQL"
    )
    return began


async def kill_session(scene: Scene) -> float:
    """One session is killed; PostgreSQL then ends all others and recovers by itself."""
    async with scene.superuser() as session:
        pids = await _sessions(session)
    began = now()
    os.kill(scene.dice.choice(pids), signal.SIGKILL)
    return began


async def end_sessions(scene: Scene) -> float:
    """Some of the house's sessions are ended by an administrator."""
    async with scene.superuser() as session:
        pids = await _sessions(session)
        some = scene.dice.sample(pids, scene.dice.randrange(1, len(pids) + 1))
        await session.execute("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid", some)
        return now()


async def _sessions(session: Any) -> list[int]:
    rows = await session.fetch("SELECT pid FROM pg_stat_activity WHERE usename = 'rooms_app'")
    return [row["pid"] for row in rows]


async def cut_wire(scene: Scene) -> float:
    """The network between one gate and the database is cut, commits under way among it."""
    if scene.dice.random() < 0.5:
        scene.wire.commits_until_cut = scene.dice.randrange(1, 20)
    else:
        scene.wire.cut()
    await scene.felt()
    scene.wire.mend()
    return now()


async def no_connection_left(scene: Scene) -> float:
    """The house may not have a single connection."""
    async with scene.superuser() as session:
        await session.execute("ALTER ROLE rooms_app CONNECTION LIMIT 0")
        try:
            pids = await _sessions(session)
            await session.execute("SELECT pg_terminate_backend(p) FROM unnest($1::int[]) p", pids)
            await scene.felt(WRITERS, DEFINITE)
        finally:
            await session.execute("ALTER ROLE rooms_app CONNECTION LIMIT -1")
    return now()


async def hold_locks(scene: Scene) -> float:
    """Somebody's session holds what every bet needs, and does not let go."""
    what = scene.dice.choice(tuple(HELD))
    async with scene.superuser() as session, session.transaction():
        await session.execute(HELD[what])
        await scene.felt(2, DEFINITE)
    return now()


HELD: Final = {
    "rooms": "SELECT FROM parimutuel.rooms FOR UPDATE",
    "pools": "SELECT FROM ledger.accounts WHERE kind = 'room_pools' FOR UPDATE",
}

Trouble = Callable[[Scene], Awaitable[float]]
TROUBLES: Final[Mapping[str, Trouble]] = {
    "stop": stop_at_once,
    "kill": kill_server,
    "session killed": kill_session,
    "sessions ended": end_sessions,
    "wire cut": cut_wire,
    "no connection": no_connection_left,
    "locks": hold_locks,
}
# Half of all cycles stop the server; a held lock takes as long as the house's patience.
WEIGHTS: Final = {"stop": 6, "kill": 3, "locks": 1}


def drawn(dice: Random, names: tuple[str, ...] = tuple(TROUBLES)) -> str:
    """Draw the next trouble."""
    return dice.choices(names, [WEIGHTS.get(name, 2) for name in names])[0]


async def fill_disk(scene: Scene) -> float:
    """Nothing more can be written, the log of PostgreSQL's own changes included."""
    filler = scene.data / "filler"
    try:
        await asyncio.to_thread(_fill, filler)
        await scene.felt(WRITERS)
        if scene.dice.random() < 0.5:
            await _need_more_wal(scene)
    finally:
        filler.unlink()
    return now()


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 2**12):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


async def _need_more_wal(scene: Scene) -> None:
    """Ask for new files of its log until PostgreSQL gives up."""
    try:
        async with scene.superuser() as session:
            for _ in range(100):
                await session.execute("SELECT pg_logical_emit_message(true, 'full', 'disk')")
                await session.execute("SELECT pg_switch_wal()")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return
    scene.crew.wrong.append("a full disk did not stop PostgreSQL's log")
