"""What the tests of fairness stand on: services over the test's database, and a game that locks."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace

from rooms.contexts.fairness.api import NewChain
from rooms.contexts.fairness.service.beacons import BeaconService
from rooms.contexts.fairness.service.chains import ChainService, Vault
from rooms.contexts.fairness.service.recording import Recording
from rooms.contexts.fairness.storage.beacons import BeaconStorage
from rooms.contexts.fairness.storage.chains import ChainStorage
from rooms.contexts.fairness.storage.pending import PendingStorage
from rooms.kernel.result import Err, Ok
from rooms.platform.database import Database, Tx
from rooms.proof.beacon import SANDBOX, Beacon, DrandChain
from rooms.sandbox.drand import signed

MASTER = bytes(range(32, 64))
GAME = "keno-main"
WANTED = NewChain(
    game=GAME,
    first_round=1,
    epoch_ms=1_763_650_000_000,
    interval_ms=5_000,
    lead_ms=1_000,
    guard_ms=2_000,
    numbers=80,
    drawn=20,
    entropy=SANDBOX.entropy,
    paytable_hash=bytes(32),
)


def wanted(**changed: object) -> NewChain:
    return replace(WANTED, **changed)  # type: ignore[arg-type]  # fields by name


@dataclass(slots=True)
class HandLocks:
    """Says of each game how far it is locked, as the test set it."""

    to: dict[str, int] = field(default_factory=dict)

    async def locked_to(self, _: Tx, games: Collection[str]) -> Mapping[str, int]:
        return {game: self.to[game] for game in games if game in self.to}


@dataclass(slots=True)
class HandDrand:
    """A chain whose newest beacon is the one that the test says."""

    chain: DrandChain = SANDBOX
    at: int = 0
    asked: list[int] = field(default_factory=list)

    async def check(self) -> int:
        return 1

    async def beacon(self, number: int) -> Ok[Beacon] | Err[str]:
        self.asked.append(number)
        return Ok(signed(number)) if number <= self.at else Err("http_404")

    async def newest(self) -> AsyncIterator[Beacon]:
        for _ in range(2):
            yield signed(self.at)


@dataclass(frozen=True, slots=True)
class Scene:
    database: Database
    locks: HandLocks
    drand: HandDrand
    beacons: BeaconService
    seeds: ChainService

    async def records(self) -> list[tuple[str, dict[str, object]]]:
        async with self.database.snapshot() as tx:
            rows = await tx.fetch("SELECT kind, fields FROM fairness.pending ORDER BY id")
        return [(row["kind"], row["fields"]) for row in rows]


def scene_over(database: Database, *, key: bytes | None = MASTER, length: int = 300) -> Scene:
    locks, drand = HandLocks(), HandDrand()
    beacons = BeaconService(database, BeaconStorage(), drand)
    log = Recording(PendingStorage())
    seeds = ChainService(database, ChainStorage(), beacons, log, locks, Vault(key), length)
    return Scene(database, locks, drand, beacons, seeds)
