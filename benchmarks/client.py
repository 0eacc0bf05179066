"""Bets over HTTP from a process of its own that costs little: ``python -m benchmarks.client``.

It shares two cores with the gateway and PostgreSQL, so it is no HTTP library: it writes ready-made
bytes, and of an answer it reads the status and the length. The plan comes on standard input.
"""

import asyncio
import os
import re
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import uvloop

from benchmarks.bets import Bets, token
from benchmarks.measuring import percentiles_ms

LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
CREATED: Final = b"201"
BODY: Final = b'{"side":"%b","stake":{"amount":"%d","asset":"SOL"}}'
REQUEST: Final = (
    b"POST /v1/rooms/%d/bets HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\n"
    b"Idempotency-Key: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Plan(msgspec.Struct, frozen=True):
    """What to send where: bets from ``first`` on; ``told`` is the file of acknowledged numbers.

    What is sent within ``warm_up`` seconds is not counted in the rate; answers that are still due
    ``patience`` seconds after the end are given up.
    """

    port: int
    connections: int
    bets: Bets
    first: int
    warm_up: float
    seconds: float
    patience: float
    told: str


class Outcome(msgspec.Struct, frozen=True):
    """How it went: acknowledged bets of the window, all answers by status, the first bad one."""

    next: int
    answers: int
    seconds: float
    times: dict[str, float]
    statuses: dict[str, int]
    unanswered: int
    lost_connections: int
    first_refusal: str
    processor_us: float


@dataclass(slots=True)
class Load:
    """What all connections share."""

    plan: Plan
    numbers: Iterator[int]
    opens: float
    ends: float
    told: "array[int]" = field(default_factory=lambda: array("q"))
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    statuses: Counter[bytes] = field(default_factory=Counter)
    busy: int = 0
    lost: int = 0
    last: float = 0.0
    first_refusal: bytes = b""
    all_idle: asyncio.Event = field(default_factory=asyncio.Event)


class Connection(asyncio.Protocol):
    """Sends a bet, waits for its answer, sends the next, until the time is over."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._left = b""
        self._number: int | None = None
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first one."""
        # uvloop's transports are no subclass of asyncio's.
        self._write = cast("asyncio.Transport", transport).write
        self._load.busy += 1
        self._send()

    def _send(self) -> None:
        load = self._load
        self._sent = time.perf_counter()
        over = self._sent >= load.ends and load.last
        self._number = None if over else next(load.numbers, None)
        if self._number is None:
            self._rest()
        else:
            self._write(request(load.plan.bets, self._number))

    def _rest(self) -> None:
        self._load.busy -= 1
        if not self._load.busy:
            self._load.all_idle.set()

    def data_received(self, data: bytes) -> None:
        """Take what arrives; head and body may come in pieces."""
        data = self._left + data if self._left else data
        head = data.find(b"\r\n\r\n")
        length = LENGTH.search(data, 0, head + 2) if head >= 0 else None
        if length is None or len(data) < head + 4 + int(length[1]):
            self._left = data
            return
        self._left = b""
        self._answered(data)

    def _answered(self, data: bytes) -> None:
        load, status, now = self._load, data[9:12], time.perf_counter()
        load.statuses[status] += 1
        if status == CREATED:
            assert self._number is not None, "an answer follows a request"
            load.told.append(self._number)
            if self._sent >= load.opens:
                load.latencies.append(now - self._sent)
        elif not load.first_refusal:
            load.first_refusal = data
        if self._sent >= load.opens:
            load.last = now
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        """Count one that is lost in the middle of a request."""
        if self._number is not None:
            self._number = None
            self._load.lost += 1
            self._rest()


def request(bets: Bets, number: int) -> bytes:
    """Write a bet as an HTTP request."""
    body = BODY % (bets.side(number).encode(), bets.stake(number))
    bearer = token(bets.player(number)).encode()
    key = bets.key(number).encode()
    return REQUEST % (bets.room(number), bearer, key, len(body), body)


def carry_out(plan: Plan) -> Outcome:
    """Send what the plan says and write down what was acknowledged."""
    load, outcome = uvloop.run(send(plan))
    Path(plan.told).write_bytes(load.told.tobytes())
    return outcome


async def send(plan: Plan) -> tuple[Load, Outcome]:
    """Bet on as many connections as the plan says."""
    begun = time.perf_counter()
    numbers = iter(range(plan.first, plan.bets.most))
    load = Load(plan, numbers, begun + plan.warm_up, begun + plan.warm_up + plan.seconds)
    loop, used = asyncio.get_running_loop(), time.process_time()
    loop.set_exception_handler(_give_up)
    made = [
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", plan.port)
        for _ in range(plan.connections)
    ]
    try:
        async with asyncio.timeout(load.ends - time.perf_counter() + plan.patience):
            await load.all_idle.wait()
    except TimeoutError:
        pass
    used = time.process_time() - used
    unanswered = load.busy
    for transport, _ in made:
        transport.abort()
    answers = sum(load.statuses.values())
    return load, Outcome(
        next=next(numbers, plan.bets.most),
        answers=len(load.latencies),
        seconds=max(load.last - load.opens, plan.seconds),
        times=percentiles_ms(load.latencies, 0.5, 0.99),
        statuses={status.decode(): count for status, count in load.statuses.items()},
        unanswered=unanswered,
        lost_connections=load.lost,
        first_refusal=load.first_refusal.decode(errors="replace"),
        processor_us=used * 1e6 / max(answers, 1),
    )


def _give_up(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A bug in a connection is no result: end loudly instead of counting nothing."""
    sys.stderr.write(f"{context['message']}: {context.get('exception')!r}\n")
    os._exit(1)


if __name__ == "__main__":
    planned = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.write(msgspec.json.encode(carry_out(planned)).decode())
