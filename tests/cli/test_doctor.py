"""`rooms doctor`: each finding with its next step, and code 3 where something is wrong."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from rooms.cli.findings import held
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.filelock import hold_up_lock
from rooms.platform.postgres import EmbeddedPostgres
from rooms.processes.up import Addresses
from rooms.sandbox.server import start_sandbox
from tests.cli.conftest import Rooms
from tests.commands import run_rooms
from tests.contexts.fairness.scene import scene_over, wanted

WRONG_KEY = {"ROOMS__FAIRNESS__MASTER_KEY": "00" * 32}
COINS = ("binance", "coinbase", "kraken", "coindesk", "pyth")


async def examine(data: Path, sandbox: str) -> tuple[int | None, dict[str, dict[str, Any]]]:
    """Run the doctor beside a house whose sandbox answers, and give its findings by name."""
    port = sandbox.rpartition(":")[2]
    words = ["doctor", "--json", "--data", str(data), "--sandbox-port", port]
    doctor = await asyncio.to_thread(run_rooms, *words)
    findings = {finding["name"]: finding for finding in json.loads(doctor.stdout)["findings"]}
    return doctor.returncode, findings


async def break_sources(sandbox: str, asset: str, *sources: str) -> None:
    async with aiohttp.ClientSession() as control:
        for source in sources:
            fault = {"source": source, "fault": "http500"}
            async with control.put(f"{sandbox}/feeds/{asset}", json=fault) as answer:
                assert answer.ok


async def test_beside_a_running_house_the_sandboxs_feeds_are_asked(tmp_path: Path) -> None:
    sandbox = await start_sandbox("127.0.0.1", 0, tmp_path / "s", seed=1, clock=SystemClock())
    try:
        with hold_up_lock(tmp_path / "data"):
            code, findings = await examine(tmp_path / "data", sandbox.url)
            assert code == 0
            assert {name: finding["status"] for name, finding in findings.items()} == {
                "database": "warning",  # this house has none yet
                "disk": "ok",
                "port 8600": "ok",
                f"port {sandbox.url.rpartition(':')[2]}": "ok",
                **{f"feed {name}": "ok" for name in COINS},
                **{
                    f"feed {name}": "ok"
                    for name in ("coingecko", "dexscreener", "coingecko_onchain")
                },
                "quorum coin": "ok",
                "quorum token": "ok",
            }
            await break_sources(sandbox.url, "SOL", *COINS[:3])
            code, findings = await examine(tmp_path / "data", sandbox.url)
    finally:
        await sandbox.close()
    assert code == 3
    assert findings["feed binance"]["status"] == "warning"
    assert findings["feed binance"]["next"]
    assert findings["quorum coin"]["status"] == "problem"
    assert findings["quorum coin"]["detail"] == "2 of 5 origins answered, 3 must agree"


def test_a_running_house_has_the_ports_that_it_was_started_with() -> None:
    base = "http://127.0.0.1:9123"
    at = Addresses(
        page=base,
        keno=f"{base}/keno",
        verify=f"{base}/verify",
        api=f"{base}/v1",
        api_docs=f"{base}/api/docs",
        sandbox="http://127.0.0.1:9124/feeds",
        data="here",
        robots=0,
    )
    assert [(each.name, each.status, each.detail) for each in held(at, "77")] == [
        ("port 9123", "ok", "held by the house, process 77"),
        ("port 9124", "ok", "held by the house, process 77"),
    ]


def nowhere(*names: str) -> dict[str, str]:
    """Set sources to an address of this machine where nothing answers."""
    prefix = "ROOMS__ORACLE__SOURCES__"
    return {f"{prefix}{name.upper()}__URL": "http://127.0.0.1:9" for name in names}


UNHEARD = nowhere(*COINS, "coingecko", "dexscreener", "coingecko_onchain")


def test_sources_that_cannot_reach_quorum_are_a_problem_whoever_answers(rooms: Rooms) -> None:
    shut = {f"ROOMS__ORACLE__SOURCES__{name}__URL": "" for name in ("BINANCE", "KRAKEN", "PYTH")}
    same = {
        "ROOMS__ORACLE__SOURCES__CRYPTOCOMPARE__URL": "http://127.0.0.1:9",  # CoinDesk's old door
    }
    ended = rooms("doctor", "--json", **(UNHEARD | shut | same))
    assert ended.returncode == 3
    findings = {finding["name"]: finding for finding in json.loads(ended.stdout)["findings"]}
    assert findings["quorum coin"]["detail"].startswith("2 origins are set up, 3 must agree")
    assert "oracle.sources" in findings["quorum coin"]["next"]
    assert "feed binance" not in findings


async def test_the_database_its_clock_and_its_books_are_looked_at(
    rooms: Rooms, tmp_path: Path
) -> None:
    rooms("db", "migrate")
    with EmbeddedPostgres(tmp_path / ".rooms") as dsn:
        ended = rooms("doctor", "--json", **UNHEARD)
        findings = {finding["name"]: finding for finding in json.loads(ended.stdout)["findings"]}
        assert [findings[name]["status"] for name in ("database", "clock", "books")] == ["ok"] * 3

        owner = await asyncpg.connect(dsn.owner)
        await owner.execute("INSERT INTO ledger.alarms (what) VALUES ('journal 7 sums to 5')")
        await owner.close()
        await begin_chain(dsn.app)
        ended = rooms("doctor", "--json", **(UNHEARD | WRONG_KEY))

    findings = {finding["name"]: finding for finding in json.loads(ended.stdout)["findings"]}
    assert ended.returncode == 3
    assert findings["books"]["status"] == "problem"
    assert findings["books"]["detail"].endswith("journal 7 sums to 5")
    assert "rooms ledger check" in findings["books"]["next"]
    assert findings["master key"]["status"] == "problem"
    assert findings["master key"]["detail"].startswith("it is not the one of chain 1 of keno-main")


async def begin_chain(database_url: str) -> None:
    """Begin a chain of seeds by a key of its own."""
    database = Database(database_url, Doorbell(), size=2)
    await database.open()
    async with database.transaction() as tx:
        await scene_over(database).seeds.open_chain(tx, wanted())
    await database.close()


def test_a_database_that_does_not_answer_is_a_finding(rooms: Rooms) -> None:
    address = {"ROOMS__DATABASE__URL": "postgresql://me:hush@127.0.0.1:9/rooms"}
    ended = rooms("doctor", "--json", **(UNHEARD | address))
    findings = {finding["name"]: finding for finding in json.loads(ended.stdout)["findings"]}
    assert findings["database"]["status"] == "problem"
    assert findings["database"]["next"]
    assert "hush" not in ended.stdout + ended.stderr


def test_a_port_in_use_is_named_with_the_way_out(rooms: Rooms) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = rooms("doctor", "--port", str(port), **UNHEARD)
    assert ended.returncode == 3
    assert f"127.0.0.1:{port} cannot be used" in ended.stdout
    assert "Next: end what uses it, or: rooms up --port PORT" in ended.stdout
