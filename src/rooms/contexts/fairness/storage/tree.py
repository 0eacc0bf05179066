"""The log as rows: leaves, tiles, heads, and what stands under which leaf. Only added to."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from rooms.contexts.fairness.domain import Leaf, NewHead
from rooms.kernel.time import Instant
from rooms.platform.database import Tx
from rooms.proof.tiles import Tile

# The database ends a transaction whose process says nothing for so long: one that has stopped in
# the middle of a head must not keep others waiting for it.
SILENCE: Final = timedelta(seconds=3)


class TreeStorage:
    """One method is one statement."""

    async def keep_short(self, tx: Tx) -> None:
        """Let the database end this transaction where its process has stopped."""
        await tx.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', $1, true)",
            f"{SILENCE // timedelta(milliseconds=1)}ms",
        )

    async def begin_head(self, tx: Tx) -> Instant:
        """Make others wait for the head that this transaction stores; give the time after."""
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('fairness.head', 0))")
        at: Instant = await tx.value("SELECT date_trunc('milliseconds', clock_timestamp())")
        return at

    async def last(self, tx: Tx) -> tuple[int, int] | None:
        """Give size and horizon of the last head, if there is one."""
        row = await tx.row(
            "SELECT size, horizon::text AS horizon FROM fairness.heads ORDER BY size DESC LIMIT 1"
        )
        return None if row is None else (row["size"], int(row["horizon"]))

    async def add_leaves(self, tx: Tx, start: int, leaves: Sequence[Leaf]) -> None:
        await tx.execute(
            "INSERT INTO fairness.leaves (index, entry, hash) "
            "SELECT $1 + place - 1, entry, hash "
            "FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS leaf (entry, hash, place)",
            start,
            [leaf.entry for leaf in leaves],
            [leaf.hash for leaf in leaves],
        )

    async def add_sequenced(self, tx: Tx, start: int, leaves: Sequence[Leaf]) -> None:
        places = [
            (pending, index) for index, leaf in enumerate(leaves, start) for pending in leaf.pending
        ]
        await tx.execute(
            "INSERT INTO fairness.sequenced (pending_id, leaf) "
            "SELECT * FROM unnest($1::bigint[], $2::bigint[])",
            [pending for pending, _ in places],
            [index for _, index in places],
        )

    async def add_tiles(self, tx: Tx, tiles: Iterable[Tile]) -> None:
        for tile in tiles:
            await tx.execute(
                "INSERT INTO fairness.tiles (level, number, hashes, root) VALUES ($1, $2, $3, $4)",
                tile.level,
                tile.number,
                b"".join(tile.hashes),
                tile.root,
            )

    async def add_head(self, tx: Tx, head: NewHead) -> None:
        await tx.execute(
            "INSERT INTO fairness.heads (size, root, at, checkpoint, horizon, epoch) "
            "VALUES ($1, $2, $3, $4, $5::text::xid8, $6)",
            head.size,
            head.root,
            head.at,
            head.checkpoint,
            str(head.horizon),
            head.epoch,
        )
