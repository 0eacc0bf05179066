"""What there may be one of, the database keeps one of, whatever the code above it does."""

from collections import defaultdict
from typing import Final

from rooms.platform.database import Database

ONE_OF_EACH: Final = {
    "ledger.accounts": {"asset, kind, owner"},
    "ledger.holds": {"key"},
    "ledger.journals": {"key"},
    "oracle.observations": {"asset, tick_id"},
    "oracle.watches": {"subject"},
    "parimutuel.bets": {"room_id, player_id", "player_id, key"},
    "parimutuel.decisions": {"room_id"},
    "parimutuel.settlements": {"room_id"},
    "parimutuel.transitions": {"room_id, status"},
    "parimutuel.void_requests": {"room_id, staff_id"},
    "platform.commands": {"scope, key"},
    "platform.inbox": {"consumer, fact_id"},
    "platform.leases": {"name"},
    "referral.members": {"player_id", "code"},
}
UNIQUE: Final = """
    SELECT indrelid::regclass::text AS name,
           (SELECT string_agg(attname, ', ' ORDER BY place)
            FROM unnest(indkey::int2[]) WITH ORDINALITY AS column_of (number, place)
            JOIN pg_attribute ON attrelid = indrelid AND attnum = number) AS columns
    FROM pg_index
    WHERE indisunique AND indisvalid AND indimmediate AND indpred IS NULL AND indexprs IS NULL
"""


async def test_nothing_that_there_may_be_one_of_can_be_there_twice(database: Database) -> None:
    async with database.snapshot() as tx:
        rows = await tx.fetch(UNIQUE)
    kept = defaultdict(set)
    for row in rows:
        kept[row["name"]].add(row["columns"])

    missing = {name: keys - kept[name] for name, keys in ONE_OF_EACH.items()}

    assert {name: keys for name, keys in missing.items() if keys} == {}
