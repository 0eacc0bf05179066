"""The simulation: whatever the seed, rooms end as they should, and a seed is always the same run."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import pytest

from rooms.contexts.oracle import domain as deciding
from rooms.contexts.parimutuel.api import RoomStatus
from rooms.contexts.parimutuel.domain import Room
from rooms.contexts.parimutuel.service import settling
from rooms.contexts.parimutuel.storage import BetStorage
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.lease import Lease
from rooms.platform.postgres import Dsn
from rooms.proof import consensus
from rooms.proof.condition import Decision, Watching, step
from tests.conftest import Server
from tests.torture.simulation.database import make_database
from tests.torture.simulation.play import Simulator

SEEDS: Final = 300
AT_A_TIME: Final = 25
"""Seeds of one test: few enough that two processes share the work evenly."""


@pytest.fixture(scope="session")
def dsn(server: Server) -> Dsn:
    """A database on the virtual clock; each run begins by making it new."""
    return asyncio.run(make_database(server.superuser, server.dsn, "simulation"))


@pytest.fixture
def simulator(dsn: Dsn) -> Iterator[Simulator]:
    with Simulator(dsn) as opened:
        yield opened


@pytest.mark.parametrize("first", range(1, SEEDS + 1, AT_A_TIME))
def test_whatever_the_seed_every_room_ends_as_the_rules_say(
    simulator: Simulator, first: int
) -> None:
    for seed in range(first, first + AT_A_TIME):
        run = simulator.play(seed)
        assert not run.wrong, "\n".join([*run.trace[-40:], *run.wrong, again(seed)])


def again(seed: int) -> str:
    return f"Next: ./rooms torture simulate --seed {seed}"


def test_the_same_seeds_give_the_same_traces_in_any_order_and_in_another_process(
    simulator: Simulator, dsn: Dsn
) -> None:
    seeds = [3, 14, 15, 92]
    here = {seed: simulator.play(seed).hash for seed in seeds}
    assert {seed: simulator.play(seed).hash for seed in reversed(seeds)} == here
    assert elsewhere(dsn, seeds) == here
    assert len(set(here.values())) == len(seeds)


ELSEWHERE: Final = """
import json, sys
from rooms.platform.postgres import Dsn
from tests.torture.simulation.play import Simulator
asked = json.load(sys.stdin)
with Simulator(Dsn(**asked["dsn"])) as simulator:
    print(json.dumps([simulator.play(seed).hash for seed in asked["seeds"]]))
"""


def elsewhere(dsn: Dsn, seeds: Sequence[int]) -> dict[int, str]:
    """Play in a new process, where sets of text have another order."""
    ended = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=json.dumps({"dsn": asdict(dsn), "seeds": seeds}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": "src:."},
    )
    return dict(zip(seeds, json.loads(ended.stdout), strict=True))


@dataclass(frozen=True, slots=True)
class Bug:
    """A place of the house and what is planted there; the seeds from ``first`` on find it soon."""

    place: Any
    name: str
    planted: Any
    first: int = 1


def takes_bets_after_the_lock_time(room: Room, _at: Instant) -> None:
    if room.status not in (RoomStatus.QUEUING, RoomStatus.OPEN):
        raise Refusal("E-BET-LOCKED", room=room.id, status=room.status, locks_at=room.locks_at)


def believes_one_observation(
    watching: Watching, *, tick: int, at: Instant, met: bool, **_: int
) -> tuple[Watching, Decision | None]:
    return step(watching, tick=tick, at=at, met=met, confirmations=1)


async def knows_no_earlier_bet(*_: object) -> list[object]:
    return []


def takes_old_quotes(quote: consensus.Quote, *_: object) -> str | None:
    return quote.failure if quote.price is None else None


async def always_leads(lease: Lease, *_: object) -> int:
    lease.epoch = lease.epoch or 1
    return lease.epoch


BUGS: Final = {
    "no bet is scratched": [Bug(settling, "cutoff", lambda *_: None)],
    "bets are taken after the lock time": [Bug(Room, "admit", takes_bets_after_the_lock_time, 7)],
    "one observation is enough": [Bug(deciding, "step", believes_one_observation)],
    "a bet sent again is a new one": [Bug(BetStorage, "earlier", knows_no_earlier_bet)],
    "quotes of any age count": [Bug(consensus, "_unusable", takes_old_quotes, 21)],
    "everybody leads": [Bug(Lease, "acquire", always_leads, 10), Bug(Lease, "guard", always_leads)],
}
ENOUGH: Final = 60
"""Seeds within which a planted bug must be found."""


@pytest.mark.parametrize("bugs", BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, bugs: Sequence[Bug]
) -> None:
    for bug in bugs:
        monkeypatch.setattr(bug.place, bug.name, bug.planted)
    first = bugs[0].first
    assert any(simulator.play(seed).wrong for seed in range(first, first + ENOUGH))
