"""Metrics over HTTP: what they count, and that the dashboard asks for nothing else."""

import re
import socket
from pathlib import Path

import aiohttp
import pytest

from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.exposition import Exposition
from rooms.platform.metrics import REGISTRY
from rooms.platform.postgres import Dsn
from rooms.platform.settings import load
from rooms.processes.compose import open_house
from rooms.processes.telemetry import watched
from rooms.proof.pool import Side
from tests.entrypoints.conftest import Web, client_of, gateway_over
from tests.entrypoints.cut_wire import wire_to
from tests.entrypoints.dashboards import alarms, asked, exported, expressions, runbook
from tests.houses import ONE, House
from tests.watched_house import open_watched

BETS = "/v1/rooms/{room}/bets"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def test_the_dashboard_and_the_alarms_ask_for_what_a_house_exports_and_for_all_of_it(
    dsn: Dsn, tmp_path: Path
) -> None:
    async with open_watched(dsn.app, tmp_path) as seen:
        await seen.live_a_little()
        text = await seen.text()
    found = exported(text)
    assert [wrong for each in expressions() for wrong in found.missing(each)] == []

    shown = {name for each in expressions() for name, _ in asked(each)}
    ours = {name: each for name, each in found.families.items() if name.startswith("rooms_")}
    explained, alarmed = runbook()
    assert [name for name, samples in ours.items() if not samples & shown] == []
    assert explained <= found.samples.keys() | found.families.keys()
    assert [name for name, samples in ours.items() if not {name, *samples} & explained] == []
    assert alarmed == alarms().keys()
    assert "NaN" not in text


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("rate(room_bets_total[5m])", "there is no room_bets_total"),
        ("sum by (side) (rooms_bets_total)", "nothing has the label side"),
        ('rooms_rooms{status="SHUT"} > 1', "rooms_rooms has no status SHUT"),
        ("max(rooms_bets_total) and on () rooms_none", "there is no rooms_none"),
    ],
)
def test_an_expression_that_asks_for_what_is_not_there_is_found(
    expression: str, wrong: str
) -> None:
    found = exported('rooms_bets_total 1\nrooms_rooms{status="OPEN"} 2\n')
    assert wrong in found.missing(expression)


async def test_bets_are_counted_once_they_are_committed_and_never_twice(web: Web) -> None:
    token, room = await web.token(), (await web.room())["id"]
    bets, staked = value("rooms_bets_total"), value("rooms_staked_lamports_total")
    assert (await web.bet(room, token, stake=2 * ONE, key="one")).status_code == 201
    assert (await web.bet(room, token, stake=2 * ONE, key="one")).status_code == 201  # a replay
    assert (await web.bet(room, token, stake=2 * ONE, key="two")).status_code == 409
    assert value("rooms_bets_total") == bets + 1
    assert value("rooms_staked_lamports_total") == staked + 2 * ONE


async def test_answers_are_counted_by_the_pattern_of_their_path_and_problems_by_code(
    web: Web,
) -> None:
    def counted() -> list[float]:
        name = "rooms_http_requests_total"
        return [
            value(name, method="POST", route=BETS, status="401"),
            value(name, method="GET", route="none", status="404"),
            value(name, method="other", route="none", status="405"),
            value("rooms_http_request_seconds_count", route=BETS),
            value("rooms_refusals_total", code="E-AUTH"),
            value("rooms_refusals_total", code="E-ROUTE"),
        ]

    before = counted()
    await web.bet("1", "nobody")
    for number in range(5):
        await web.get(f"/made/up/{number}")
    await web.client.request("BREW", "/v1/rooms")
    more = [after - earlier for earlier, after in zip(before, counted(), strict=True)]
    assert more == [1, 5, more[2], 1, 1, 5]
    assert "/made/up" not in (await web.get("/metrics")).text
    assert "BREW" not in (await web.get("/metrics")).text


async def test_every_answer_names_its_request(web: Web) -> None:
    ids = [(await web.get(path)).headers["X-Request-Id"] for path in ("/livez", "/livez", "/no")]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{8}-\d+", each) for each in ids)


async def test_a_settlement_is_counted_by_its_outcome_its_size_and_its_money(house: House) -> None:
    host, ada, bob = await house.player(), await house.player(), await house.player()

    def counted() -> list[float]:
        return [
            value("rooms_settlement_seconds_count", outcome="NO"),
            value("rooms_settlement_bets_sum", outcome="NO"),
            value("rooms_settled_lamports_total", part="handle"),
            value("rooms_settled_lamports_total", part="takeout"),
            value("rooms_settlement_bets_count", outcome="VOID"),
        ]

    before = counted()
    won = (await house.open_room(host, resolve="at_close")).id
    await house.bet(won, ada, Side.YES, 3 * ONE)
    await house.bet(won, bob, Side.NO, ONE)
    await house.settle(won, Side.NO)
    lonely = (await house.open_room(host)).id
    await house.bet(lonely, ada, Side.YES, 3 * ONE)
    await house.let_pass(lonely, until="locks_at")
    await house.clock.tick()
    more = [after - earlier for earlier, after in zip(before, counted(), strict=True)]
    assert more == [1, 2, 4 * ONE, 4 * ONE * 3 // 100, 1]


async def test_metrics_need_no_token_and_have_no_limit(web: Web) -> None:
    async with client_of(gateway_over(web.house, [], rate_per_ip=1)) as client:
        answers = [await client.get("/metrics") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    # However often somebody asks, the text is made once a second at most.
    assert len({answer.content for answer in answers}) < 20


async def test_without_a_database_the_rest_is_shown_and_nothing_stale(dsn: Dsn) -> None:
    async with wire_to(dsn.app) as line:
        database = Database(line.url, Doorbell(), size=2)
        await database.open()
        line.cut()
        text = (await Exposition(database, ()).text()).decode()
        line.mend()
        mended = (await Exposition(database, ()).text()).decode()
        await database.close()
    assert "rooms_database_up 0.0" in text
    assert 'rooms_rooms{status="OPEN"}' not in text
    assert "rooms_bets_total" in text
    assert "rooms_database_up 1.0" in mended


async def test_a_process_without_a_gateway_serves_its_metrics_on_loopback(
    dsn: Dsn, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = load(tmp_path, {"telemetry": {"metrics_port": port}})
    async with (
        open_house(settings, dsn.app) as house,
        watched(house),
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/metrics") as answer,
        http.get(f"http://127.0.0.1:{port}/v1/rooms") as other,
    ):
        assert answer.status == 200
        assert 'rooms_rooms{status="OPEN"} 0.0' in await answer.text()
        assert other.status == 404
