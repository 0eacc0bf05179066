"""Wires referral."""

from rooms.contexts.identity.api import Identity
from rooms.contexts.ledger.api import Ledger
from rooms.contexts.referral.api import Referral
from rooms.contexts.referral.service import ReferralService
from rooms.contexts.referral.storage import ReferralStorage
from rooms.platform.database import Database
from rooms.platform.module import Module


def referral_module(
    database: Database, *, identity: Identity, ledger: Ledger, depth: int
) -> Module[Referral]:
    """Wire referral; ``depth`` is how many levels are rewarded."""
    return Module("referral", ReferralService(database, ReferralStorage(), identity, ledger, depth))
