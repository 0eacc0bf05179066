"""How many bets a second come in over HTTP, with authentication, on 64 to 1,024 connections?"""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.betting import PLAYERS, ROOMS
from benchmarks.client import Outcome, Plan
from benchmarks.figures import Figure, Rate, Target
from benchmarks.lab import Lab
from benchmarks.measuring import counting_costs
from benchmarks.processes import ask, process
from benchmarks.settings import environment_for
from benchmarks.stage import Stage, inspected, staged, stop_server_under
from rooms.platform.database import Database
from rooms.processes.catalogue import MODULES

ASKS: Final = "durable bets/s over HTTP with authentication, on so many connections"
CONNECTIONS: Final = (64, 256, 1024)
TARGETS: Final = {
    "bets_over_http/64": Target(unit="bets/s", ratio=True),
    "bets_over_http/256": Target(unit="bets/s", floor=3, aim=5, ratio=True),
    "bets_over_http/256/p99": Target(unit="ms", aim=20, least=True),
    "bets_over_http/1024": Target(unit="bets/s", ratio=True),
    "bets_over_http/refused": Target(unit="answers", floor=0, aim=0, least=True, exact=True),
    **inspected("bets_over_http"),
}
PATIENCE: Final = 15.0
"""Seconds for which an answer is waited for after the last request."""


@dataclass(slots=True)
class Served:
    """A house that runs in its own process, the number of the next bet, and all its answers."""

    stage: Stage
    port: int
    pid: int
    next: int
    answers: Counter[str] = field(default_factory=Counter)

    async def rate(self, database: Database, connections: int) -> Rate:
        """Bet and count every answer; tell besides what a bet cost."""
        lab = self.stage.lab
        server = lab.server.pid
        async with counting_costs(database, python=self.pid, postgres=server) as costs:
            outcome = await self.bet(connections, lab.extent.seconds)
        assert outcome.answers, f"nothing was answered; a small --part may run out: {outcome}"
        self.answers.update(outcome.statuses)
        self.answers["none"] += outcome.unanswered + outcome.lost_connections
        if outcome.first_refusal:
            lab.say(f"not a bet: {outcome.first_refusal}")
        spent = costs.per(sum(outcome.statuses.values()))
        client = {"client_us": outcome.processor_us}
        return Rate(outcome.answers / outcome.seconds, {**outcome.times, **spent, **client})

    async def bet(self, connections: int, seconds: float) -> Outcome:
        """Let the client's process bet, and note what it was acknowledged."""
        told = self.stage.lab.folder / "told"
        plan = Plan(
            port=self.port,
            connections=connections,
            bets=self.stage.bets,
            first=self.next,
            warm_up=seconds / 5,
            seconds=seconds,
            patience=PATIENCE,
            told=str(told),
        )
        outcome = msgspec.convert(await ask("-m", "benchmarks.client", given=plan), Outcome)
        self.next = outcome.next
        self.stage.told.extend(_read(told))
        return outcome


async def measure(lab: Lab) -> list[Figure]:
    """Bet through the gateway of ``rooms run``; at the end its server is stopped under load."""
    extent, figures = lab.extent, []
    await lab.prepare_reference()
    players, rooms = extent.of(PLAYERS, least=1000), extent.of(ROOMS, least=5)
    async with staged(lab, "bets_over_http", players=players, rooms=rooms) as stage:
        started = process(
            *("-P", "-m", "rooms", "run", *MODULES, "--port", "0", "--json"),
            *("--data", str(lab.folder / "gateway")),
            environment=environment_for(stage.feeds, stage.url),
            log=lab.folder / "gateway.log",
        )
        async with started as (pid, said), lab.connected(stage.database) as database:
            served = Served(stage, said["port"], pid, next(stage.numbers))
            for many in CONNECTIONS:
                connections = extent.of(many, least=16)
                lab.say(f"{connections} connections")
                answers = await lab.runs(partial(served.rate, database, connections))
                figures += lab.rates(f"bets_over_http/{many}", answers)
            await stop_server_under(lab, lambda: served.bet(connections, 2 * extent.seconds))
        lab.server.start_again()
        counted = {f"status_{status}": float(n) for status, n in served.answers.items()}
        refused = served.answers.total() - served.answers["201"]
        figures.append(lab.figure("bets_over_http/refused", [refused], details=[counted]))
        return [*figures, *await stage.inspect("bets_over_http")]


def _read(told: Path) -> "array[int]":
    numbers = array("q")
    numbers.frombytes(told.read_bytes())
    return numbers
