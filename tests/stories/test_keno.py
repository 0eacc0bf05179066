"""Rounds of keno as players meet them: bought, drawn on time, paid, and checked by anybody."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from tests.commands import run_rooms
from tests.stories.running import Api, Json, Player, RunningHouse

STAKE = {"amount": "10000000", "asset": "SOL"}
UNITS = 10_000_000


async def buy(player: Player, game: str, **asked: object) -> list[Json]:
    body = {"picks": [3, 17], "stake": STAKE, **asked}
    path = f"/v1/keno/games/{game}/tickets"
    answer = await player.api.call("POST", path, body, token=player.access_token)
    assert answer.status == 201, answer.body
    tickets: list[Json] = answer.body["tickets"]
    return tickets


async def round_when(api: Api, ticket: Json, *statuses: str) -> Json:
    """Ask for a ticket's round until it has one of these statuses."""
    async with asyncio.timeout(90):
        while True:
            path = f"/v1/keno/games/{ticket['game']}/rounds/{ticket['round']}"
            found: Json = await api.get(path)
            if found["status"] in statuses:
                return found
            await api.next_moment()


def verify(*arguments: str) -> Json:
    ended = run_rooms("verify", *arguments, "--json")
    report: Json = json.loads(ended.stdout)
    assert (ended.returncode == 0) == (report["verdict"] == "verified"), ended.stderr
    return report


@pytest.mark.parametrize("game", ["keno-main", "keno-fast"])
async def test_a_ticket_is_drawn_on_time_and_paid_what_anybody_can_derive(
    api: Api, game: str, tmp_path: Path
) -> None:
    ada = await api.player("Ada")
    tickets = await buy(ada, game, rounds=2)
    assert await ada.balance() == ada.funded - 2 * UNITS

    rounds = [await round_when(api, each, "SETTLED") for each in tickets]

    prizes = []
    for ticket, found in zip(tickets, rounds, strict=True):
        catches = len({3, 17} & set(found["draw"]))
        prizes.append([0, UNITS // 2, UNITS * 125 // 10][catches])
        now = await api.get(f"/v1/keno/tickets/{ticket['id']}?ref={ticket['ref']}")
        assert (now["catches"], now["prize"]["amount"]) == (catches, str(prizes[-1]))
        assert found["locks_at"] <= found["drawn_at"] <= found["settled_at"]
    assert await ada.balance() == ada.funded - 2 * UNITS + sum(prizes)

    (tmp_path / "key").write_text(json.dumps(await api.get("/v1/log/key")))
    last = tickets[-1]
    key = ("--key", str(tmp_path / "key"))
    base = f"{api.house.base}/v1/keno"
    assert verify("round", f"{base}/games/{game}/rounds/{last['round']}", *key)["verdict"] == (
        "verified"
    )
    proof = f"{base}/tickets/{last['id']}/proof?ref={last['ref']}"
    report = verify("ticket", proof, *key)
    assert report["verdict"] == "verified"
    assert {step["name"]: step["ok"] for step in report["steps"]}["receipt"]
    assert (await api.get(proof.removeprefix(api.house.base)))["receipt"] == last["receipt"]
    day = tmp_path / "day"
    day.write_text(await api.get(f"/v1/keno/games/{game}/days/{last['accepted_at'][:10]}"))
    assert verify("day", str(day), "--beacons", *key)["verdict"] == "verified"


async def test_a_proof_with_one_number_changed_does_not_match(api: Api, tmp_path: Path) -> None:
    ada = await api.player("Ada")
    (ticket,) = await buy(ada, "keno-fast")
    await round_when(api, ticket, "SETTLED")
    proof = await api.get(f"/v1/keno/tickets/{ticket['id']}/proof", token=ada.access_token)
    forged = proof | {"picks": [4, *proof["picks"][1:]]}
    (tmp_path / "forged").write_text(json.dumps(forged))

    report = verify("ticket", str(tmp_path / "forged"))

    assert report["verdict"] == "mismatch"
    wrong = [step["name"] for step in report["steps"] if not step["ok"]]
    assert "(f) binding" in wrong


async def test_a_round_without_its_beacon_waits_and_a_house_that_died_draws_it_late(
    tmp_path: Path,
) -> None:
    house = RunningHouse(tmp_path / "data", {"ROOMS__KENO__ENTROPY_GRACE": "1h"})
    house.start()
    async with aiohttp.ClientSession() as http:
        api = Api(house, http)
        ada = await api.player("Ada")
        (ticket,) = await buy(ada, "keno-main")
        await set_drand(api, "dead")
        waiting = await round_when(api, ticket, "LOCKED")
        assert waiting["server_seed"] is None
        house.kill()

        house.start()
        await set_drand(api, None)
        drawn = await round_when(api, ticket, "SETTLED")

        assert drawn["beacon_round"] == waiting["beacon_round"]
        assert drawn["commit"] == waiting["commit"]
        games = f"{house.base}/v1/keno/games/keno-main"
        assert verify("round", f"{games}/rounds/{ticket['round']}")["verdict"] == "verified"
    assert house.stop() == 0


async def test_a_round_whose_beacon_never_comes_is_void_and_the_stake_is_back(
    tmp_path: Path,
) -> None:
    soon = {"ROOMS__KENO__ENTROPY_GRACE": "2s", "ROOMS__KENO__ENTROPY_INSIST": "5s"}
    house = RunningHouse(tmp_path / "data", soon)
    house.start()
    async with aiohttp.ClientSession() as http:
        api = Api(house, http)
        ada = await api.player("Ada")
        await set_drand(api, "dead")
        (ticket,) = await buy(ada, "keno-main")

        void = await round_when(api, ticket, "VOID")

        assert void["reason"] == "ENTROPY_MISSING"
        assert void["draw"] is None
        async with asyncio.timeout(30):
            while await ada.balance() != ada.funded:
                await api.next_moment()
        await set_drand(api, None)
    assert house.stop() == 0


async def set_drand(
    api: Api, fault: str | None, mirror: str = "all", *, by: str | None = None
) -> None:
    """Let a mirror of the sandbox's drand, or all of them, have this fault."""
    url = api.house.feeds.removesuffix("/feeds") + "/drand"
    asked = {"mirror": mirror, "fault": fault, "by": by}
    async with api.http.put(url, json=asked) as answer:
        assert answer.status == 200, await answer.text()


async def test_a_round_takes_the_right_beacon_or_waits_whatever_mirrors_say(api: Api) -> None:
    ada = await api.player("Ada")
    try:
        for mirror, fault in (("api", "dead"), ("api2", "disagree"), ("api3", "wrong_signature")):
            await set_drand(api, fault, mirror)
        (ticket,) = await buy(ada, "keno-main")
        one_is_right = await round_when(api, ticket, "SETTLED")

        await set_drand(api, "wrong_signature")
        (ticket,) = await buy(ada, "keno-main")
        waiting = await round_when(api, ticket, "LOCKED")
        assert waiting["server_seed"] is None
        await set_drand(api, "late", by="3s")
        late = await round_when(api, ticket, "SETTLED")
    finally:
        await set_drand(api, None)

    assert late["beacon_round"] == waiting["beacon_round"]
    games = f"{api.house.base}/v1/keno/games/keno-main/rounds"
    for each in (one_is_right, late):
        report = await asyncio.to_thread(verify, "round", f"{games}/{each['number']}")
        assert report["verdict"] == "verified"
