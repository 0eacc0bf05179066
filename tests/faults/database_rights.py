"""What each role of the database may do, by table; a new table has to find its place here."""

from typing import Any, Final

# Written by the ledger's functions or the migrations; the application only reads.
READ_ONLY: Final = {
    "ledger.accounts",
    "ledger.alarms",
    "ledger.entries",
    "ledger.holds",
    "ledger.journals",
    "ledger.kinds",
    "ledger.check_chains",
    "ledger.check_place",
    "ledger.check_sums",
    "platform.keys",
    "platform.migrations",
}
# Rows are added and never changed or removed.
APPENDED: Final = {
    "fairness.beacons",
    "fairness.chain_ends",
    "fairness.chains",
    "fairness.cosignatures",
    "fairness.drand_chains",
    "fairness.heads",
    "fairness.leaves",
    "fairness.pending",
    "fairness.sequenced",
    "fairness.statement_parts",
    "fairness.statements",
    "fairness.tiles",
    "identity.audit",
    "identity.players",
    "identity.staff",
    "keno.game_moves",
    "keno.multipliers",
    "keno.paytables",
    "keno.refunds",
    "keno.results",
    "keno.settlements",
    "keno.skips",
    "keno.terms",
    "keno.tickets",
    "oracle.observations",
    "oracle.terms",
    "oracle.ticks",
    "parimutuel.bets",
    "parimutuel.decisions",
    "parimutuel.settlements",
    "parimutuel.transitions",
    "parimutuel.unbound",
    "parimutuel.void_requests",
    "platform.inbox",
    "platform.outbox",
    "referral.members",
}
# Rows are added, and these columns of them are changed.
CHANGED: Final = {
    "keno.bankrolls": {"exposure", "funds"},
    "keno.games": {"chains", "drawn_to", "locked_to", "locks_next", "settled_to", "status"},
    "keno.rounds": {"exposure", "handle", "tickets"},
    "oracle.watches": {"clear_at", "clear_tick", "ended_at", "met_since", "met_ticks"},
    "parimutuel.hosts": {"player_id"},
    "parimutuel.rooms": {"status"},
    "platform.commands": {"answer"},
    "platform.cursors": {"consumer", "txid"},
    "platform.topics": {"seq", "told_to", "topic", "watched_until"},
    "platform.leases": {"epoch", "holder", "name", "until"},
    "referral.earnings": {"account_id", "asset", "earned", "level"},
}
# Rows are added and removed: a token that is revoked is forgotten, as are old frames.
REMOVED: Final = {"identity.tokens", "platform.frames"}

HIDDEN_FROM_READERS: Final = {"identity.tokens", "platform.keys"}

TABLES: Final = """
    SELECT format('%I.%I', space.nspname, class.relname) AS name,
           has_table_privilege($1, class.oid, 'SELECT') AS selected,
           has_any_column_privilege($1, class.oid, 'INSERT') AS added,
           has_table_privilege($1, class.oid, 'DELETE') AS removed,
           has_table_privilege($1, class.oid, 'TRUNCATE, TRIGGER, REFERENCES, MAINTAIN') AS more,
           (SELECT coalesce(array_agg(attname::text), '{}') FROM pg_attribute
            WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped
              AND has_column_privilege($1, class.oid, attnum, 'UPDATE')) AS changed
    FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
    WHERE class.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND space.nspname <> 'information_schema' AND space.nspname NOT LIKE 'pg\\_%'
"""
FUNCTIONS: Final = """
    SELECT oid::regprocedure::text AS name, prosecdef AS definer, proconfig AS settings,
           prorettype = 'trigger'::regtype AS trigger,
           has_function_privilege('rooms_app', oid, 'EXECUTE') AS called
    FROM pg_proc WHERE pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
"""


async def tables_for(connection: Any, role: str) -> dict[str, Any]:
    """Give every table of the house with what a role may do to it, from the catalogue."""
    return {row["name"]: row for row in await connection.fetch(TABLES, role)}
