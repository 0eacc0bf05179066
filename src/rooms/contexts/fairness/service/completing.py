"""Records that lack a root over many rows get it beside the log, which does not wait for them."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from rooms.contexts.fairness.api import Completion, RecordKind
from rooms.contexts.fairness.domain import PendingRecord
from rooms.platform.database import Database

log = structlog.get_logger()

Completed = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Completing:
    """Computes what records lack, each in a task of its own, one after the other."""

    database: Database
    completions: Mapping[RecordKind, Completion]
    _tasks: dict[int, asyncio.Task[Completed]] = field(default_factory=dict, init=False)
    _noted: dict[int, int] = field(default_factory=dict, init=False)
    _one: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1), init=False)

    def completed(self, record: PendingRecord) -> Completed | None:
        """Give a record's fields; None while what it lacks is still being computed."""
        completion = self.completions.get(record.kind)
        if completion is None:
            return record.fields
        task = self._tasks.get(record.id)
        if task is None:
            self._tasks[record.id] = asyncio.create_task(self._complete(completion, record))
            self._noted[record.id] = record.txid
            return None
        if not task.done():
            return None
        if task.cancelled() or task.exception() is not None:
            why = None if task.cancelled() else task.exception()
            log.error("a record could not be completed; it is tried again", exc_info=why)
            self.forget([record.id])
            return None
        return {**record.fields, **task.result()}

    def unfinished(self) -> dict[int, int]:
        """Give the records that are being completed, each with the transaction that noted it."""
        return {
            number: self._noted[number] for number, task in self._tasks.items() if not task.done()
        }

    async def settle(self) -> None:
        """Wait for what is being computed now."""
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def forget(self, records: Iterable[int]) -> None:
        """Drop what was computed for records that are in the log."""
        for record in records:
            self._tasks.pop(record, None)
            self._noted.pop(record, None)

    def close(self) -> None:
        """Stop computing."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._noted.clear()

    async def _complete(self, completion: Completion, record: PendingRecord) -> Completed:
        async with self._one, self.database.snapshot() as tx:
            return await completion.complete(tx, record.fields)
