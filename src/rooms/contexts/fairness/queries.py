"""What the log shows: heads, entries, tiles."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rooms.contexts.fairness.api import Accepted, Head, RecordKind
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx
from rooms.proof.tiles import WIDTH, split_hashes

OF_ROOMS: Final = frozenset({RecordKind.ROOM_OPENED, RecordKind.ROOM_SETTLED})
HEAD: Final = """
    SELECT head.size, head.root, head.at, head.checkpoint,
           (SELECT coalesce(array_agg(line ORDER BY signed.at, witness), '{}')
            FROM fairness.cosignatures AS signed WHERE signed.size = head.size) AS cosignatures
    FROM fairness.heads AS head
"""


class LogQueries:
    """Reads the log; one method is one statement, but for tiles that are not full yet."""

    async def head(self, tx: Tx) -> Head | None:
        """Give the newest head."""
        return _head(await tx.row(f"{HEAD} ORDER BY size DESC LIMIT 1"))

    async def head_of(self, tx: Tx, size: int) -> Head | None:
        """Give the head of this size, if one was signed."""
        return _head(await tx.row(f"{HEAD} WHERE size = $1", size))

    async def witnessed(self, tx: Tx) -> Head | None:
        """Give the newest head that a witness cosigned."""
        return _head(
            await tx.row(f"{HEAD} WHERE size = (SELECT max(size) FROM fairness.cosignatures)")
        )

    async def head_over(self, tx: Tx, leaf: int) -> Head | None:
        """Give the first head that covers a leaf."""
        return _head(await tx.row(f"{HEAD} WHERE size > $1 ORDER BY size LIMIT 1", leaf))

    async def head_shown(self, tx: Tx, leaf: int) -> Head | None:
        """Give the first cosigned head that covers a leaf, or the first of all that do."""
        return _head(
            await tx.row(
                f"""{HEAD} WHERE size = coalesce(
                    (SELECT min(size) FROM fairness.cosignatures WHERE size > $1),
                    (SELECT min(size) FROM fairness.heads WHERE size > $1))""",
                leaf,
            )
        )

    async def entries(self, tx: Tx, start: int, most: int) -> list[str]:
        rows = await tx.fetch(
            "SELECT entry FROM fairness.leaves WHERE index >= $1 AND index < $1 + $2 "
            "ORDER BY index",
            start,
            most,
        )
        return [row["entry"] for row in rows]

    async def hashes(self, tx: Tx, level: int, number: int) -> list[bytes]:
        """Give the hashes of a tile, as far as there are any."""
        full = await tx.value(
            "SELECT hashes FROM fairness.tiles WHERE level = $1 AND number = $2", level, number
        )
        if full is not None:
            return split_hashes(full)
        return await (self._leaves(tx, number) if level == 0 else self._roots(tx, level, number))

    async def _leaves(self, tx: Tx, tile: int) -> list[bytes]:
        rows = await tx.fetch(
            "SELECT hash FROM fairness.leaves WHERE index >= $1 AND index < $1 + $2 ORDER BY index",
            tile * WIDTH,
            WIDTH,
        )
        return [row["hash"] for row in rows]

    async def _roots(self, tx: Tx, level: int, tile: int) -> list[bytes]:
        rows = await tx.fetch(
            "SELECT root FROM fairness.tiles "
            "WHERE level = $1 AND number >= $2 AND number < $2 + $3 ORDER BY number",
            level - 1,
            tile * WIDTH,
            WIDTH,
        )
        return [row["root"] for row in rows]

    async def records(
        self, tx: Tx, kind: RecordKind, fields: Mapping[str, Any]
    ) -> list[tuple[int, Mapping[str, Any]]]:
        """Give the records of a kind that contain these fields and are in the log, oldest first.

        Of games, by any of their fields; of rooms, by the room.
        """
        if kind in OF_ROOMS:
            return await self._of_room(tx, kind, fields["room"])
        rows = await tx.fetch(
            """
            SELECT leaf, fields FROM fairness.pending
            JOIN fairness.sequenced ON pending_id = pending.id
            WHERE kind = $1 AND kind LIKE 'keno.%' AND fields @> $2 ORDER BY leaf LIMIT 100
            """,
            kind,
            fields,
        )
        return [(row["leaf"], row["fields"]) for row in rows]

    async def _of_room(
        self, tx: Tx, kind: RecordKind, room: str
    ) -> list[tuple[int, Mapping[str, Any]]]:
        rows = await tx.fetch(
            """
            SELECT leaf, fields FROM fairness.pending
            JOIN fairness.sequenced ON pending_id = pending.id
            WHERE kind = $1 AND kind LIKE 'room.%' AND fields ->> 'room' = $2 ORDER BY leaf
            """,
            kind,
            room,
        )
        return [(row["leaf"], row["fields"]) for row in rows]

    async def batch_of(
        self, tx: Tx, kind: Accepted, number: int, at: Instant
    ) -> tuple[Sequence[int], int | None] | None:
        """Give the batch that a row was accepted in, and the leaf that it stands under by now."""
        row = await tx.row(
            """
            SELECT ids, leaf FROM fairness.pending
            LEFT JOIN fairness.sequenced ON pending_id = pending.id
            WHERE at = $1 AND kind = $2 AND ids IS NOT NULL AND $3 = ANY (ids)
            """,
            at,
            kind,
            number,
        )
        return None if row is None else (row["ids"], row["leaf"])

    async def batches_under(self, tx: Tx, leaf: int) -> list[tuple[Accepted, Sequence[int]]]:
        """Give the batches of an ``accepted`` leaf, in the order in which its root has them."""
        rows = await tx.fetch(
            """
            SELECT kind, ids FROM fairness.sequenced
            JOIN fairness.pending ON pending.id = pending_id
            WHERE leaf = $1 AND ids IS NOT NULL ORDER BY at, pending.id
            """,
            leaf,
        )
        return [(Accepted(row["kind"]), row["ids"]) for row in rows]


def _head(row: Row | None) -> Head | None:
    if row is None:
        return None
    return Head(
        size=row["size"],
        root=row["root"],
        at=row["at"],
        checkpoint=row["checkpoint"],
        cosignatures=tuple(row["cosignatures"]),
    )
