"""From the moment at which the price touches a target at the feeds until everyone is paid."""

import asyncio
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import aiohttp

from benchmarks.figures import Figure, Target
from benchmarks.lab import Lab
from benchmarks.processes import process
from benchmarks.waiting import until

ASKS: Final = "price touches the target at the feed -> room settled, over `rooms up`"
TARGETS: Final = {"touch_to_settled": Target(unit="s", floor=10, aim=7, least=True)}
DATABASE: Final = "touch_to_settled"
ROOMS: Final = 7
APART: Final = 0.43
"""Seconds between two touches: no part of the oracle's interval, so that all phases occur."""
WINDOW: Final = 4.0
"""Seconds after which a bet counts whatever comes: a touch scratches the last three."""
QUICK: Final = {
    "ROOMS__ORACLE__INTERVAL": "500ms",
    "ROOMS__PARIMUTUEL__PAST_POST_WINDOW": "0s",
}
"""Where no speed is judged."""
Json = dict[str, Any]


async def measure(lab: Lab) -> list[Figure]:
    """Run the whole house by its command and do everything over HTTP."""
    started = process(
        *("-P", "-m", "rooms", "up", "--json", "--robots", "0"),
        *("--port", "0", "--sandbox-port", "0", "--data", str(lab.folder / "up")),
        environment={
            "ROOMS__DATABASE__URL": await lab.server.make_database(DATABASE, migrated=False),
            "ROOMS__PARIMUTUEL__ROOMS_PER_HOST": "1000",
            "ROOMS__PARIMUTUEL__NEW_ASSETS_PER_HOST": "1000",
            "ROOMS__PARIMUTUEL__NEW_ASSETS": "1000",
            "ROOMS__GATEWAY__RATE_PER_TOKEN": "1000",
            "ROOMS__GATEWAY__RATE_PER_IP": "1000",
            **({} if lab.extent.full else QUICK),
        },
        log=lab.folder / "up.log",
    )
    lab.say("starting rooms up")
    async with started as (_, said), aiohttp.ClientSession() as http:
        people = People(http, said["addresses"]["api"], said["addresses"]["sandbox"])
        runs = [await _touch_some(lab, people, run) for run in range(1, lab.extent.runs + 1)]
    return [
        lab.figure(
            "touch_to_settled",
            [max(times) for times in runs],
            details=[{"touches": float(len(times)), "fastest_s": min(times)} for times in runs],
        )
    ]


async def _touch_some(lab: Lab, people: "People", run: int) -> list[float]:
    """Touch several rooms one after the other; give the seconds that each took."""
    lab.say(f"run {run} of {lab.extent.runs}")
    assets = [f"R{run}N{number}" for number in range(lab.extent.of(ROOMS, least=1))]
    opened = [await people.open_room(asset) for asset in assets]
    await people.wait_out_the_window(opened[-1])

    async def touch(number: int) -> float:
        await asyncio.sleep(number * APART)
        touched = (await people.set_price(assets[number], "111"))["path_from"]
        return _seconds(touched, await people.settled_at(opened[number]))

    return list(await asyncio.gather(*(touch(number) for number in range(len(assets)))))


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


class People:
    """Those who play, and who moves the price; over HTTP only."""

    def __init__(self, http: aiohttp.ClientSession, api: str, feeds: str) -> None:
        self._http, self._api, self._feeds = http, api, feeds

    async def set_price(self, asset: str, price: str) -> Json:
        """Let every source show this price; the answer says since when."""
        return await self._call("PUT", f"{self._feeds}/{asset}", {"price": price})

    async def open_room(self, asset: str) -> str:
        """Open a room about an asset at 100 that asks for 110; two players bet."""
        await self.set_price(asset, "100")
        host, alice, bob = [await self._player(name) for name in ("Hanna", "Alice", "Bob")]
        question = {
            "type": "coin_price",
            "asset": asset,
            "direction": "at_or_above",
            "target": "110",
        }
        room = await self._post(
            "/rooms",
            {
                "title": f"Will {asset} get there?",
                "market": question,
                "resolve": "touch",
                "settles_in": "1h",
            },
            host,
        )
        for player, side in ((alice, "YES"), (bob, "NO")):
            stake = {"amount": "1000000000", "asset": "SOL"}
            await self._post(f"/rooms/{room['id']}/bets", {"side": side, "stake": stake}, player)
        return str(room["id"])

    async def wait_out_the_window(self, room: str) -> None:
        """Wait until its bets count, by the house's clock."""
        placed = (await self._room(room))["transitions"][-1]["at"]

        async def is_over() -> bool:
            return _seconds(placed, (await self._room(room))["price"]["at"]) > WINDOW

        await until(is_over, every=0.1)

    async def settled_at(self, room: str) -> str:
        """Wait for the room's end; give its time. It is settled, or something is wrong."""

        async def end() -> Json | None:
            shown = await self._room(room)
            return shown if shown["status"] in {"SETTLED", "VOIDED"} else None

        ended = await until(end, every=0.05)
        assert (ended["status"], ended["outcome"]) == ("SETTLED", "YES"), ended
        return str(ended["settled_at"])

    async def _player(self, name: str) -> str:
        body = {"name": name, "fund": {"amount": "10000000000", "asset": "SOL"}}
        return str((await self._post("/sandbox/players", body))["access_token"])

    async def _room(self, room: str) -> Json:
        return await self._call("GET", f"{self._api}/rooms/{room}")

    async def _post(self, path: str, body: Json, token: str | None = None) -> Json:
        headers = {"Idempotency-Key": uuid4().hex}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self._call("POST", self._api + path, body, headers)

    async def _call(
        self, method: str, url: str, body: Json | None = None, headers: Json | None = None
    ) -> Json:
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            assert answer.ok, await answer.text()
            said: Json = await answer.json()
            return said
