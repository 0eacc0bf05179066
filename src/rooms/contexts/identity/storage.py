"""Identity as rows."""

from collections.abc import Collection, Sequence

from rooms.contexts.identity.api import Administrator, Bearer, Standing
from rooms.kernel.ids import PlayerId, StaffId
from rooms.kernel.time import Instant
from rooms.platform.database import Row, Tx


class IdentityStorage:
    """One method is one statement."""

    async def add_player(self, tx: Tx, name: str) -> PlayerId:
        return PlayerId(
            await tx.value("INSERT INTO identity.players (name) VALUES ($1) RETURNING id", name)
        )

    async def add_token(
        self,
        tx: Tx,
        digest: bytes,
        *,
        player: PlayerId | None = None,
        staff: StaffId | None = None,
    ) -> None:
        await tx.execute(
            "INSERT INTO identity.tokens (digest, player_id, staff_id) VALUES ($1, $2, $3)",
            digest,
            player,
            staff,
        )

    async def players_by_token(self, tx: Tx, digests: Sequence[bytes]) -> dict[bytes, PlayerId]:
        rows = await tx.fetch(
            "SELECT digest, player_id FROM identity.tokens "
            "WHERE digest = ANY ($1) AND player_id IS NOT NULL",
            list(digests),
        )
        return {digest: PlayerId(player) for digest, player in rows}

    async def keep_tokens(
        self, tx: Tx, bearers: Collection[Bearer], *, wait: bool
    ) -> set[Standing]:
        kept = await tx.value(
            "SELECT identity.keep_tokens($1, $2, $3)",
            [bearer.standing for bearer in bearers],
            [bearer.player_id for bearer in bearers],
            wait,
        )
        return {Standing(digest) for digest in kept}

    async def staff_by_token(self, tx: Tx, digest: bytes) -> Administrator | None:
        row = await tx.row(
            "SELECT staff.id, staff.name, staff.player_id FROM identity.tokens AS token "
            "JOIN identity.staff ON staff.id = token.staff_id WHERE token.digest = $1",
            digest,
        )
        return None if row is None else _administrator(row)

    async def add_staff(self, tx: Tx, name: str, player: PlayerId | None) -> Administrator:
        await tx.execute(
            "INSERT INTO identity.staff (name, player_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            name,
            player,
        )
        row = await tx.row("SELECT id, name, player_id FROM identity.staff WHERE name = $1", name)
        assert row is not None
        return _administrator(row)

    async def add_audit(
        self, tx: Tx, action: str, subject: str, reason: str, by: StaffId | None
    ) -> Instant:
        """Write an audit row; give its time."""
        at: Instant = await tx.value(
            "INSERT INTO identity.audit (action, subject, reason, staff_id) "
            "VALUES ($1, $2, $3, $4) RETURNING at",
            action,
            subject,
            reason,
            by,
        )
        return at


def _administrator(row: Row) -> Administrator:
    player = row["player_id"]
    return Administrator(
        StaffId(row["id"]), row["name"], None if player is None else PlayerId(player)
    )
