"""The log: one JSON object a line, which says to what it belongs and never a secret."""

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog

from rooms.platform.database import Database, Unavailable
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from rooms.platform.telemetry import Noted
from tests.log_files import Log, logging_to

TOKEN = "hJ0-x2lYvQ_7nqk1cN3sB8mD4fG5tR6wE9uA0zK-pL1"
PASSWORD = "correct-horse-battery"
MINT = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"

log = structlog.get_logger()


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Log]:
    with logging_to(tmp_path / "log") as file:
        yield file


@pytest.mark.parametrize(
    "said",
    [
        f"cannot reach postgresql://rooms_app:{PASSWORD}@127.0.0.1:5432/rooms",
        f"host=127.0.0.1 password={PASSWORD} dbname=rooms",
        f'{{"password": "{PASSWORD}"}}',
        f"GET /simple/price?x_cg_demo_api_key={PASSWORD}&ids=solana",
        f"Authorization: Bearer {PASSWORD}",
        f"Authorization: Basic {PASSWORD}=",
        f"no player bears {TOKEN}.",
        f'Key (scope, key)=(7 POST /v1/rooms, my "{PASSWORD}" key) already exists.',
        f"Failing row contains (1, 2, YES, (x), {PASSWORD}).",
        f"invalid input for query argument $2: '{PASSWORD}' (expected int)",
    ],
)
def test_what_has_the_shape_of_a_secret_is_hidden(written: Log, said: str) -> None:
    log.warning(said)
    log.warning("said", why=said, all=[said], error=ValueError(said))
    try:
        raise ValueError(said)
    except ValueError:
        log.exception("it failed")
    assert len(written.lines()) == 3
    assert PASSWORD not in written.text()
    assert TOKEN not in written.text()
    assert "test_what_has_the_shape" in written.lines()[2]["exception"]


@pytest.mark.parametrize("name", ["token", "access_token", "key", "api_key", "password", "dsn"])
def test_what_is_named_a_secret_is_hidden(written: Log, name: str) -> None:
    log.info("noted", **{name: "swordfish"})
    assert written.lines()[0][name] == "[hidden]"


def test_what_an_operator_needs_is_not_hidden(written: Log) -> None:
    log.info("a source failed", asset=MINT, room=7, source="pyth", path="/v1/rooms/7/bets", ok=True)
    line = written.lines()[0]
    assert (line["asset"], line["room"], line["source"]) == (MINT, 7, "pyth")
    assert (line["path"], line["ok"]) == ("/v1/rooms/7/bets", True)


async def test_a_refused_row_is_logged_without_the_key_that_it_holds(
    written: Log, database: Database
) -> None:
    for _ in range(2):
        try:
            async with database.transaction() as tx:
                await tx.execute(
                    "INSERT INTO platform.commands (scope, key, body) VALUES ($1, $2, $3)",
                    "7 POST /v1/rooms",
                    PASSWORD,
                    b"body",
                )
        except asyncpg.UniqueViolationError:
            log.exception("a command was stored twice")
    assert "commands_pkey" in written.text()
    assert PASSWORD not in written.text()


async def test_a_database_that_refuses_is_logged_without_the_password(
    written: Log, dsn: Dsn
) -> None:
    for url in (
        dsn.app.replace(dsn.app.split(":")[2].split("@")[0], PASSWORD),
        f"postgresql://rooms_app:{PASSWORD}@127.0.0.1:1/rooms",
        f"postgres//rooms_app:{PASSWORD}@127.0.0.1/rooms",
    ):
        database = Database(url, Doorbell())
        try:
            await database.open()
        except (*Unavailable, asyncpg.PostgresError, ValueError):
            log.exception("no database", database=database)
    assert len(written.lines()) == 3
    assert PASSWORD not in written.text()


async def test_a_line_says_to_which_request_and_command_it_belongs(written: Log) -> None:
    async def later() -> None:
        await over.wait()
        log.info("after the request")

    over = asyncio.Event()
    with Noted([(b"idempotency-key", b"my key"), (b"authorization", b"Bearer abc")]) as note:
        log.info("during the request")
        outliving = asyncio.create_task(later())
        await asyncio.sleep(0)
    over.set()
    await outliving
    during, after = written.lines()
    assert during["request"] == note.id
    assert during["command"] == hashlib.sha256(b"my key").hexdigest()[:16]
    assert "request" not in after
    assert "abc" not in written.text()
    assert "my key" not in written.text()


@pytest.mark.parametrize(("level", "lines"), [("debug", 3), ("info", 2), ("error", 0)])
def test_the_level_decides_what_is_written(tmp_path: Path, level: str, lines: int) -> None:
    with logging_to(tmp_path / "log", level) as file:  # type: ignore[arg-type]
        log.debug("a detail")
        log.info("news")
        logging.getLogger("aiohttp").warning("a library's news")
    assert len(file.lines()) == lines
