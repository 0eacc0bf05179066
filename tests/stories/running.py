"""A house started by its own command, and people who use it over HTTP and nothing else."""

import asyncio
import hashlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aiohttp

Json = dict[str, Any]
QUICK: Mapping[str, str] = {
    "ROOMS__PARIMUTUEL__DURATION_MIN": "1s",
    "ROOMS__PARIMUTUEL__SETTLE_GRACE": "10s",
    "ROOMS__PARIMUTUEL__ADMIN_VOID_DELAY": "3s",
    "ROOMS__PARIMUTUEL__ROOMS_PER_HOST": "1000",
    "ROOMS__PARIMUTUEL__NEW_ASSETS_PER_HOST": "1000",
    "ROOMS__PARIMUTUEL__NEW_ASSETS": "1000",
    "ROOMS__GATEWAY__RATE_PER_TOKEN": "2000",
    "ROOMS__GATEWAY__RATE_PER_IP": "5000",
}


def ready_line(process: "subprocess.Popen[str]", seconds: float = 60) -> Json:
    """Wait for the one line of JSON by which a command says that it is ready."""
    assert process.stdout is not None
    told, _, _ = select.select([process.stdout], [], [], seconds)
    line = process.stdout.readline() if told else ""
    assert line, f"{process.args!r} was not ready"
    said: Json = json.loads(line)
    return said


@dataclass
class RunningHouse:
    """``rooms up`` in a process of its own. Where it answers is known once it is started.

    A page that is open finds the house again only on the same ``port``.
    """

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[str] | None" = None
    base: str = ""
    feeds: str = ""
    port: str = "0"

    def start(self) -> None:
        """Start and wait until the command says that it is ready."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "rooms", "up", "--json", "--robots", "0"),
                *("--port", self.port, "--sandbox-port", "0", "--data", str(self.data)),
            ],
            env={**os.environ, **QUICK, **self.settings},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        addresses = ready_line(self.process)["addresses"]
        self.base = addresses["api"].removesuffix("/v1")
        self.feeds = addresses["sandbox"]

    def stop(self) -> int:
        """End it as Ctrl-C does; give its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        with self.process:
            return self.process.wait(30)

    def kill(self) -> None:
        """Let the process die at once; its PostgreSQL goes on."""
        assert self.process is not None
        self.process.kill()
        with self.process:
            self.process.wait(30)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class Api:
    """The public HTTP interface, as anyone's program would use it."""

    house: RunningHouse
    http: aiohttp.ClientSession

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        key: str | None = "fresh",
    ) -> Answer:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if method == "POST" and key is not None:
            headers["Idempotency-Key"] = uuid4().hex if key == "fresh" else key
        async with self.http.request(
            method, self.house.base + path, json=body, headers=headers
        ) as answer:
            text = await answer.text()
            kind = answer.headers.get("Content-Type", "")
            return Answer(
                answer.status,
                answer.headers,
                json.loads(text) if kind.partition(";")[0].endswith(("/json", "+json")) else text,
            )

    async def get(self, path: str, *, token: str | None = None) -> Any:
        answer = await self.call("GET", path, token=token)
        assert answer.status == 200, answer.body
        return answer.body

    async def set_feed(self, asset: str, **state: object) -> Json:
        """Set a price or a fault; the answer says since when (``path_from``)."""
        async with self.http.put(f"{self.house.feeds}/{asset}", json=state) as answer:
            assert answer.status < 300, await answer.text()
            feed: Json = await answer.json()
            return feed

    async def player(
        self, name: str, *, lamports: int = 10**12, referrer: str | None = None
    ) -> "Player":
        body: Json = {"name": name, "fund": {"amount": str(lamports), "asset": "SOL"}}
        if referrer is not None:
            body["referrer"] = referrer
        answer = await self.call("POST", "/v1/sandbox/players", body)
        assert answer.status == 201, answer.body
        return Player(self, lamports, **answer.body)

    async def room(self, room_id: str) -> Json:
        body: Json = await self.get(f"/v1/rooms/{room_id}")
        return body

    async def until(self, room_id: str, *statuses: str, seconds: float = 60) -> Json:
        """Ask for the room until it has one of these statuses."""
        async with asyncio.timeout(seconds):
            while True:
                room = await self.room(room_id)
                if room["status"] in statuses:
                    return room
                await self.next_moment()

    async def next_moment(self) -> None:
        """Wait for the house to say on its stream that something may have changed."""
        async with self.http.get(f"{self.house.base}/live/rooms") as stream:
            events = 0
            async for line in stream.content:
                events += line.startswith(b"data:")
                if events == 2:
                    return

    async def settlement(self, room_id: str) -> Json:
        body: Json = await self.get(f"/v1/rooms/{room_id}/settlement")
        return body

    async def settlement_file(self, room_id: str) -> str:
        body: str = await self.get(f"/v1/rooms/{room_id}/settlement/file")
        return body


# Coins that Pyth knows too: the names of all others are unknown to it, as in reality.
FIVE_ORIGINS: Final = tuple(f"P{number}" for number in range(200))


def know_on_every_source(data: Path, assets: Sequence[str]) -> None:
    """Write the house's settings so that Pyth is asked for these coins as well."""
    data.mkdir(parents=True)
    ids = {a: hashlib.sha256(f"rooms/sandbox/pyth|{a}".encode()).hexdigest() for a in assets}
    lines = [f'{asset} = "{feed_id}"' for asset, feed_id in ids.items()]
    table = "[oracle.sources.pyth.symbols]"
    (data / "rooms.toml").write_text("\n".join([table, *lines]) + "\n")


_numbers = itertools.count(1)


def new_asset(prefix: str = "C") -> str:
    """A coin of the scenario's own, so that scenarios do not meet."""
    return f"{prefix}{os.getpid() % 1000}X{next(_numbers)}"


def coin(asset: str, target: str, direction: str = "at_or_above") -> Json:
    return {"type": "coin_price", "asset": asset, "direction": direction, "target": target}


@dataclass
class Player:
    api: Api
    funded: int
    player_id: str
    access_token: str
    referral_code: str

    async def open_room(self, market: Json, *, settles_in: str = "60s", **more: object) -> Json:
        body = {
            "title": f"Will {market.get('asset', 'it')} get there?",
            "market": market,
            "resolve": "touch",
            "settles_in": settles_in,
            "lock_fraction": 0.9,
            **more,
        }
        answer = await self.api.call("POST", "/v1/rooms", body, token=self.access_token)
        assert answer.status == 201, answer.body
        room: Json = answer.body
        return room

    async def bet(self, room: Json, side: str, lamports: int, *, key: str = "fresh") -> Answer:
        return await self.api.call(
            "POST",
            f"/v1/rooms/{room['id']}/bets",
            {"side": side, "stake": {"amount": str(lamports), "asset": "SOL"}},
            token=self.access_token,
            key=key,
        )

    async def must_bet(self, room: Json, side: str, lamports: int) -> Json:
        answer = await self.bet(room, side, lamports)
        assert answer.status == 201, answer.body
        placed: Json = answer.body
        return placed

    async def balance(self) -> int:
        wallet = await self.api.get("/v1/wallet", token=self.access_token)
        return sum(int(balance["available"]["amount"]) for balance in wallet["balances"])

    async def entries(self, kind: str) -> list[int]:
        page = await self.api.get("/v1/wallet/entries?limit=200", token=self.access_token)
        return [int(e["amount"]["amount"]) for e in page["items"] if e["kind"] == kind]
