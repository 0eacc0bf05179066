"""What administrators did, for the public log: docs/spec/fairness.md, sections 5 and 8."""

from dataclasses import dataclass

from rooms.contexts.fairness.api import Recorder, RecordKind
from rooms.kernel.time import Instant, to_millis
from rooms.platform.database import Tx
from rooms.proof.records import Salts, salted_hash


@dataclass(frozen=True, slots=True)
class StaffActs:
    """Writes an ``admin`` record for each act; whom or what it was about stays a hash."""

    log: Recorder
    salts: Salts

    async def acted(self, tx: Tx, *, action: str, subject: str, reason: str, at: Instant) -> None:
        """Note an act. What is about the same subject at another time has another hash."""
        salt = self.salts.of(f"admin|{action}|{subject}|{to_millis(at)}")
        fields = {
            "action": action,
            "subject_hash": salted_hash(salt, subject),
            "reason": reason,
        }
        await self.log.record(tx, RecordKind.ADMIN, at, fields)
