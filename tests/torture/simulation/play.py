"""One run from one seed: draw who takes part and what goes wrong, play it, look at the end."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final, Self

from rooms.platform.postgres import Dsn
from rooms.platform.settings import OracleSettings, ParimutuelSettings, Settings
from rooms.processes.catalogue import CONTEXTS
from tests.torture.simulation.database import Wire
from tests.torture.simulation.ending import Remains, check_ending
from tests.torture.simulation.people import (
    Bettor,
    Cashier,
    administer,
    appoint,
    host_rooms,
    sign_up,
)
from tests.torture.simulation.prices import RESERVES, Truth, World, some_spells
from tests.torture.simulation.processes import Process, ProcessClock, SimulatedDoorbell, wire_house
from tests.torture.simulation.stage import Client, Player, Stage, Trace, logging_to
from tests.torture.simulation.trouble import Nemesis, audit, repeat_facts
from tests.torture.simulation.virtual_time import VirtualLoop, running_loop

GIVE_UP_AFTER: Final = 240.0
"""Virtual seconds after which whoever is not done counts as stuck."""

LEFT: Final = ("observations", "transitions", "bets", "voids", "accounts", "holds", "rooms")
LONG: Final = ("market", "terms")

PARIMUTUEL: Final = ParimutuelSettings(
    duration_min=timedelta(seconds=5),
    settle_grace=timedelta(seconds=8),
    admin_void_delay=timedelta(seconds=5),
    token_window=timedelta(seconds=6),
)
SETTINGS: Final = Settings(parimutuel=PARIMUTUEL)
CHANGED: Final = Settings(
    parimutuel=PARIMUTUEL.model_copy(update={"protocol_bps": 331, "host_bps": 7}),
    oracle=OracleSettings(spread_coin=Decimal("0.004"), confirmations=1),
)
"""What a process runs on whose settings were changed, while another has still the old ones."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a run came to: the same seed always comes to the same."""

    seed: int
    hash: str
    wrong: Sequence[str]
    trace: Sequence[str]
    seconds: float
    transactions: int
    ends: Mapping[str, int]
    """How many rooms came to each outcome, or to each reason of a void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a run is cast and how bad its weather is."""

    processes: int
    changed: bool
    players: int
    hosts: int
    broken_percent: int
    unwell_percent: int
    swing: int
    strikes: int
    calm_at: float

    @classmethod
    def draw(cls, chance: Random) -> "Script":
        """Draw a script; some runs have no faults of one kind, so that others show."""
        return cls(
            processes=chance.choice([1, 2, 2]),
            changed=chance.choice([False, True]),
            players=chance.randint(4, 6),
            hosts=chance.randint(1, 2),
            broken_percent=chance.choice([0, 2, 5]),
            unwell_percent=chance.choice([0, 15, 40]),
            swing=chance.choice([20, 100, 400]),
            strikes=chance.choice([0, 3, 12]),
            calm_at=float(chance.randint(20, 35)),
        )


class Simulator:
    """Plays seed after seed over one database; what was played before makes no difference."""

    def __init__(self, dsn: Dsn) -> None:
        self._dsn = dsn

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner(loop_factory=VirtualLoop)
        self._wire = self._runner.run(Wire.connect(self._dsn))
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.cut()
        self._runner.close()

    def play(self, seed: int) -> Played:
        """Play one seed."""
        run = self._runner.run(_play(seed, self._wire))
        if run.wrong:
            # Nobody knows what such a run leaves behind; the next one shall not inherit it.
            self.__exit__()
            self.__enter__()
        return run


async def _play(seed: int, wire: Wire) -> Played:
    loop = running_loop()
    loop.begin(Random(f"{seed} line"))
    await wire.empty()
    script = Script.draw(Random(f"{seed} script"))
    stage = _stage(seed, wire, script)
    trace = stage.trace
    with logging_to(trace, stage.wrong):
        trace.say("script", str(script))
        try:
            async with asyncio.timeout(GIVE_UP_AFTER):
                await _perform(stage, script)
        except Exception as bug:  # noqa: BLE001 - whatever it is, it is what this run found
            stage.wrong.append(f"not everybody came to an end: {_innermost(bug)!r}")
        await _stop(stage)
        remains = await check_ending(stage, wire_house(stage.processes[0], "inspector"))
    _note(stage, remains)
    return Played(
        seed=seed,
        hash=trace.hash(),
        wrong=stage.wrong,
        trace=trace.lines,
        seconds=loop.time(),
        transactions=loop.line.turns,
        ends=Counter(room["reason"] or room["outcome"] for room in remains.rooms),
    )


def _innermost(bug: BaseException) -> BaseException:
    while isinstance(bug, BaseExceptionGroup):
        bug = bug.exceptions[0]
    return bug


def _stage(seed: int, wire: Wire, script: Script) -> Stage:
    loop = running_loop()
    world = World(
        chance=Random(f"{seed} answers"),
        truth=Truth(str(seed), script.swing),
        spells=some_spells(
            Random(f"{seed} moods"),
            sources=list(SETTINGS.oracle.sources.enabled()),
            liars=list(SETTINGS.oracle.sources.enabled("coin", "bound")),
            until=script.calm_at,
            unwell=script.unwell_percent,
        ),
        reserve=Random(f"{seed} reserve").choice(RESERVES),
        calm_at=script.calm_at,
    )
    stage = Stage(seed, loop, wire, world, [], Trace(loop), script.calm_at)
    bells = [SimulatedDoorbell(stage.chance(f"bell {n}")) for n in range(script.processes)]
    for number, bell in enumerate(bells):
        bell.neighbours = [other for other in bells if other is not bell]
        clock = ProcessClock(timedelta(milliseconds=stage.chance("clocks").randint(-300, 300)))
        stage.processes.append(
            Process(
                name=f"P{number}",
                wire=wire,
                world=world,
                settings=CHANGED if number and script.changed else SETTINGS,
                # One process that ends holds is enough, and their loop never rests.
                runs=CONTEXTS[1:] if number else CONTEXTS,
                doorbell=bell,
                clock=clock,
                bugs=stage.wrong,
            )
        )
    return stage


async def _perform(stage: Stage, script: Script) -> None:
    """Let everybody live until all commands are answered, it is calm, and all rooms have ended."""
    for process in stage.processes:
        process.start()
    stage.wire.line.broken_percent = script.broken_percent
    players = await _players(stage, script)
    cashier, herald = _client(stage, "cashier"), _client(stage, "herald")
    async with asyncio.TaskGroup() as group:
        for number, player in enumerate(players):
            client = _client(stage, player.name)
            group.create_task(Bettor(client, player).live(client.chance.randint(5, 10)))
            if number < script.hosts:
                host = _client(stage, f"host {player.name}")
                group.create_task(host_rooms(host, player, host.chance.randint(1, 3)))
        for name, own in (("Ada", None), ("Ben", players[0]), ("Cleo", None)):
            group.create_task(_administrator(_client(stage, name), own))
        group.create_task(Cashier(cashier, players).live(cashier.chance.randint(0, 4)))
        group.create_task(repeat_facts(herald, herald.chance.randint(0, 3)))
        group.create_task(Nemesis(stage, stage.chance("nemesis")).live(script.strikes))
        group.create_task(audit(stage, stage.chance("audit"), 1))
        group.create_task(_calm(stage))
    await _everything_ended(stage)


async def _players(stage: Stage, script: Script) -> list[Player]:
    players: list[Player] = []
    for number in range(script.players):
        client = _client(stage, f"player {number}")
        referrer = client.chance.choice([None, *players])
        fund = client.chance.choice([2_000_000_000, 20_000_000_000, 20_000_000_000, 10**15])
        players.append(await sign_up(client, referrer, fund))
    return players


async def _administrator(client: Client, player: Player | None) -> None:
    staff = await appoint(client, player)
    await administer(client, staff, client.chance.randint(0, 4))


def _client(stage: Stage, name: str) -> Client:
    return Client(name, stage, stage.chance(name))


async def _calm(stage: Stage) -> None:
    await stage.loop.pass_by(max(0.0, stage.calm_at - stage.loop.time()))
    stage.wire.line.broken_percent = 0
    for process in stage.processes:
        process.clock.off = timedelta()
    stage.trace.say("script", "from now on nothing goes wrong")


async def _everything_ended(stage: Stage) -> None:
    """Wait until no room is open and no hold is in force."""
    while True:
        async with stage.wire.look() as tx:
            left = await tx.value(
                "SELECT (SELECT count(*) FROM parimutuel.rooms "
                "        WHERE status NOT IN ('SETTLED', 'VOIDED'))"
                "     + (SELECT count(*) FROM ledger.holds WHERE state = 'held')"
            )
        if not left:
            return
        await stage.loop.pass_by(2)


async def _stop(stage: Stage) -> None:
    for process in stage.processes:
        await process.end(at_once=True)
    stage.wire.line.broken_percent = 0
    await stage.loop.pass_by(1)


def _note(stage: Stage, remains: Remains) -> None:
    """Write down what is left, so that the hash speaks of it."""
    for table in LEFT:
        for row in getattr(remains, table):
            shown = [f"{name} {_shown(value)}" for name, value in row.items() if name not in LONG]
            stage.trace.say(f"left in {table}", ", ".join(shown))
    stage.trace.say("left", f"after {stage.wire.line.turns} transactions")
    for wrong in stage.wrong:
        stage.trace.say("WRONG", wrong)


def _shown(value: object) -> str:
    return f"{value:%M:%S.%f}"[:-3] if isinstance(value, datetime) else str(value)
