"""Cosignatures as rows: one per head and witness."""

from rooms.kernel.time import from_millis
from rooms.platform.database import Tx


class WitnessStorage:
    """One method is one statement."""

    async def add(self, tx: Tx, size: int, witness: str, line: str, time: int) -> None:
        """Keep a witness's first cosignature of a head; ``time`` is its own, in Unix seconds."""
        await tx.execute(
            "INSERT INTO fairness.cosignatures (size, witness, line, signed_at) "
            "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            size,
            witness,
            line,
            from_millis(time * 1000),
        )
