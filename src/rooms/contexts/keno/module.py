"""Wires keno."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rooms.contexts.fairness.api import EntrySource, Fairness, Locked
from rooms.contexts.identity.api import Identity
from rooms.contexts.keno.api import Keno
from rooms.contexts.keno.domain import Rules
from rooms.contexts.keno.queries.proofs import ProofQueries, TicketEntries
from rooms.contexts.keno.queries.views import KenoQueries, read_rounds
from rooms.contexts.keno.service.cancelling import Cancelling
from rooms.contexts.keno.service.drawing import Drawing
from rooms.contexts.keno.service.games import Games
from rooms.contexts.keno.service.keno import KenoService
from rooms.contexts.keno.service.lean import Lean
from rooms.contexts.keno.service.locking import Locking
from rooms.contexts.keno.service.proving import Proving
from rooms.contexts.keno.service.receipts import Receipts
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.service.seen import Seen
from rooms.contexts.keno.service.selling import Selling
from rooms.contexts.keno.service.settling import Settling
from rooms.contexts.keno.service.showing import Showing
from rooms.contexts.keno.service.stakes import Stakes
from rooms.contexts.keno.service.taking import Taking
from rooms.contexts.keno.storage.games import BankrollStorage, GameStorage
from rooms.contexts.keno.storage.paying import PayingStorage
from rooms.contexts.keno.storage.rounds import RoundStorage
from rooms.contexts.keno.storage.tickets import TicketStorage
from rooms.contexts.keno.workers import RoundClock
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.referral.api import Referral
from rooms.platform.database import Database
from rooms.platform.lease import LENGTH, Lease
from rooms.platform.module import Module, Worker

LEADERSHIP: Final = "keno.clock"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The faces that keno calls."""

    identity: Identity
    ledger: Ledger
    fairness: Fairness
    referral: Referral


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """How the clock runs: who wants to lead, over how many shards, and what it waits for.

    ``grace`` is how long a beacon is waited for before a round is void, ``insist`` how long it is
    asked for in vain, at least; ``lease`` is how long who leads may be silent.
    """

    holder: str
    shards: int
    grace: timedelta
    insist: timedelta
    lease: timedelta = LENGTH


@dataclass(frozen=True, slots=True)
class KenoModule:
    """Keno with its clocks."""

    module: Module[Keno]
    clocks: tuple[RoundClock, ...]


def locked_rounds() -> Locked:
    """Give what tells which rounds take no tickets any more, for who keeps the seeds."""
    return RoundStorage()


def ticket_entries(ref_key: bytes) -> EntrySource:
    """Give what makes the log's entries of accepted tickets."""
    return TicketEntries(ref_key)


def keno_module(
    database: Database, near: Neighbours, *, rules: Rules, clockwork: Clockwork, ref_key: bytes
) -> Module[Keno]:
    """Wire keno."""
    return wire_keno(database, near, rules=rules, clockwork=clockwork, ref_key=ref_key).module


def wire_keno(
    database: Database, near: Neighbours, *, rules: Rules, clockwork: Clockwork, ref_key: bytes
) -> KenoModule:
    """Wire keno and give its clocks too, for who turns them by hand."""
    games, rounds, fair = GameStorage(), RoundStorage(), near.fairness
    schedules, bankrolls = Schedules(games), BankrollStorage()
    stakes = Stakes(database, near.ledger, near.referral)
    locking = Locking(database, schedules, rounds, fair.seeds, fair.log)
    making = Games(
        schedules=schedules,
        database=database,
        rounds=rounds,
        bankrolls=bankrolls,
        locking=locking,
        identity=near.identity,
        ledger=near.ledger,
        stakes=stakes,
        fairness=fair,
        rules=rules,
    )
    clocks = tuple(
        RoundClock(
            database,
            rounds,
            locking,
            Drawing(database, schedules, rounds, fair, clockwork.grace, clockwork.insist),
            Settling(
                database,
                schedules,
                rounds,
                TicketStorage(),
                PayingStorage(),
                bankrolls,
                near.ledger,
                stakes,
                fair,
            ),
            making,
            fair.seeds,
            Lease(database, f"{LEADERSHIP}.{shard}", clockwork.holder, clockwork.lease),
            shard,
            clockwork.shards,
        )
        for shard in range(clockwork.shards)
    )
    face = _face(database, near, making, stakes, ref_key)
    workers = tuple(Worker(f"keno.clock.{each.shard}", each.run) for each in clocks)
    return KenoModule(Module("keno", face, workers=workers, readings=(read_rounds,)), clocks)


def _face(
    database: Database, near: Neighbours, making: Games, stakes: Stakes, ref_key: bytes
) -> KenoService:
    schedules, bankrolls, fair = making.schedules, making.bankrolls, near.fairness
    tickets, queries = TicketStorage(), KenoQueries()
    showing = Showing(database, schedules, queries, fair, making.rules.ahead)
    seen = Seen(schedules)
    receipts = Receipts(fair.log, ref_key)
    lean = Lean(database, schedules.games, tickets, stakes, seen, receipts)
    taking = Taking(schedules, tickets, bankrolls, near.ledger, fair, stakes, seen)
    return KenoService(
        database=database,
        selling=Selling(database, schedules, stakes, lean, taking, receipts),
        cancelling=Cancelling(
            database, schedules, tickets, bankrolls, queries, near.ledger, stakes
        ),
        making=making,
        showing=showing,
        proving=Proving(database, showing, ProofQueries(), fair, ref_key),
        queries=queries,
        ref_key=ref_key,
    )
