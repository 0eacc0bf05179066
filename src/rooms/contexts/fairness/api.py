"""The face of fairness: what is recorded in the public log, and what the log shows.

A record is noted in the transaction of the thing that it records; the sequencer appends it to the
log soon after, outside that transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from rooms.kernel.time import Instant
from rooms.platform.database import Tx


class RecordKind(StrEnum):
    """Kinds of records that stand in the log by themselves (docs/spec/fairness.md, section 5)."""

    KENO_PAYTABLE = "keno.paytable"
    KENO_CHAIN = "keno.chain"
    KENO_CHAIN_END = "keno.chain_end"
    KENO_VOID = "keno.void"
    KENO_SKIPPED = "keno.skipped"
    ROOM_OPENED = "room.opened"
    ROOM_SETTLED = "room.settled"
    SOLVENCY = "solvency"
    ADMIN = "admin"


class Accepted(StrEnum):
    """What is accepted in batches and stands in the log under ``accepted`` leaves."""

    BET = "bet"
    TICKET = "ticket"


class Log(Protocol):
    """The public, append-only log. All recording happens in the caller's transaction."""

    async def record(
        self, tx: Tx, kind: RecordKind, at: Instant, fields: Mapping[str, Any]
    ) -> None:
        """Note a record: the fields of its kind, without ``kind``, ``v`` and ``at``.

        Amounts are decimal strings, times RFC 3339 strings, counts whole numbers. Roots over many
        rows are left out: the sequencer asks the kind's ``Completion`` for them.
        """
        ...

    async def accept(self, tx: Tx, kind: Accepted, ids: Sequence[int], at: Instant) -> None:
        """Note a batch of accepted rows by their ids, in the order of acceptance.

        ``at`` is the ``accepted_at`` that all of them have. The rows must never change: their
        binary entries are made from them again and again, by the kind's ``EntrySource``.
        """
        ...


class EntrySource(Protocol):
    """Makes binary entries of accepted rows; given at the wiring by the context that has them."""

    async def entries(self, tx: Tx, ids: Sequence[int]) -> Sequence[bytes]:
        """Give the entry of each row (docs/spec/fairness.md, section 5), in the order of ids."""
        ...


class Completion(Protocol):
    """Adds what a record lacks: roots over rows that do not change any more."""

    async def complete(self, tx: Tx, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the missing fields of a record that has these."""
        ...


@dataclass(frozen=True, slots=True)
class Fairness:
    """The faces of the context."""

    log: Log
