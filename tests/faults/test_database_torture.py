"""The database dies, is held up, is full: the house says what is certain, and comes back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.notify import carry_rings
from rooms.platform.postgres import Dsn, EmbeddedPostgres, use_database
from rooms.platform.settings import DatabaseSettings
from rooms.proof.pool import Side
from tests.entrypoints.conftest import Web, client_of, gateway_over, is_problem, sol
from tests.houses import ONE, owner, wire
from tests.platform.postgres_users import another_user
from tests.torture.database import Ordeal, go_through, no_small_disk, small_disk

__all__ = ["owner"]

SEED = 20_261
NO_SMALL_DISK = no_small_disk()
HELD = {
    "the room": "SELECT FROM parimutuel.rooms FOR UPDATE",
    "the balance": "SELECT FROM ledger.accounts WHERE kind = 'player' FOR UPDATE",
    "all accounts": "LOCK TABLE ledger.accounts IN EXCLUSIVE MODE",
}


async def until_another_serves(url: str, data: Path, ended: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                session = await asyncpg.connect(url)
            except (OSError, asyncpg.PostgresError):
                continue
            await session.close()
            if EmbeddedPostgres(data).status().pid not in (None, ended):
                return


async def test_a_server_that_ends_is_started_again_where_its_users_look_for_it(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with use_database(data, DatabaseSettings()) as dsn:
        for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            ended = EmbeddedPostgres(data).status().pid
            assert ended is not None
            os.kill(ended, order)
            await until_another_serves(dsn.app, data, ended)
    assert not EmbeddedPostgres(data).status().running


def test_whoever_comes_first_starts_a_dead_server_on_its_port(tmp_path: Path) -> None:
    ours = EmbeddedPostgres(tmp_path)
    ours.enter()
    before = ours.status()
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    with another_user(tmp_path) as (_, pid):
        assert pid != before.pid
        assert ours.status().port == before.port
        assert not ours.start_again(), "another had started it"
    ours.leave()
    assert not ours.status().running


@pytest.fixture
async def hasty(dsn: Dsn, owner: Database) -> AsyncIterator[Web]:
    """A house that does not wait long for others."""
    patience = timedelta(milliseconds=200)
    database = Database(dsn.app, Doorbell(), size=4, lock_time_out=patience)
    await database.open()
    house = wire(database, owner)
    async with client_of(gateway_over(house, [])) as client:
        yield Web(house, client)
    await database.close()


@pytest.mark.parametrize("held", HELD)
async def test_a_bettor_who_is_held_up_is_told_that_nothing_was_done(
    hasty: Web, owner: Database, held: str
) -> None:
    token, other = await hasty.token(fund=10 * ONE), await hasty.token()
    room = (await hasty.room())["id"]
    assert (await hasty.bet(room, other)).status_code == 201
    async with owner.transaction() as tx:
        await tx.execute(HELD[held])
        answer = await hasty.bet(room, token, "YES", 4 * ONE, key="held up")

    problem = is_problem(answer, 503, "E-BUSY")
    assert "moved nothing" in problem["money"]
    assert "same Idempotency-Key" in problem["next"]
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await hasty.get("/v1/bets", token)).json()["items"] == []

    again = await hasty.bet(room, token, "YES", 4 * ONE, key="held up")

    assert (again.status_code, again.headers.get("Idempotent-Replay")) == (201, None)
    wallet = (await hasty.get("/v1/wallet", token)).json()
    assert wallet["balances"][0]["available"] == sol(6 * ONE)
    await hasty.house.books_are_right()


async def test_a_room_that_somebody_holds_does_not_keep_the_others_from_locking(
    hasty: Web, owner: Database
) -> None:
    house = hasty.house
    host, one, two = [await house.player() for _ in range(3)]
    held, free = [(await house.open_room(host)).id for _ in range(2)]
    for room in (held, free):
        await house.bet(room, one, Side.YES)
        await house.bet(room, two, Side.NO)
        await house.let_pass(room, until="locks_at")

    async with owner.transaction() as tx:
        await tx.execute("SELECT FROM parimutuel.rooms WHERE id = $1 FOR UPDATE", held)
        await house.clock.tick()
        assert [await house.status(room) for room in (held, free)] == ["OPEN", "LOCKED"]
    await house.clock.tick()

    assert await house.status(held) == "LOCKED"


@pytest.fixture
async def far(dsn: Dsn, database: Database) -> AsyncIterator[Database]:
    """Another process's connections; both processes carry their rings."""
    opened = Database(dsn.app, Doorbell(), size=2)
    await opened.open()
    carriers = [asyncio.create_task(carry_rings(each)) for each in (database, opened)]
    yield opened
    for carrier in carriers:
        carrier.cancel()
    await asyncio.wait(carriers)
    await opened.close()


async def test_the_doorbell_is_heard_again_after_its_connections_were_ended(
    database: Database, far: Database
) -> None:
    ear = far.doorbell.listen()

    async def ring_until_heard() -> None:
        async with asyncio.timeout(60):
            while not ear._event.is_set():
                database.doorbell.ring({"LampLit"})
                async with database.transaction() as tx:
                    await tx.value("SELECT 1")
        ear._event.clear()

    await ring_until_heard()
    async with database.transaction() as tx:
        await tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await ring_until_heard()


async def test_a_house_whose_database_is_stopped_and_cut_off_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    ordeal = Ordeal()
    troubles = ["stop", "wire cut", "kill", "sessions ended", "no connection"]

    await go_through(ordeal, tmp_path / "data", troubles, SEED)

    assert ordeal.wrong == [], f"seed {SEED}"
    assert [cycle.trouble for cycle in ordeal.cycles] == troubles


@pytest.mark.skipif(NO_SMALL_DISK is not None, reason=f"no small disk: {NO_SMALL_DISK}")
async def test_a_house_on_a_full_disk_loses_and_doubles_nothing() -> None:
    ordeal = Ordeal()
    with small_disk() as disk:
        await go_through(ordeal, disk / "data", ["full disk"], SEED)

    assert ordeal.wrong == [], f"seed {SEED}"
    assert ordeal.answers["E-BUSY"] > 0
