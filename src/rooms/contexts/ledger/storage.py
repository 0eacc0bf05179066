"""The ledger's writing side: each method calls one function of the database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import msgspec

from rooms.contexts.ledger.api import Movement
from rooms.kernel.ids import AccountId, HoldId, JournalId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.database import Tx

# What the functions of migration 0002 raise where they refuse.
TOO_LITTLE: Final = "RL002"
KEY_REUSED: Final = "RL003"
HOLD_TOO_SMALL: Final = "RL004"
HOLD_ENDED: Final = "RL005"


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
        async with refusing():
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
        async with refusing():
            return HoldId(
                await tx.value(
                    "SELECT ledger.reserve($1, $2, $3, $4, $5)",
                    key,
                    account,
                    amount,
                    ref,
                    expires_at,
                )
            )

    async def end_hold(self, tx: Tx, hold: HoldId, state: str) -> bool:
        return bool(await tx.value("SELECT ledger.end_hold($1, $2)", hold, state))

    async def post_hold(self, tx: Tx, hold: HoldId, key: str) -> JournalId:
        async with refusing():
            return JournalId(await tx.value("SELECT ledger.post_hold($1, $2)", hold, key))

    async def holds_to_expire(self, tx: Tx) -> list[HoldId]:
        rows = await tx.fetch(
            "SELECT id FROM ledger.holds "
            "WHERE state = 'held' AND expires_at <= clock_timestamp() "
            "ORDER BY account_id, id LIMIT 500"
        )
        return [HoldId(row["id"]) for row in rows]


@asynccontextmanager
async def refusing() -> AsyncIterator[None]:
    """Turn what the ledger's functions refuse into refusals; anything else is a bug."""
    try:
        yield
    except asyncpg.NumericValueOutOfRangeError as error:
        raise Refusal("E-AMOUNT") from error
    except asyncpg.PostgresError as error:
        if error.sqlstate == TOO_LITTLE:
            detail = msgspec.json.decode(error.detail or "{}")
            raise Refusal(
                "E-BAL-LOW", available=detail["available"], needed=detail["needed"]
            ) from error
        if error.sqlstate == KEY_REUSED:
            raise Refusal("E-KEY-REUSED") from error
        if error.sqlstate in (HOLD_TOO_SMALL, HOLD_ENDED):
            raise Refusal("E-HOLD", why=str(error)) from error
        raise
