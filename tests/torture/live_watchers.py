"""Clients of the feed that remember everything, and what each believes the world looks like."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import aiohttp
import msgspec

Json = dict[str, Any]
# Seconds until a client that lost its connection tries again, at most.
BACK_WITHIN: Final = 0.5


@dataclass(slots=True)
class Ledger:
    """What all clients were told together: a frame's bytes are the same for everyone."""

    seen: dict[tuple[str, int], bytes] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def hears(self, seconds: float) -> None:
        """Wait until any client hears something, so many seconds at most."""
        self.heard.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.heard.wait()

    def note(self, who: str, kept: str, frame: Json, text: bytes) -> None:
        """Compare a numbered frame with what others got under its number."""
        digest = hashlib.blake2b(text, digest_size=8).digest()
        if self.seen.setdefault((kept, frame["seq"]), digest) != digest:
            self.wrong.append(f"{who}: {kept} {frame['seq']} was told in two ways")


@dataclass(slots=True)
class View:
    """A topic as one client knows it: its number, and what it was shown, kept up to date."""

    kept: str
    seq: int | None = None
    state: dict[str, Json] = field(default_factory=dict)
    moves: set[tuple[str, int]] = field(default_factory=set)
    drawn: set[int] = field(default_factory=set)
    first: int = 0


@dataclass(slots=True)
class Watcher:
    """One client: subscribes, folds what it is told, and comes back where it was cut off."""

    name: str
    topics: list[str]
    token: str | None
    player: str | None
    gateways: Callable[[], list[str]]
    common: Ledger
    dice: Random
    views: dict[str, View] = field(default_factory=dict)
    socket: aiohttp.ClientWebSocketResponse | None = None

    def __post_init__(self) -> None:
        for topic in self.topics:
            self.views[topic] = View(f"me:{self.player}" if topic == "me" else topic)

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Watch for ever, over as many connections as it takes."""
        while True:
            try:
                base = self.dice.choice(self.gateways() or [""])
                async with http.ws_connect(f"{base}/v1/live", max_msg_size=0) as self.socket:
                    await self._ask(self.socket)
                    async for message in self.socket:
                        self._hear(message.data.encode())
                    self.common.counts[f"closed {self.socket.close_code}"] += 1
            except (aiohttp.ClientError, OSError, ValueError):
                self.common.counts["not connected"] += 1
            await self.common.hears(self.dice.random() * BACK_WITHIN)

    async def _ask(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        said = {"token": self.token} if self.token else {}
        for topic, view in self.views.items():
            if view.seq is None:
                await socket.send_json({"op": "subscribe", "topics": [topic], **said})
            else:
                await socket.send_json({"op": "resume", "topic": topic, "seq": view.seq, **said})

    def cut(self) -> None:
        """Lose the connection without a word."""
        if self.socket is not None and self.socket._response.connection is not None:
            transport = self.socket._response.connection.transport
            if transport is not None:
                transport.abort()

    def _hear(self, text: bytes) -> None:
        frame: Json = msgspec.json.decode(text)
        kind, seq = frame["type"], frame["seq"]
        self.common.counts[kind] += 1
        self.common.heard.set()
        if kind == "refused":
            self._wrong(f"refused: {frame['data']}")
        view = self.views.get(frame["topic"])
        if view is None or seq is None:
            return
        if kind == "snapshot":
            view.state, view.seq, view.first = first_state(frame), seq, 0
            view.drawn.clear()
            return
        if view.seq is None or seq != view.seq + 1:
            self._wrong(f"{view.kept}: {seq} came after {view.seq}")
        view.seq = seq
        self.common.note(self.name, view.kept, frame, text)
        if kind.startswith("round."):
            self._move(view, kind, frame["data"]["number"])
        fold(view.state, frame)

    def _move(self, view: View, kind: str, number: int) -> None:
        if (kind, number) in view.moves:
            self._wrong(f"{view.kept}: {kind} {number} came twice")
        view.moves.add((kind, number))
        if kind == "round.drawn":
            if view.drawn and number != max(view.drawn) + 1:
                self._wrong(f"{view.kept}: round {number} was drawn after {max(view.drawn)}")
            view.drawn.add(number)

    def _wrong(self, what: str) -> None:
        self.common.wrong.append(f"{self.name}: {what}")


def first_state(frame: Json) -> dict[str, Json]:
    """Give what a snapshot shows: its objects by their ids."""
    data = frame["data"]
    if "rounds" in data:
        return {str(each["number"]): each for each in data["rounds"]}
    if "wallet" in data:
        return {"wallet": data["wallet"]}
    rooms = data.get("rooms") or [data["room"]] if "room" in data or "rooms" in data else []
    return {each["id"]: each for each in rooms}


def fold(state: dict[str, Json], frame: Json) -> None:
    """Put what a frame shows in the place of what was known of it."""
    kind, data = frame["type"], frame["data"]
    if kind.startswith("round."):
        state[str(data["number"])] = data
    elif kind.startswith("room."):
        state[data["id"]] = data
    elif kind == "wallet.changed":
        state["wallet"] = data
    elif kind == "price":
        room = state[data["room_id"]]
        newest = data["prices"][0]
        room["prices"] = data["prices"]
        room["price"] = {"value": newest["value"], "at": newest["at"]}
    elif kind == "ticket.settled":
        state[f"ticket {data['id']}"] = data
