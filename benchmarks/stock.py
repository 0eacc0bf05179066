"""Players and bets by the hundred thousand, made inside the database so that the books are right.

Money moves by the ledger's own functions; what the house would have written row by row is written
by one statement. This is the one place that knows how: where a table changes, change it here.
"""

from collections.abc import Iterator

from benchmarks.bets import BET_OF_NUMBER, Bets
from rooms.contexts.parimutuel.settlement_storage import POOL_SHARDS
from rooms.platform.database import Database, Tx

FUND = 10**12
REFERRED_BY_EACH = 10
AT_A_TIME = 500_000
STOCKED = (
    *("identity.players", "identity.tokens", "referral.members"),
    *("ledger.accounts", "ledger.journals", "ledger.entries"),
    *("parimutuel.rooms", "parimutuel.bets", "oracle.watches", "platform.outbox"),
)


async def stock_players(owner: Database, count: int) -> int:
    """Sign up players with play money, tokens and referrers; give the first one's number.

    Their numbers follow each other. Each invited ten of the later ones, three levels deep.
    """
    async with owner.transaction() as tx:
        first, last = await _add_players(tx, count)
        assert last - first + 1 == count, "nobody else signs up meanwhile"
        await tx.execute(
            "INSERT INTO identity.tokens (digest, player_id) "
            "SELECT sha256(convert_to('token-of-' || id, 'UTF8')), id "
            "FROM generate_series($1::bigint, $2::bigint) AS id",
            first,
            last,
        )
        await _add_members(tx, first, last)
    for start, end in _stretches(first, last):
        await _fund(owner, start, end)
    return first


async def _add_players(tx: Tx, count: int) -> tuple[int, int]:
    row = await tx.row(
        """
        WITH made AS (
            INSERT INTO identity.players (name)
            SELECT 'Player ' || n FROM generate_series(1, $1::bigint) AS n RETURNING id
        )
        SELECT min(id) AS first, max(id) AS last FROM made
        """,
        count,
    )
    assert row is not None
    return row["first"], row["last"]


async def _add_members(tx: Tx, first: int, last: int) -> None:
    await tx.execute(
        "CREATE TEMPORARY TABLE stocked ON COMMIT DROP AS "
        "SELECT id - $1::bigint AS place, id AS player, "
        "ledger.open_account('SOL', 'player', id::text) AS account "
        "FROM generate_series($1::bigint, $2::bigint) AS id",
        first,
        last,
    )
    await tx.execute("ANALYZE stocked")
    await tx.execute(
        f"""
        INSERT INTO referral.members (player_id, code, account_id, upline_1, upline_2, upline_3)
        SELECT new.player, 'REF' || lpad(to_hex(new.player), 8, '0'), new.account,
               one.account, two.account, three.account
        FROM stocked AS new
        LEFT JOIN stocked AS one ON new.place > 0 AND one.place = new.place / {REFERRED_BY_EACH}
        LEFT JOIN stocked AS two ON one.place > 0 AND two.place = one.place / {REFERRED_BY_EACH}
        LEFT JOIN stocked AS three
          ON two.place > 0 AND three.place = two.place / {REFERRED_BY_EACH}
        ORDER BY new.player
        """
    )


async def _fund(owner: Database, first: int, last: int) -> None:
    async with owner.transaction() as tx:
        await tx.execute("SELECT ledger.open_movements()")
        await tx.execute(
            "INSERT INTO pg_temp.movements (account_id, amount, kind, ref) "
            "SELECT account_id, $3::bigint, 'fund', 'player:' || player_id "
            "FROM referral.members WHERE player_id BETWEEN $1 AND $2 "
            "UNION ALL SELECT ledger.open_account('SOL', 'world', 'play'), "
            "-$3 * ($2 - $1 + 1), 'fund', 'stock'",
            first,
            last,
            FUND,
        )
        await tx.execute("SELECT ledger.post($1)", f"fund:{first}-{last}")


async def stock_bets(owner: Database, bets: Bets, numbers: range) -> None:
    """Place bets as the house would have, without its facts, half a million at a time."""
    for start, end in _stretches(numbers.start, numbers.stop - 1):
        await _place(owner, bets, start, end)


async def _place(owner: Database, bets: Bets, first: int, last: int) -> None:
    async with owner.transaction() as tx:
        # A plan that is kept looks for each account in a list of all who pay: the house's journals
        # have a few payers, these have half a million.
        await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        await tx.execute("SELECT ledger.open_movements()")
        await tx.execute(
            f"""
            WITH at AS MATERIALIZED (
                SELECT date_trunc('milliseconds', clock_timestamp()) AS accepted
            ), placed AS (
                INSERT INTO parimutuel.bets (room_id, player_id, account_id, side, stake,
                    accepted_at, by_host, upline_1, upline_2, upline_3, key)
                SELECT bet.room_id, bet.player_id, member.account_id, bet.side, bet.stake,
                    at.accepted, false, upline_1, upline_2, upline_3, bet.key
                FROM at CROSS JOIN generate_series($4::bigint, $5::bigint) AS n
                CROSS JOIN LATERAL ({BET_OF_NUMBER}) AS bet
                JOIN referral.members AS member ON member.player_id = bet.player_id
                RETURNING account_id, room_id, stake
            )
            INSERT INTO pg_temp.movements (account_id, amount, kind, ref)
            SELECT account_id, -stake, 'stake', 'room:' || room_id FROM placed
            UNION ALL
            SELECT ledger.open_account('SOL', 'room_pools', shard::text), staked, 'stake',
                   'room:' || room_id
            FROM (SELECT account_id % {POOL_SHARDS} AS shard, room_id, sum(stake) AS staked
                  FROM placed GROUP BY 1, 2) AS pool
            """,
            bets.first_player,
            bets.players,
            list(bets.rooms),
            first,
            last,
        )
        await tx.execute("SELECT ledger.post($1)", f"bets:{bets.rooms[0]}:{first}-{last}")


async def tidy(owner: Database) -> None:
    """Do what the server would have done in the hours in which so many bets come in."""
    async with owner.connection() as connection:
        await connection.execute(f"VACUUM (ANALYZE) {', '.join(STOCKED)}")


def _stretches(first: int, last: int) -> Iterator[tuple[int, int]]:
    for start in range(first, last + 1, AT_A_TIME):
        yield start, min(last, start + AT_A_TIME - 1)
