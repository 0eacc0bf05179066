import pytest

from rooms.contexts.ledger.module import ledger_module
from rooms.contexts.ledger.service import LedgerService
from rooms.platform.database import Database


@pytest.fixture
def ledger(database: Database) -> LedgerService:
    face = ledger_module(database).face
    assert isinstance(face, LedgerService)
    return face
