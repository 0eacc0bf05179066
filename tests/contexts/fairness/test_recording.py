from datetime import UTC, datetime

import pytest

from rooms.contexts.fairness.api import Accepted, RecordKind
from rooms.contexts.fairness.service.recording import LogService
from rooms.contexts.fairness.storage.pending import PendingStorage
from rooms.platform.database import Database

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
LOG = LogService(PendingStorage())


async def waiting(database: Database) -> list[tuple[object, ...]]:
    async with database.snapshot() as tx:
        rows = await tx.fetch("SELECT kind, at, fields, ids FROM fairness.pending ORDER BY id")
    return [tuple(row) for row in rows]


async def test_a_record_waits_for_the_log_once_its_transaction_has_committed(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await LOG.record(tx, RecordKind.KENO_SKIPPED, AT, {"game": "keno-main", "from": 0, "to": 9})
        await LOG.accept(tx, Accepted.BET, [7, 3, 9], AT)

    assert await waiting(database) == [
        ("keno.skipped", AT, {"game": "keno-main", "from": 0, "to": 9}, None),
        ("bet", AT, None, [7, 3, 9]),
    ]


async def test_nothing_is_recorded_of_what_was_rolled_back(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as tx:
            await LOG.accept(tx, Accepted.TICKET, [1], AT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await waiting(database) == []
