"""Referral as rows."""

from collections.abc import Sequence

from rooms.contexts.referral.api import LEVELS, LevelSummary, Member
from rooms.kernel.ids import AccountId, PlayerId
from rooms.kernel.money import Asset
from rooms.platform.database import Row, Tx


class ReferralStorage:
    """One method is one statement, except where a level is one each."""

    async def add_member(
        self,
        tx: Tx,
        player: PlayerId,
        code: str,
        account: AccountId,
        uplines: Sequence[AccountId | None],
    ) -> None:
        await tx.execute(
            "INSERT INTO referral.members "
            "(player_id, code, account_id, upline_1, upline_2, upline_3) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            player,
            code,
            account,
            *uplines,
        )

    async def members(self, tx: Tx, players: Sequence[PlayerId]) -> list[Member]:
        rows = await tx.fetch(
            "SELECT player_id, account_id, upline_1, upline_2, upline_3 "
            "FROM referral.members WHERE player_id = ANY ($1)",
            list(players),
        )
        assert len(rows) == len(set(players)), f"one of {players} never signed up"
        return [_member(row) for row in rows]

    async def member_by_code(self, tx: Tx, code: str) -> Member | None:
        row = await tx.row(
            "SELECT player_id, account_id, upline_1, upline_2, upline_3 "
            "FROM referral.members WHERE code = $1",
            code,
        )
        return None if row is None else _member(row)

    async def code(self, tx: Tx, player: PlayerId) -> str:
        return str(await tx.value("SELECT code FROM referral.members WHERE player_id = $1", player))

    async def open_rewards(self, tx: Tx) -> None:
        await tx.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS rewards "
            "(account_id bigint NOT NULL, level smallint NOT NULL, amount bigint NOT NULL) "
            "ON COMMIT DELETE ROWS"
        )

    async def accrue(self, tx: Tx, asset: Asset) -> None:
        # In one order everywhere, so that two settlements never wait for each other.
        await tx.execute(
            """
            INSERT INTO referral.earnings AS kept (account_id, level, asset, earned)
            SELECT account_id, level, $1, sum(amount) FROM pg_temp.rewards
            GROUP BY account_id, level ORDER BY account_id, level
            ON CONFLICT (account_id, level, asset)
            DO UPDATE SET earned = kept.earned + excluded.earned
            """,
            asset,
        )
        await tx.execute("TRUNCATE pg_temp.rewards")

    async def levels(self, tx: Tx, player: PlayerId) -> list[LevelSummary]:
        account = await tx.value(
            "SELECT account_id FROM referral.members WHERE player_id = $1", player
        )
        summaries = []
        for level in range(1, LEVELS + 1):
            people = await tx.value(
                f"SELECT count(*) FROM referral.members WHERE upline_{level} = $1", account
            )
            earned = await tx.fetch(
                "SELECT asset, earned FROM referral.earnings WHERE account_id = $1 AND level = $2",
                account,
                level,
            )
            summaries.append(
                LevelSummary(level, people, {Asset(row["asset"]): row["earned"] for row in earned})
            )
        return summaries


def _member(row: Row) -> Member:
    return Member(
        PlayerId(row["player_id"]),
        AccountId(row["account_id"]),
        (row["upline_1"], row["upline_2"], row["upline_3"]),
    )
