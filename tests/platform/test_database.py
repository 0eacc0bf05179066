import asyncio
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms.kernel.event import Fact
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Unavailable, array
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from tests.entrypoints.cut_wire import End, wire_to


@dataclass(frozen=True, slots=True, kw_only=True)
class LampLit(Fact):
    number: int


async def hosts(database: Database) -> list[int]:
    async with database.transaction() as tx:
        rows = await tx.fetch("SELECT player_id FROM parimutuel.hosts ORDER BY 1")
    return [row["player_id"] for row in rows]


async def test_the_house_is_the_application_and_lives_in_utc(database: Database) -> None:
    async with database.transaction() as tx:
        row = await tx.row("SELECT current_user AS role, current_setting('timezone') AS zone")
    assert row is not None
    assert dict(row) == {"role": "rooms_app", "zone": "UTC"}


async def test_a_refusal_rolls_everything_back(database: Database) -> None:
    with suppress(Refusal):
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO parimutuel.hosts VALUES (1)")
            raise Refusal("E-ANY")
    async with database.transaction() as tx:
        assert await tx.execute("INSERT INTO parimutuel.hosts VALUES (2), (3)") == 2

    assert await hosts(database) == [2, 3]


async def test_a_snapshot_sees_one_moment_and_writes_nothing(database: Database) -> None:
    async with database.snapshot() as view:
        assert await view.value("SELECT count(*) FROM parimutuel.hosts") == 0
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO parimutuel.hosts VALUES (1)")
        assert await view.value("SELECT count(*) FROM parimutuel.hosts") == 0
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with database.snapshot() as view:
            await view.execute("INSERT INTO parimutuel.hosts VALUES (2)")


@pytest.mark.parametrize(
    "value",
    [{"a": [1, None, True, "ü"], "big": 2**62}, [], "text", 7, {"price": "1.50"}],
)
async def test_json_comes_back_as_it_went(database: Database, value: Any) -> None:
    async with database.transaction() as tx:
        assert await tx.value("SELECT $1::jsonb", value) == value


async def test_numbers_of_any_size_stay_exact(database: Database) -> None:
    large = Decimal("123456789012345678901234567890.000000000000000001")
    async with database.transaction() as tx:
        assert await tx.value("SELECT $1::numeric", large) == large


async def test_rows_are_streamed_in_order(database: Database) -> None:
    async with database.snapshot() as tx:
        rows = tx.cursor("SELECT n FROM generate_series(1, $1::int) AS n", 2500, prefetch=100)
        assert [row["n"] async for row in rows] == list(range(1, 2501))


async def test_the_doorbell_rings_after_the_commit_of_facts_and_only_then(
    database: Database,
) -> None:
    ear = database.doorbell.listen({"LampLit"})
    rung = ear._event

    async with database.transaction() as tx:
        await tx.publish(LampLit(number=1))
        assert not rung.is_set()
    assert rung.is_set()

    rung.clear()
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO parimutuel.hosts VALUES (1)")
    with suppress(Refusal):
        async with database.transaction() as tx:
            await tx.publish(LampLit(number=2))
            raise Refusal("E-ANY")
    assert not rung.is_set()


async def test_an_absent_server_is_told_from_a_value_that_cannot_be_sent(
    database: Database, unused_tcp_port: int
) -> None:
    nowhere = Database(f"postgresql://rooms_app@127.0.0.1:{unused_tcp_port}/rooms", Doorbell())
    with pytest.raises(Unavailable):
        await nowhere.open()
    async with database.transaction() as tx:
        with pytest.raises(asyncpg.DataError) as wrong:
            await tx.value("SELECT $1::int", 2**40)

    assert not isinstance(wrong.value, Unavailable)


async def test_a_connection_that_the_server_ended_is_an_absent_server_and_is_replaced(
    database: Database,
) -> None:
    with pytest.raises(Unavailable):
        async with database.transaction() as tx:
            await tx.value("SELECT pg_terminate_backend(pg_backend_pid())")

    assert await hosts(database) == []


async def test_a_connection_that_is_out_of_step_with_its_server_is_replaced(
    database: Database,
) -> None:
    seen = []

    async def fall_out_of_step() -> None:
        async with database.connection() as connection:
            seen.append(connection.get_server_pid())
            raise asyncpg.InternalClientError("cannot switch to state 12")

    with pytest.raises(Unavailable):
        await fall_out_of_step()

    async with database.connection() as connection:
        assert connection.get_server_pid() not in seen
    assert database.connections()["used"] == 0


async def test_a_servers_last_words_in_the_middle_of_a_transaction_are_an_absent_server(
    dsn: Dsn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They come a moment before the end of the connection itself; here the end never comes.
    monkeypatch.setattr(End, "connection_lost", lambda *_: None)
    async with wire_to(dsn.app) as wire:
        far = Database(wire.url, Doorbell(), size=1)
        await far.open()

        async def refuse_meanwhile() -> None:
            async with far.transaction() as tx:
                pid = await tx.value("SELECT pg_backend_pid()")
                async with database.transaction() as near:
                    await near.execute("SELECT pg_terminate_backend($1, 10000)", pid)
                raise Refusal("E-ANY")

        with pytest.raises(Unavailable):
            await refuse_meanwhile()
        wire.cut()
        await far.close()


@given(st.lists(st.none() | st.text(st.characters(codec="ascii", categories=["L", "P", "S", "N"]))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
async def test_an_array_as_text_is_the_array(database: Database, values: list[str | None]) -> None:
    async with database.transaction() as tx:
        assert await tx.value("SELECT $1::text::text[]", array(values)) == values


async def test_arrays_of_numbers_and_of_awkward_texts_are_read_as_they_are(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        numbers = [1, -(2**63), 2**63 - 1, None]
        assert await tx.value("SELECT $1::text::bigint[]", array(numbers)) == numbers
        assert await tx.value("SELECT $1::text::boolean[]", array([True, False])) == [True, False]
        texts = ["", " a b ", "NULL", "null", '"', "\\", "\\n", "\\\\u0000", "{}", ",", "'", "ä€"]
        assert await tx.value("SELECT $1::text::text[]", array(texts)) == texts


@pytest.mark.parametrize("text", ["\n", "a\tb", "\x00", "\x1f", "\\\n", "\x7f", "\u200b"])
def test_an_array_has_no_invisible_characters(text: str) -> None:
    with pytest.raises(ValueError, match="visible"):
        array([text])


async def test_who_is_ended_in_the_middle_of_a_transaction_leaves_none_behind(dsn: Dsn) -> None:
    """Not even one that the driver would end, telling the loop of it as of a mistake."""
    alone = Database(dsn.app, Doorbell(), size=1)
    await alone.open()
    mistakes: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: mistakes.append(told))
    begun = asyncio.Event()

    async def look() -> None:
        async with alone.connection() as connection:
            await connection.execute("BEGIN; INSERT INTO parimutuel.hosts VALUES (1)")
            begun.set()
            await connection.fetchval("SELECT pg_sleep(60)")

    task = asyncio.create_task(look())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await hosts(alone) == []
    assert alone.connections() == {"used": 0, "idle": 1, "limit": 1}
    await alone.close()
    assert mistakes == []


async def test_who_is_ended_again_and_again_leaves_no_transaction_behind(
    dsn: Dsn, caplog: pytest.LogCaptureFixture
) -> None:
    """As a web server's group of tasks ends them: at each of their steps until they are over."""
    one = Database(dsn.app, Doorbell(), size=1)
    await one.open()
    try:
        for steps in range(4):
            inside = asyncio.Event()
            task = asyncio.create_task(_sleep_inside(one, inside))
            await inside.wait()
            for _ in range(steps):
                await asyncio.sleep(0)
            while not task.done():
                task.cancel()
                await asyncio.sleep(0)
            assert await _value(one, "SELECT pg_current_xact_id_if_assigned()") is None
    finally:
        await one.close()
    assert caplog.records == []


async def _sleep_inside(database: Database, inside: asyncio.Event) -> None:
    async with database.transaction() as tx:
        await tx.execute("SELECT pg_current_xact_id()")
        inside.set()
        await tx.execute("SELECT pg_sleep(60)")


async def _value(database: Database, sql: str) -> Any:
    async with database.statement() as tx:
        return await tx.value(sql)
