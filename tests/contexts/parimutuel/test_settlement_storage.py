"""The statements of a settlement: plans that are older than the bets, and exact fees."""

from random import Random

import pytest

from rooms.contexts.parimutuel.settlement_storage import (
    BIGINT,
    RoomDecision,
    SettlementStorage,
    fee_in_sql,
)
from rooms.kernel.ids import RoomId
from rooms.platform.database import Database, Tx
from rooms.proof.pool import BPS, Fees, Side, Terms, fees, reward
from tests.houses import House

BETS_OF_OTHERS = """
    INSERT INTO parimutuel.bets
        (room_id, player_id, account_id, side, stake, accepted_at, by_host, key)
    SELECT 100 + n % 100, n, n, 'YES', 1, clock_timestamp(), false, n::text
    FROM generate_series(1, 20000) AS n
"""
READ = """
    SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_all_tables
    WHERE schemaname = 'parimutuel' AND relname = 'bets'
"""
DECISION = RoomDecision(outcome=Side.YES, reason=None, trigger="test")
FEES = Fees(takeout=2, host_fee=1, protocol_fee=1, net=198)


async def read_the_bets(tx: Tx) -> None:
    """Run every statement of a payout that reads bets, for a room that has none."""
    settlements, room = SettlementStorage(), RoomId(7)
    await settlements.totals(tx, room, DECISION)
    await settlements.pay_bets(tx, room, DECISION, FEES, 1)
    await settlements.reward_uplines(
        tx, room, DECISION, takeout=2, handle=200, bps=(1500, 500, 200)
    )


async def test_a_payout_reads_its_own_rooms_bets_though_its_plans_are_older_than_all_bets(
    house: House, database: Database
) -> None:
    async with database.transaction() as tx:
        await house.ledger.open_movements(tx)
        await house.referral.open_rewards(tx)
        for _ in range(8):
            await read_the_bets(tx)
        async with house.owner.transaction() as owner:
            await owner.execute(BETS_OF_OTHERS)
        await read_the_bets(tx)
        read = await tx.value(READ)

    assert read < 1000


LARGEST = BIGINT // BPS


@pytest.mark.parametrize("capped", [False, True], ids=["a takeout of so many bps", "a capped one"])
async def test_a_stakes_fee_is_the_published_one_in_whatever_way_it_is_divided(
    database: Database, capped: bool
) -> None:
    chance = Random(capped)
    ways = set()
    async with database.transaction() as tx:
        for handle in (1, 2, 9_999, 10_001, 10**9 + 7, LARGEST - 1, LARGEST + 1, 10**18 - 1):
            agreed = Terms(protocol_bps=chance.randint(1, 700), host_bps=chance.randint(0, 300))
            taken = fees(handle, handle - chance.randint(0, handle // 7) if capped else 1, agreed)
            stakes = [1, handle, *(chance.randint(1, handle) for _ in range(20))]
            fee, share, of_fee = fee_in_sql(taken.takeout, handle)
            ways.add(fee)
            for bps in (0, 200, 1500):
                rewards = await tx.value(
                    f"SELECT array_agg({share.format(bps='$2::bigint')} ORDER BY place) "
                    f"FROM (SELECT $3::int + $4::int + $5::int AS no, place, {fee} AS fee "
                    "FROM unnest($1::bigint[]) WITH ORDINALITY AS bet (stake, place)) AS bet",
                    *(stakes, bps, 0, 0, 0),
                    *of_fee,
                )
                assert rewards == [reward(stake, taken.takeout, handle, bps) for stake in stakes]
    assert len(ways) == 2
