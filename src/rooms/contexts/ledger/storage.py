"""The ledger's writing side: each method calls one function of the database."""

from collections.abc import Sequence

from rooms.contexts.ledger.api import Movement
from rooms.kernel.ids import AccountId, HoldId, JournalId
from rooms.kernel.time import Instant
from rooms.platform.database import Tx


class LedgerStorage:
    """One method is one statement."""

    async def open_account(self, tx: Tx, asset: str, kind: str, owner: str) -> AccountId:
        return AccountId(
            await tx.value("SELECT ledger.open_account($1, $2, $3)", asset, kind, owner)
        )

    async def open_movements(self, tx: Tx) -> None:
        await tx.execute("SELECT ledger.open_movements()")

    async def add_movements(self, tx: Tx, movements: Sequence[Movement]) -> None:
        await tx.execute(
            "INSERT INTO pg_temp.movements (account_id, amount, kind, ref) "
            "SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[])",
            [movement.account for movement in movements],
            [movement.amount for movement in movements],
            [movement.kind for movement in movements],
            [movement.ref for movement in movements],
        )

    async def post(self, tx: Tx, key: str) -> JournalId:
        return JournalId(await tx.value("SELECT ledger.post($1)", key))

    async def reserve(
        self,
        tx: Tx,
        key: str,
        account: AccountId,
        amount: int,
        ref: str,
        expires_at: Instant,
    ) -> HoldId:
        return HoldId(
            await tx.value(
                "SELECT ledger.reserve($1, $2, $3, $4, $5)", key, account, amount, ref, expires_at
            )
        )

    async def end_hold(self, tx: Tx, hold: HoldId, state: str) -> bool:
        return bool(await tx.value("SELECT ledger.end_hold($1, $2)", hold, state))

    async def post_hold(self, tx: Tx, hold: HoldId, key: str) -> JournalId:
        return JournalId(await tx.value("SELECT ledger.post_hold($1, $2)", hold, key))

    async def holds_to_expire(self, tx: Tx) -> list[HoldId]:
        rows = await tx.fetch(
            "SELECT id FROM ledger.holds "
            "WHERE state = 'held' AND expires_at <= clock_timestamp() ORDER BY id LIMIT 500"
        )
        return [HoldId(row["id"]) for row in rows]
