"""Wires fairness."""

from rooms.contexts.fairness.adapters.drand import DrandMirrors
from rooms.contexts.fairness.api import Fairness, Locked
from rooms.contexts.fairness.service.beacons import BeaconService, BeaconWatch
from rooms.contexts.fairness.service.chains import ChainService, NothingLocked, Vault
from rooms.contexts.fairness.service.recording import LogService
from rooms.contexts.fairness.storage.beacons import BeaconStorage
from rooms.contexts.fairness.storage.chains import ChainStorage
from rooms.contexts.fairness.storage.pending import PendingStorage
from rooms.contexts.fairness.workers import BeaconWatcher
from rooms.kernel.time import Clock
from rooms.platform.database import Database
from rooms.platform.http import HttpClient
from rooms.platform.module import Module, Worker
from rooms.platform.settings import DrandSettings, FairnessSettings
from rooms.proof.beacon import DrandChain


def fairness_module(
    database: Database,
    http: HttpClient,
    settings: FairnessSettings,
    clock: Clock,
    *,
    locked: Locked | None = None,
) -> Module[Fairness]:
    """Wire fairness; ``locked`` says which rounds take no tickets any more, none by default."""
    log = LogService(PendingStorage())
    beacons = BeaconService(
        database,
        BeaconStorage(),
        DrandMirrors(http, drand_chain(settings.drand), settings.drand.mirrors),
        clock,
    )
    key = settings.master_key
    seeds = ChainService(
        database,
        ChainStorage(),
        beacons,
        log,
        locked or NothingLocked(),
        Vault(bytes.fromhex(key.get_secret_value()) if key else None),
        settings.chain_length,
    )
    watcher = BeaconWatcher(BeaconWatch(beacons), clock)
    return Module(
        "fairness",
        Fairness(log, seeds, beacons),
        workers=(Worker("fairness.beacons", watcher.run),),
    )


def drand_chain(settings: DrandSettings) -> DrandChain:
    """Give the drand chain that the settings name."""
    return DrandChain(
        public_key=bytes.fromhex(settings.public_key),
        period=settings.period,
        genesis=settings.genesis,
        group_hash=bytes.fromhex(settings.group_hash),
        beacon_id=settings.beacon_id,
    )
