"""The ledger's writing side: each method calls one function of the database."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import msgspec

from rooms.contexts.ledger.api import Movement, Payment
from rooms.kernel.ids import AccountId, HoldId, JournalId
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import Instant
from rooms.platform.database import Tx, array

# What the functions of migrations 0002 and 0008 raise where they refuse.
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
            "SELECT * FROM unnest($1::text::bigint[], $2::text::bigint[], "
            "$3::text::text[], $4::text::text[])",
            array([movement.account for movement in movements]),
            array([movement.amount for movement in movements]),
            array([movement.kind for movement in movements]),
            array([movement.ref for movement in movements]),
        )

    async def post(self, tx: Tx, key: str) -> JournalId:
        async with refusing():
            return JournalId(await tx.value("SELECT ledger.post($1)", key))

    async def spendable(
        self, tx: Tx, accounts: Collection[AccountId], *, wait: bool
    ) -> dict[AccountId, int]:
        rows = await tx.fetch(
            "SELECT account_id, available FROM ledger.spendable($1::text::bigint[], $2)",
            array(list(accounts)),
            wait,
        )
        return {AccountId(account): available for account, available in rows}

    async def collect(
        self, tx: Tx, key: str, kind: str, payments: Sequence[Payment], into: AccountId
    ) -> JournalId:
        payers, amounts, refs = zip(*payments, strict=True)
        return JournalId(
            await tx.value(
                "SELECT ledger.collect("
                "$1, $2, $3::text::bigint[], $4::text::bigint[], $5::text::text[], $6)",
                key,
                kind,
                array(payers),
                array(amounts),
                array(refs),
                into,
            )
        )

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

    async def check_entries(self, tx: Tx, most: int) -> tuple[int, bool, list[str]]:
        """Check the next entries; give how many, whether that was all, what is wrong and new."""
        row = await tx.row("SELECT checked, whole, wrong FROM ledger.check_entries($1)", most)
        assert row is not None
        return row["checked"], row["whole"], row["wrong"]

    async def check_accounts(self, tx: Tx, after: int, most: int) -> tuple[int, list[str]]:
        """Check accounts; give after which to go on (0: from the first), what is wrong and new."""
        row = await tx.row("SELECT last, wrong FROM ledger.check_accounts($1, $2)", after, most)
        assert row is not None
        return row["last"] or 0, row["wrong"]

    async def alarms(self, tx: Tx) -> int:
        return int(await tx.value("SELECT count(*) FROM ledger.alarms"))


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
