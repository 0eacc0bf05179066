"""The plans of a settlement's statements, kept from when the tables were empty."""

from rooms.contexts.parimutuel.settlement_storage import RoomDecision, SettlementStorage
from rooms.kernel.ids import RoomId
from rooms.platform.database import Database, Tx
from rooms.proof.pool import Fees, Side
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
