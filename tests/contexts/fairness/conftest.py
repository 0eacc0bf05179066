import pytest

from rooms.platform.database import Database
from tests.contexts.fairness.grown_log import TestLog
from tests.houses import owner

__all__ = ["owner"]


@pytest.fixture
def log(database: Database) -> TestLog:
    return TestLog(database)
