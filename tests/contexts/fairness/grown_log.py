"""A log of the test's own, whose accepted rows are their numbers."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rooms.contexts.fairness.api import Accepted, RecordKind
from rooms.contexts.fairness.domain import LogKeys
from rooms.contexts.fairness.module import LogWiring, log_service, sequencing
from rooms.contexts.fairness.service.log import LogService
from rooms.contexts.fairness.service.sequencing import Sequencing
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.proof.checkpoint import WITNESS_KEY, NoteKey, is_signed_by, parse_note
from rooms.proof.signature import Signer
from tests.proof import hand_merkle

AT: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEYS: Final = LogKeys("rooms.example/log", Signer(b"\1" * 32), Signer(b"\2" * 32))
WITNESS: Final = Signer(b"\3" * 32)
WITNESS_NAME: Final = NoteKey("witness.example", WITNESS_KEY, WITNESS.public)


class Numbers:
    """Makes entries of rows that are nothing but a number, and notes which it was asked for."""

    def __init__(self) -> None:
        self.read: list[int] = []

    async def entries(self, tx: Tx, ids: Sequence[int]) -> list[bytes]:
        del tx
        self.read += ids
        return [entry_of_number(number) for number in ids]


def entry_of_number(number: int) -> bytes:
    return b"number" + number.to_bytes(8, "big")


@dataclass(slots=True)
class Payouts:
    """Completes a settled room by what it was told, once it may; fails where it was told nothing."""

    known: dict[str, str] = field(default_factory=dict)
    may: asyncio.Event | None = None

    async def complete(self, tx: Tx, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        del tx
        if self.may is not None:
            await self.may.wait()
        return {"payouts_root": self.known[fields["room"]]}


@dataclass(slots=True)
class TestLog:
    """A log with its face, and as many sequencers as a test makes."""

    __test__ = False

    database: Database
    payouts: Payouts = field(default_factory=Payouts)
    source: Numbers = field(default_factory=Numbers)
    wiring: LogWiring = field(init=False)
    face: LogService = field(init=False)

    def __post_init__(self) -> None:
        self.wiring = LogWiring(
            origin=KEYS.origin,
            log_seed=b"\1" * 32,
            receipt_seed=b"\2" * 32,
            witnesses=(WITNESS_NAME,),
            sources={Accepted.BET: self.source, Accepted.TICKET: self.source},
            completions={RecordKind.ROOM_SETTLED: self.payouts},
            holder="the test",
            interval=timedelta(milliseconds=500),
        )
        self.face = log_service(self.database, self.wiring)

    def sequencing(self) -> Sequencing:
        return sequencing(self.database, self.wiring, self.face.fresh)

    async def lease(self, holder: str = "one", length: int = 60) -> Lease:
        lease = Lease(self.database, "log", holder, timedelta(seconds=length))
        assert await lease.acquire()
        return lease

    async def append(self, sequencing: Sequencing | None = None) -> bool:
        """Append as the leader, as a process that has just started unless one is given."""
        return await (sequencing or self.sequencing()).append(await self.lease())

    async def record(self, *numbers: int) -> None:
        async with self.database.transaction() as tx:
            for number in numbers:
                await self.record_in(tx, number)

    async def record_in(self, tx: Tx, number: int) -> None:
        fields = {"game": "keno-main", "from": number, "to": number, "reason": "downtime"}
        await self.face.record(tx, RecordKind.KENO_SKIPPED, AT, fields)

    async def accept(self, *ids: int, kind: Accepted = Accepted.BET, at: datetime = AT) -> None:
        async with self.database.transaction() as tx:
            await self.face.accept(tx, kind, ids, at)

    async def entries(self) -> list[dict[str, Any]]:
        """Read the whole log as an auditor would: every entry is under a true, signed head."""
        async with self.database.snapshot() as tx:
            rows = await tx.fetch("SELECT index, entry FROM fairness.leaves ORDER BY index")
            heads = await tx.fetch("SELECT size, root, checkpoint FROM fairness.heads")
        texts = [row["entry"].encode() for row in rows]
        assert [row["index"] for row in rows] == list(range(len(rows)))
        assert max(head["size"] for head in heads) == len(rows)
        for head in heads:
            note = parse_note(head["checkpoint"])
            assert is_signed_by(note, KEYS.key)
            told = note.checkpoint
            assert (told.origin, told.size) == ("rooms.example/log", head["size"])
            assert told.root == head["root"] == hand_merkle.mth(texts[: told.size])
        return [json.loads(text) for text in texts]
