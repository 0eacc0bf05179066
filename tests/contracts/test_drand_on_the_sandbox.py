"""The adapter of drand against the sandbox's mirrors: real signatures over a real socket."""

from typing import Any

import aiohttp
import pytest

from rooms.contexts.fairness.adapters.drand import DrandMirrors
from rooms.kernel.result import Err, Ok
from rooms.kernel.time import from_millis
from rooms.platform.http import HttpClient
from rooms.platform.metrics import DRAND_ANSWERS
from rooms.proof.beacon import QUICKNET, SANDBOX, SANDBOX_MIRRORS, Beacon
from rooms.proof.bls import is_signed
from rooms.sandbox.drand import SECRET, public_key
from rooms.sandbox.server import RunningSandbox
from tests.contracts.outside import HandClock

NUMBER = 63_650_001
AT = from_millis(1000 * SANDBOX.appears_at(NUMBER) + 500)


class Mirrors:
    """The adapter, and the sandbox's controls."""

    def __init__(self, http: HttpClient, sandbox: RunningSandbox) -> None:
        self.url = sandbox.url
        urls = [f"{sandbox.url}/drand/{mirror}" for mirror in SANDBOX_MIRRORS]
        self.drand = DrandMirrors(http, SANDBOX, urls)

    async def control(self, method: str, body: Any = None) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.url}/drand", json=body) as response,
        ):
            is_json = response.content_type == "application/json"
            return response.status, (await response.json() if is_json else None)

    async def strike(self, fault: str | None, mirror: str = "all", by: str | None = None) -> None:
        status, _ = await self.control("PUT", {"mirror": mirror, "fault": fault, "by": by})
        assert status == 200

    async def newest(self) -> list[int]:
        return [beacon.round async for beacon in self.drand.newest()]

    def wrong(self, mirror: str) -> float:
        return float(DRAND_ANSWERS.labels(f"127.0.0.1/drand/{mirror}", "wrong")._value.get())


@pytest.fixture
def mirrors(http: HttpClient, sandbox: RunningSandbox, clock: HandClock) -> Mirrors:
    clock.at = AT
    return Mirrors(http, sandbox)


def test_the_sandboxs_key_is_the_one_that_its_chain_is_known_by() -> None:
    assert public_key(SECRET) == SANDBOX.public_key
    assert SANDBOX.beacon_id == "rooms-sandbox"
    assert SANDBOX.hash != QUICKNET.hash


async def test_every_mirror_shows_the_newest_beacon_with_a_real_signature(mirrors: Mirrors) -> None:
    found = [beacon async for beacon in mirrors.drand.newest()]

    assert [beacon.round for beacon in found] == [NUMBER] * 4
    assert all(is_signed(SANDBOX.public_key, beacon) for beacon in found)


async def test_a_beacon_is_there_from_its_time_on(mirrors: Mirrors, clock: HandClock) -> None:
    assert isinstance(await mirrors.drand.beacon(NUMBER), Ok)
    assert await mirrors.drand.beacon(NUMBER + 1) == Err("http_404")

    clock.at = from_millis(1000 * SANDBOX.appears_at(NUMBER + 1))
    found = await mirrors.drand.beacon(NUMBER + 1)

    assert isinstance(found, Ok)
    assert is_signed(SANDBOX.public_key, found.value)
    assert await mirrors.newest() == [NUMBER + 1] * 4


async def test_all_mirrors_serve_the_chain_of_its_hash(mirrors: Mirrors) -> None:
    assert await mirrors.drand.check() == 4

    other = DrandMirrors(mirrors.drand.http, QUICKNET, mirrors.drand.mirrors)
    assert await other.check() == 0


@pytest.mark.parametrize("fault", ["dead", "http500", "html", "disagree", "wrong_signature"])
async def test_one_right_mirror_is_enough(mirrors: Mirrors, fault: str) -> None:
    await mirrors.strike(fault)
    await mirrors.strike(None, "api3")

    found = await mirrors.drand.beacon(NUMBER)

    assert isinstance(found, Ok)
    assert is_signed(SANDBOX.public_key, found.value)
    assert await mirrors.newest() == [NUMBER]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("http500", "http_500"),
        ("html", "not_json"),
        ("wrong_signature", "wrong"),
        ("disagree", "wrong"),
        ("dead", "timeout"),
    ],
)
async def test_where_no_mirror_is_right_the_failure_is_a_value(
    mirrors: Mirrors, fault: str, why: str
) -> None:
    await mirrors.strike(fault)

    assert await mirrors.drand.beacon(NUMBER) == Err(why)
    assert await mirrors.newest() == []


async def test_a_mirror_that_disagrees_is_counted_and_not_believed(mirrors: Mirrors) -> None:
    await mirrors.strike("disagree", "api2")
    before = mirrors.wrong("api2"), mirrors.wrong("api")

    assert await mirrors.drand.check() == 3
    assert await mirrors.newest() == [NUMBER] * 3

    assert (mirrors.wrong("api2"), mirrors.wrong("api")) == (before[0] + 2, before[1])


async def test_a_late_mirror_shows_old_beacons_and_the_others_the_new(mirrors: Mirrors) -> None:
    await mirrors.strike("late", "api", "5s")

    assert sorted(await mirrors.newest()) == [NUMBER - 5, NUMBER, NUMBER, NUMBER]

    await mirrors.strike("late")
    assert await mirrors.drand.beacon(NUMBER) == Err("http_404")
    assert isinstance(await mirrors.drand.beacon(NUMBER - 10), Ok)


async def test_a_beacon_before_its_time_is_as_valid_as_any(mirrors: Mirrors) -> None:
    await mirrors.strike("early", by="3s")

    assert await mirrors.newest() == [NUMBER + 3] * 4


async def test_faults_are_kept_over_a_restart_until_they_are_deleted(
    mirrors: Mirrors, http: HttpClient
) -> None:
    await mirrors.strike("dead", "api")
    _, state = await mirrors.control("GET")
    assert state["faults"] == {"api": {"fault": "dead", "by": "10000ms"}}
    assert state["chain"]["metadata"] == {"beaconID": "rooms-sandbox"}

    status, _ = await mirrors.control("DELETE")
    _, state = await mirrors.control("GET")

    assert (status, state["faults"]) == (204, {})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"mirror": "nowhere", "fault": "dead"},
        {"mirror": "api", "fault": "tired"},
        {"mirror": "api", "fault": "late", "by": "long"},
        {"mirror": "api", "fault": "late", "more": 1},
    ],
)
async def test_a_fault_that_is_none_is_refused(mirrors: Mirrors, body: Any) -> None:
    status, told = await mirrors.control("PUT", body)

    assert status == 422
    assert told["detail"]


async def test_another_chain_or_round_is_not_known(mirrors: Mirrors) -> None:
    async with aiohttp.ClientSession() as session:
        for path in (
            f"{QUICKNET.hash}/info",
            f"{QUICKNET.hash}/public/1",
            f"{SANDBOX.hash}/public/0",
            f"{SANDBOX.hash}/public/-1",
            f"{SANDBOX.hash}/public/x",
            f"{SANDBOX.hash}/public/999999999999999",
        ):
            async with session.get(f"{mirrors.url}/drand/api/{path}") as response:
                assert response.status == 404


async def test_the_first_beacon_of_a_chain_is_served_too(mirrors: Mirrors) -> None:
    found = await mirrors.drand.beacon(1)

    assert isinstance(found, Ok)
    assert found.value == Beacon(1, found.value.signature)
