"""Wires fairness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from rooms.contexts.fairness.adapters.drand import DrandMirrors
from rooms.contexts.fairness.api import (
    Accepted,
    Completion,
    EntrySource,
    Fairness,
    Locked,
    Log,
    RecordKind,
)
from rooms.contexts.fairness.domain import LogKeys
from rooms.contexts.fairness.queries import LogQueries
from rooms.contexts.fairness.service.acts import StaffActs
from rooms.contexts.fairness.service.beacons import BeaconService, BeaconWatch
from rooms.contexts.fairness.service.chains import ChainService, NothingLocked, Vault
from rooms.contexts.fairness.service.completing import Completing
from rooms.contexts.fairness.service.fresh import Fresh
from rooms.contexts.fairness.service.log import LogService
from rooms.contexts.fairness.service.recording import Recording
from rooms.contexts.fairness.service.sequencing import Sequencing
from rooms.contexts.fairness.service.solvency import SolvencyService
from rooms.contexts.fairness.storage.beacons import BeaconStorage
from rooms.contexts.fairness.storage.chains import ChainStorage
from rooms.contexts.fairness.storage.pending import PendingStorage, read_log
from rooms.contexts.fairness.storage.statements import StatementStorage
from rooms.contexts.fairness.storage.tree import TreeStorage
from rooms.contexts.fairness.storage.witnesses import WitnessStorage
from rooms.contexts.fairness.workers import BeaconWatcher, Sequencer, SolvencyClock
from rooms.contexts.ledger.api import Ledger
from rooms.kernel.time import Clock
from rooms.platform.database import Database
from rooms.platform.http import HttpClient
from rooms.platform.lease import Lease
from rooms.platform.module import Module, Worker
from rooms.platform.settings import FairnessSettings
from rooms.proof.checkpoint import NoteKey
from rooms.proof.records import Salts
from rooms.proof.signature import Signer

# How long a statement over very many accounts may take before another process may make it.
STATING: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWiring:
    """Who the log is, what signs its heads and the receipts, and whose rows stand in it.

    The contexts that have the rows give ``sources`` and ``completions``. ``holder`` names this
    process among those that want to lead; a head is signed every ``interval`` while it has to be.
    """

    origin: str
    log_seed: bytes = field(repr=False)
    receipt_seed: bytes = field(repr=False)
    witnesses: Sequence[NoteKey]
    sources: Mapping[Accepted, EntrySource]
    completions: Mapping[RecordKind, Completion]
    holder: str
    interval: timedelta

    @property
    def keys(self) -> LogKeys:
        """What signs."""
        return LogKeys(self.origin, Signer(self.log_seed), Signer(self.receipt_seed))


def fairness_module(
    database: Database,
    http: HttpClient,
    settings: FairnessSettings,
    clock: Clock,
    wiring: LogWiring,
    *,
    ledger: Ledger,
    ref_key: bytes,
    locked: Locked | None = None,
) -> Module[Fairness]:
    """Wire fairness; ``locked`` says which rounds take no tickets any more, none by default.

    ``ref_key`` is what salts are made of.
    """
    fresh = Fresh()
    log = log_service(database, wiring, fresh)
    beacons = BeaconService(
        database,
        BeaconStorage(),
        DrandMirrors(http, settings.drand.chain, settings.drand.mirrors),
    )
    seeds = ChainService(
        database,
        ChainStorage(),
        beacons,
        log,
        locked or NothingLocked(),
        Vault(settings.key("master_key")),
        settings.chain_length,
    )
    solvency = solvency_service(database, ledger, log, ref_key)
    lease = Lease(database, "solvency", wiring.holder, STATING)
    stating = SolvencyClock(solvency, lease, settings.solvency_interval)
    return Module(
        "fairness",
        Fairness(log, seeds, beacons, solvency),
        workers=(
            Worker("fairness.beacons", BeaconWatcher(BeaconWatch(beacons), clock).run),
            Worker("fairness.log", _sequencer(database, wiring, fresh).run),
            Worker("fairness.solvency", stating.run),
        ),
        readings=(read_log,),
    )


def _sequencer(database: Database, wiring: LogWiring, fresh: Fresh) -> Sequencer:
    lease = Lease(database, "log", wiring.holder)
    return Sequencer(sequencing(database, wiring, fresh), lease, wiring.interval)


def log_service(database: Database, wiring: LogWiring, fresh: Fresh | None = None) -> LogService:
    """Wire the log's face; ``fresh`` is where the sequencer of this process finds its hashes."""
    return LogService(
        PendingStorage(),
        database,
        WitnessStorage(),
        LogQueries(),
        wiring.sources,
        wiring.keys,
        fresh or Fresh(),
        wiring.witnesses,
    )


def solvency_service(
    database: Database, ledger: Ledger, log: Log, ref_key: bytes
) -> SolvencyService:
    """Wire what states what is owed."""
    return SolvencyService(database, StatementStorage(), ledger, log, Salts(ref_key))


def staff_acts(ref_key: bytes) -> StaffActs:
    """Wire what identity tells the public log; it needs the caller's transaction alone."""
    return StaffActs(Recording(PendingStorage()), Salts(ref_key))


def sequencing(database: Database, wiring: LogWiring, fresh: Fresh | None = None) -> Sequencing:
    """Wire what appends to the log."""
    return Sequencing(
        database=database,
        pending=PendingStorage(),
        tree=TreeStorage(),
        queries=LogQueries(),
        keys=wiring.keys,
        sources=wiring.sources,
        completing=Completing(database, wiring.completions),
        fresh=fresh or Fresh(),
    )
