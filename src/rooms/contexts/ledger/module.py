"""Wires the ledger."""

import os
import secrets
import socket

from rooms.contexts.ledger.api import Ledger
from rooms.contexts.ledger.queries import LedgerQueries, read_house_accounts
from rooms.contexts.ledger.service import LedgerService
from rooms.contexts.ledger.storage import LedgerStorage
from rooms.contexts.ledger.workers import HoldExpiry, LedgerCheck
from rooms.platform.database import Database
from rooms.platform.lease import Lease
from rooms.platform.module import Module, Worker


def ledger_module(database: Database) -> Module[Ledger]:
    """Wire the ledger: it needs nothing but the database."""
    storage = LedgerStorage()
    service = LedgerService(database, storage, LedgerQueries())
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    check = LedgerCheck(database, storage, Lease(database, "ledger.check", holder))
    return Module(
        "ledger",
        service,
        workers=(
            Worker("ledger.holds", HoldExpiry(service).run),
            Worker("ledger.check", check.run),
        ),
        readings=(read_house_accounts,),
    )
