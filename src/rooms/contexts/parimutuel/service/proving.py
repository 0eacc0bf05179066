"""What shows that rooms and bets are in the public log: docs/spec/verification.md."""

from dataclasses import dataclass, field
from typing import Any

from rooms.contexts.fairness.api import Accepted, Log, RecordKind
from rooms.contexts.parimutuel.queries import SettlementQueries
from rooms.kernel.ids import BetId, PlayerId, RoomId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.database import Database
from rooms.proof.betproof import BetProof, bet_proof_json
from rooms.proof.binding import Bound
from rooms.proof.leaves import leaf_json
from rooms.proof.pool import Side
from rooms.proof.records import ref


@dataclass(frozen=True, slots=True)
class Proving:
    """Writes what ``rooms verify`` reads. ``ref_key`` makes the bets' public references."""

    database: Database
    files: SettlementQueries
    log: Log
    ref_key: bytes = field(repr=False)

    async def record(self, room: RoomId) -> dict[str, Any]:
        """Prove the record of a settled room."""
        async with self.database.snapshot() as tx:
            await self.files.head(tx, room)
        found = await self.log.leaf_of(RecordKind.ROOM_SETTLED, {"room": str(room)})
        if found is None:
            raise Refusal("E-PROOF-WAITS", kind=RecordKind.ROOM_SETTLED)
        return leaf_json(found)

    async def bet(self, bet: BetId, owner: PlayerId | None) -> dict[str, Any]:
        """Write a bet's proof."""
        async with self.database.snapshot() as tx:
            row = await self.files.bet(tx, bet, owner)
        at = row["accepted_at"]
        proof = BetProof(
            ref=ref(self.ref_key, "bet", bet),
            room=str(row["room_id"]),
            side=Side(row["side"]),
            stake=row["stake"],
            accepted_at=at,
            binding=await self._bound(bet, at),
            receipt=await self.log.receipt(Accepted.BET, bet, at),
        )
        return bet_proof_json(proof)

    async def _bound(self, bet: BetId, at: Instant) -> Bound | None:
        found = await self.log.binding(Accepted.BET, bet, at)
        if found is None:
            return None
        accepted = await self.log.leaf_at(found.leaf)
        return Bound(index=found.index, size=found.size, path=tuple(found.path), accepted=accepted)
