"""Decisions and settlements as rows, and the set-based statements that divide a room's money.

No row of a settlement travels through Python: the payout of a bet is ``parimutuel.payout``, the
fees come from ``proof.pool`` over two sums, and the ledger posts ``pg_temp.movements`` at once.
Three statements read the bets: what they sum to, what each is paid, what its uplines earn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from rooms.kernel.ids import AccountId, JournalId, RoomId
from rooms.kernel.time import Instant
from rooms.platform.database import Tx, array
from rooms.proof.pool import BPS, Fees, Side

# How many rows hold the stakes of all unsettled rooms, so that bettors do not wait on one row.
POOL_SHARDS: Final = 4

# Rows of a million bets are sorted and joined in memory, by one room at a time.
WORK_MEMORY: Final = "64MB"

# The bets of all rooms with what the log says of them. A room none of whose bets came late, which
# is nearly every room, is read without a join.
BOUND: Final = "(SELECT *, false AS unbound FROM parimutuel.bets)"
JUDGED: Final = """(
    SELECT bet.*, late.room_id IS NOT NULL AS unbound FROM parimutuel.bets AS bet
    LEFT JOIN parimutuel.unbound AS late USING (room_id, player_id))"""

# Integers of the database are below this.
BIGINT: Final = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomDecision:
    """What came of a room's question: an outcome, or the reason of a void.

    ``unbound`` counts the bets that no head of the log covered in time.
    """

    outcome: Side | None
    reason: str | None
    trigger: str
    t_hit: Instant | None = None
    t_clear: Instant | None = None
    cutoff: Instant | None = None
    evidence: Sequence[dict[str, Any]] = ()
    unbound: int = 0

    @property
    def bets(self) -> str:
        """The relation that the room's bets are read from."""
        return JUDGED if self.unbound else BOUND


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a room's bets: counted stakes, those on the winner, all stakes by pool shard."""

    bets: int
    handle: int
    winning: int
    scratched: int
    shards: Sequence[int]

    @property
    def staked(self) -> int:
        """All stakes, scratched ones too."""
        return sum(self.shards)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a room's money was divided; ``reason`` in a void, else ``outcome``. Lamports."""

    outcome: Side | None
    reason: str | None
    cutoff: Instant | None
    totals: Totals
    fees: Fees
    breakage: int
    rewards: int
    journal: JournalId | None


class SettlementStorage:
    """One method is one statement."""

    async def add_decision(self, tx: Tx, room: RoomId, decision: RoomDecision, at: Instant) -> None:
        await tx.execute(
            """
            INSERT INTO parimutuel.decisions
                (room_id, outcome, reason, trigger, t_hit, t_clear, cutoff, evidence, unbound, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """,
            room,
            decision.outcome,
            decision.reason,
            decision.trigger,
            decision.t_hit,
            decision.t_clear,
            decision.cutoff,
            list(decision.evidence),
            decision.unbound,
            at,
        )

    async def decision(self, tx: Tx, room: RoomId) -> RoomDecision | None:
        row = await tx.row(
            "SELECT outcome, reason, trigger, t_hit, t_clear, cutoff, evidence, unbound "
            "FROM parimutuel.decisions WHERE room_id = $1",
            room,
        )
        if row is None:
            return None
        columns: dict[str, Any] = dict(row)
        outcome = columns.pop("outcome")
        return RoomDecision(outcome=Side(outcome) if outcome else None, **columns)

    async def make_room(self, tx: Tx, time_out: timedelta) -> None:
        """Let this transaction's statements take more memory and time than those of requests.

        They read bets by the page, until ``bets_are_read``: in the order of the index, which is
        that of the players, each bet of a room of ten thousand would be on another page.
        """
        await tx.execute(
            "SELECT set_config('work_mem', $1, true), set_config('statement_timeout', $2, true), "
            "set_config('enable_indexscan', 'off', true)",
            WORK_MEMORY,
            f"{time_out // timedelta(milliseconds=1)}ms",
        )

    async def bets_are_read(self, tx: Tx) -> None:
        """Let what follows find its rows, which are in order or few, by an index again."""
        await tx.execute("SELECT set_config('enable_indexscan', 'on', true)")

    async def add_unbound(self, tx: Tx, room: RoomId, bets: Sequence[int]) -> int:
        """Remember which of these bets are of the room; give how many."""
        return await tx.execute(
            "INSERT INTO parimutuel.unbound (room_id, player_id) "
            "SELECT room_id, player_id FROM parimutuel.bets "
            "WHERE room_id = $1 AND id = ANY ($2::text::bigint[])",
            room,
            array(bets),
        )

    async def totals(self, tx: Tx, room: RoomId, decision: RoomDecision) -> Totals:
        rows = await tx.fetch(
            f"""
            SELECT account_id % $4 AS shard, count(*) AS bets, sum(stake)::bigint AS staked,
                   coalesce(sum(stake) FILTER (WHERE counted), 0)::bigint AS handle,
                   coalesce(sum(stake) FILTER (WHERE counted AND side = $2), 0)::bigint
                       AS winning,
                   count(*) FILTER (WHERE NOT counted) AS scratched
            FROM (SELECT account_id, stake, side,
                         NOT unbound AND ($3::timestamptz IS NULL OR accepted_at < $3) AS counted
                  FROM {decision.bets} AS judged WHERE room_id = $1) AS bet
            GROUP BY shard
            """,
            room,
            decision.outcome,
            decision.cutoff,
            POOL_SHARDS,
        )
        staked = {row["shard"]: row["staked"] for row in rows}
        return Totals(
            bets=sum(row["bets"] for row in rows),
            handle=sum(row["handle"] for row in rows),
            winning=sum(row["winning"] for row in rows),
            scratched=sum(row["scratched"] for row in rows),
            shards=[staked.get(shard, 0) for shard in range(POOL_SHARDS)],
        )

    async def players_before(self, tx: Tx, room: RoomId, at: Instant) -> int:
        return int(
            await tx.value(
                "SELECT count(*) FROM parimutuel.bets WHERE room_id = $1 AND accepted_at < $2",
                room,
                at,
            )
        )

    async def pay_bets(
        self, tx: Tx, room: RoomId, decision: RoomDecision, fees: Fees | None, winning: int
    ) -> None:
        """Fill the movements with every payout and refund.

        ``fees`` is None in a void: then every bet is refunded.
        """
        outcome = None if fees is None else decision.outcome
        await tx.execute(
            f"""
            INSERT INTO pg_temp.movements (account_id, amount, kind, ref)
            SELECT account_id, pay,
                   CASE WHEN $2::text IS NULL OR unbound OR accepted_at >= $3 THEN 'refund'
                        ELSE 'payout' END, 'room:' || $1::bigint
            FROM (SELECT account_id, accepted_at, unbound,
                         parimutuel.payout(side, stake, accepted_at,
                             CASE WHEN NOT unbound THEN $2 END, $3, $4, $5) AS pay
                  FROM {decision.bets} AS judged WHERE room_id = $1
                  OFFSET 0) AS bet -- without it a payout would be divided once to be looked at
            WHERE pay > 0
            """,
            room,
            outcome,
            decision.cutoff,
            0 if fees is None else fees.net,
            winning,
        )

    async def paid_out(self, tx: Tx) -> int:
        """Give the sum of the payouts among the movements."""
        return int(
            await tx.value(
                "SELECT coalesce(parimutuel.total(amount), 0) FROM pg_temp.movements "
                "WHERE kind = 'payout'"
            )
        )

    async def reward_uplines(
        self,
        tx: Tx,
        room: RoomId,
        decision: RoomDecision,
        *,
        takeout: int,
        handle: int,
        bps: Sequence[int],
    ) -> None:
        """Fill ``pg_temp.rewards``: per counted bet and level, by account."""
        fee, share, of_fee = fee_in_sql(takeout, handle)
        one, two, three = (share.format(bps=f"${n}::bigint") for n in (3, 4, 5))
        await tx.execute(
            f"""
            WITH line AS MATERIALIZED (
                SELECT upline_1, upline_2, upline_3, parimutuel.total({one}) AS one,
                       parimutuel.total({two}) AS two, parimutuel.total({three}) AS three
                FROM (SELECT upline_1, upline_2, upline_3, {fee} AS fee
                      FROM {decision.bets} AS judged
                      WHERE room_id = $1 AND NOT unbound
                        AND ($2::timestamptz IS NULL OR accepted_at < $2)
                      OFFSET 0) AS bet -- without it the fee would be divided for each level
                GROUP BY upline_1, upline_2, upline_3
            )
            INSERT INTO pg_temp.rewards (account_id, level, amount)
            SELECT upline_1, 1, parimutuel.total(one) FROM line
            WHERE upline_1 IS NOT NULL AND one IS NOT NULL GROUP BY upline_1
            UNION ALL
            SELECT upline_2, 2, parimutuel.total(two) FROM line
            WHERE upline_2 IS NOT NULL AND two IS NOT NULL GROUP BY upline_2
            UNION ALL
            SELECT upline_3, 3, parimutuel.total(three) FROM line
            WHERE upline_3 IS NOT NULL AND three IS NOT NULL GROUP BY upline_3
            """,
            room,
            decision.cutoff,
            *(*bps, None, None, None)[:3],
            *of_fee,
        )

    async def pay_rewards(self, tx: Tx, room: RoomId) -> int:
        """Turn ``pg_temp.rewards`` into movements; give their sum."""
        paid = await tx.value(
            """
            WITH paid AS (
                INSERT INTO pg_temp.movements (account_id, amount, kind, ref)
                SELECT account_id, amount, 'referral', 'room:' || $1::bigint
                FROM pg_temp.rewards WHERE amount > 0 RETURNING amount
            )
            SELECT coalesce(parimutuel.total(amount), 0) FROM paid
            """,
            room,
        )
        return int(paid)

    async def add_settlement(self, tx: Tx, room: RoomId, settled: Settled, at: Instant) -> None:
        await tx.execute(
            """
            INSERT INTO parimutuel.settlements
                (room_id, outcome, reason, cutoff, handle, winning, net, takeout, host_fee,
                 protocol_fee, breakage, rewards, scratched, bets, journal_id, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            """,
            room,
            settled.outcome,
            settled.reason,
            settled.cutoff,
            settled.totals.handle,
            settled.totals.winning,
            settled.fees.net,
            settled.fees.takeout,
            settled.fees.host_fee,
            settled.fees.protocol_fee,
            settled.breakage,
            settled.rewards,
            settled.totals.scratched,
            settled.totals.bets,
            settled.journal,
            at,
        )


def fee_in_sql(takeout: int, handle: int) -> tuple[str, str, tuple[int, ...]]:
    """Say what fee a ``stake`` brought, ``takeout * stake // handle``, and a level's ``bps`` of it.

    Gives two expressions and the values of the first one's parameters, from $6 on. ``numeric``
    would be right for every amount and costs as much as all the rest of a bet's rewards. With
    ``bps = ceil(10_000 * takeout / handle)`` and ``rest = handle * bps - 10_000 * takeout`` the fee
    is ``(stake * bps - ceil(stake * rest / handle)) // 10_000``, where no product exceeds a bigint
    as long as the rest is small, as it is where the takeout is so many bps, rounded down.
    """
    bps = -(-takeout * BPS // handle)
    rest = handle * bps - takeout * BPS
    if handle * max(rest + 1, BPS) < BIGINT:
        fee = "(stake * $6::bigint - (stake * $7::bigint + $8::bigint - 1) / $8) / 10000"
        return fee, "fee * {bps} / 10000", (bps, rest, handle)
    share = "fee / 10000 * {bps} + fee % 10000 * {bps} / 10000"
    return "div($6::numeric * stake, $7)::bigint", share, (takeout, handle)


def pool_shard(account: AccountId) -> int:
    """Say in which shard the stakes of a player's account lie; ``totals`` says the same."""
    return account % POOL_SHARDS
