"""Wires identity."""

from rooms.contexts.identity.api import Identity
from rooms.contexts.identity.ports import PublicRecord
from rooms.contexts.identity.service import IdentityService
from rooms.contexts.identity.storage import IdentityStorage
from rooms.platform.database import Database
from rooms.platform.module import Module


def identity_module(database: Database, public: PublicRecord) -> Module[Identity]:
    """Wire identity: it needs the database, and where the public reads what staff did."""
    return Module("identity", IdentityService(database, IdentityStorage(), public))
