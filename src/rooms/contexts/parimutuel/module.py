"""Wires parimutuel."""

from dataclasses import dataclass

from rooms.contexts.fairness.api import Completion, EntrySource, Log
from rooms.contexts.identity.api import Identity
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.oracle.api import Oracle
from rooms.contexts.parimutuel.api import Rooms
from rooms.contexts.parimutuel.consumers import decide_rooms
from rooms.contexts.parimutuel.domain import Limits
from rooms.contexts.parimutuel.queries import BetEntries, RoomQueries, SettlementQueries, read_rooms
from rooms.contexts.parimutuel.service.betting import Betting
from rooms.contexts.parimutuel.service.lean import Lean
from rooms.contexts.parimutuel.service.opening import Opening, curiosity
from rooms.contexts.parimutuel.service.placing import Placing
from rooms.contexts.parimutuel.service.proving import Proving
from rooms.contexts.parimutuel.service.published import SettledRooms
from rooms.contexts.parimutuel.service.receipts import Receipts
from rooms.contexts.parimutuel.service.rooms import RoomsService
from rooms.contexts.parimutuel.service.seen import Seen
from rooms.contexts.parimutuel.service.settling import Settling
from rooms.contexts.parimutuel.service.voiding import Voiding
from rooms.contexts.parimutuel.settlement_storage import SettlementStorage
from rooms.contexts.parimutuel.storage import BetStorage, RoomStorage, VoidStorage
from rooms.contexts.parimutuel.workers import RoomClock
from rooms.contexts.referral.api import Referral
from rooms.kernel.time import Clock
from rooms.platform.database import Database
from rooms.platform.module import Module, Worker
from rooms.proof.records import Salts
from rooms.proof.terms import RoomTerms


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The faces that parimutuel calls."""

    identity: Identity
    ledger: Ledger
    oracle: Oracle
    referral: Referral
    log: Log


def parimutuel_module(
    database: Database,
    near: Neighbours,
    *,
    clock: Clock,
    limits: Limits,
    terms: RoomTerms,
    ref_key: bytes,
) -> Module[Rooms]:
    """Wire parimutuel: ``limits`` and ``terms`` are the settings in force."""
    salts = Salts(ref_key)
    rooms, bets, queries = RoomStorage(), BetStorage(), RoomQueries(near.oracle, salts)
    settling = Settling(
        database, rooms, SettlementStorage(), near.ledger, near.oracle, near.referral, near.log
    )
    voiding = Voiding(
        database=database,
        rooms=rooms,
        bets=bets,
        voids=VoidStorage(),
        identity=near.identity,
        settling=settling,
    )
    face = RoomsService(
        database=database,
        opening=Opening(
            database=database,
            rooms=rooms,
            queries=queries,
            oracle=near.oracle,
            referral=near.referral,
            clock=clock,
            limits=limits,
            terms=terms,
            curiosity=curiosity(limits),
            log=near.log,
            salts=salts,
        ),
        betting=_betting(database, near, limits, Receipts(near.log, ref_key)),
        settling=settling,
        voiding=voiding,
        queries=queries,
        files=SettlementQueries(),
        proving=Proving(database, SettlementQueries(), near.log, ref_key),
        ref_key=ref_key,
    )
    return Module(
        "parimutuel",
        face,
        consumers=(decide_rooms(settling),),
        workers=(Worker("parimutuel.clock", RoomClock(database, rooms, settling, voiding).run),),
        readings=(read_rooms,),
    )


def _betting(database: Database, near: Neighbours, limits: Limits, receipts: Receipts) -> Betting:
    seen, rooms, bets = Seen(), RoomStorage(), BetStorage()
    return Betting(
        database,
        Lean(database, bets, near.oracle, limits, seen, receipts),
        Placing(rooms, bets, near.identity, near.ledger, near.oracle, near.log, limits, seen),
        near.ledger,
        near.referral,
        receipts,
    )


def bet_entries(ref_key: bytes) -> EntrySource:
    """Give what makes the log's entries of accepted bets."""
    return BetEntries(ref_key)


def settled_rooms(ref_key: bytes) -> Completion:
    """Give what completes the log's record of a settled room."""
    return SettledRooms(SettlementQueries(), ref_key)
