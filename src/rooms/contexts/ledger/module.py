"""Wires the ledger."""

from rooms.contexts.ledger.api import Ledger
from rooms.contexts.ledger.queries import LedgerQueries
from rooms.contexts.ledger.service import LedgerService
from rooms.contexts.ledger.storage import LedgerStorage
from rooms.contexts.ledger.workers import HoldExpiry
from rooms.platform.database import Database
from rooms.platform.module import Module, Worker


def ledger_module(database: Database) -> Module[Ledger]:
    """Wire the ledger: it needs nothing but the database."""
    service = LedgerService(database, LedgerStorage(), LedgerQueries())
    return Module("ledger", service, workers=(Worker("ledger.holds", HoldExpiry(service).run),))
