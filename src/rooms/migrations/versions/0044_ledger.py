"""ledger: a look of the check that never stops costs the same, however large the books are."""

from alembic import op

revision = "0044"
down_revision = "0043"

# What is wrong with a row was a list that the database made ready anew for each row, which took
# most of a look. Rows that belong to one are found by their keys, one by one (OFFSET 0): a plan
# that was made for an empty table goes through all of it for each row when it has grown.
KEPT_PLAN = """SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan"""

ENTRIES = f"""
CREATE OR REPLACE FUNCTION ledger.wrong_entries(p_after bigint, p_upto bigint) RETURNS SETOF text
LANGUAGE plpgsql STABLE {KEPT_PLAN} AS $$
BEGIN
    RETURN QUERY
    SELECT 'entry ' || looked.id || ' on account ' || looked.account_id || ' '
           || unnest(looked.wrong)
    FROM (
        SELECT e.id, e.account_id, array_remove(ARRAY[
            CASE WHEN e.balance <> coalesce(p.balance, 0) + e.amount
                   OR (e.previous IS NULL) <> (p.id IS NULL)
                 THEN 'says ' || e.balance || ' after ' || e.amount || ', entry '
                      || coalesce(e.previous::text, 'none') || ' says '
                      || coalesce(p.balance::text, 'nothing') END,
            CASE WHEN e.previous IS DISTINCT FROM e.before
                 THEN 'follows entry ' || coalesce(e.previous::text, 'none') || ', not '
                      || coalesce(e.before::text, 'none') END,
            CASE WHEN a.id IS NULL THEN 'is of no known account in ' || e.asset
                 WHEN e.next IS NULL AND e.id > coalesce(a.last_entry, 0)
                 THEN 'is newer than the newest that its account knows' END
        ], NULL) AS wrong
        FROM (SELECT r.*, coalesce(lag(r.id) OVER chain,
                     (SELECT c.entry FROM ledger.check_chains c
                      WHERE c.account_id = r.account_id)) AS before,
                     lead(r.id) OVER chain AS next
              FROM ledger.entries r WHERE r.id > p_after AND r.id <= p_upto
              WINDOW chain AS (PARTITION BY r.account_id ORDER BY r.id)) e
        LEFT JOIN LATERAL (
            SELECT a.id, a.asset, a.last_entry FROM ledger.accounts a
            WHERE a.id = e.account_id OFFSET 0
        ) AS a ON a.asset = e.asset
        LEFT JOIN LATERAL (
            SELECT p.id, p.balance FROM ledger.entries p
            WHERE p.id = e.previous AND p.account_id = e.account_id AND p.id < e.id OFFSET 0
        ) AS p ON true
        OFFSET 0 -- without it the array would be made once to be looked at and once to be told
    ) AS looked
    WHERE looked.wrong <> '{{}}';
END $$;
"""

ACCOUNTS = f"""
CREATE OR REPLACE FUNCTION ledger.wrong_accounts(p_accounts bigint[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE {KEPT_PLAN} AS $$
BEGIN
    RETURN QUERY
    SELECT 'account ' || looked.id || ' ' || unnest(looked.wrong)
    FROM (
        SELECT a.id, array_remove(ARRAY[
            CASE WHEN a.balance <> coalesce(e.balance, 0) OR e.account_id <> a.id
                 THEN 'has ' || a.balance || ', its newest entry says '
                      || coalesce(e.balance, 0) END,
            CASE WHEN c.entry > coalesce(a.last_entry, 0)
                 THEN 'has forgotten its entry ' || c.entry END,
            CASE WHEN a.held <> coalesce(force.amount, 0)
                 THEN 'holds ' || a.held || ', its holds sum to ' || coalesce(force.amount, 0) END,
            CASE WHEN a.guarded AND a.balance < a.held
                 THEN 'has ' || a.balance || ' and holds ' || a.held END,
            CASE WHEN a.guarded IS DISTINCT FROM k.guarded
                 THEN 'is not guarded as its kind ' || a.kind END
        ], NULL) AS wrong
        FROM ledger.accounts a
        LEFT JOIN LATERAL (
            SELECT e.account_id, e.balance FROM ledger.entries e
            WHERE e.id = a.last_entry OFFSET 0
        ) AS e ON true
        LEFT JOIN LATERAL (
            SELECT c.entry FROM ledger.check_chains c WHERE c.account_id = a.id OFFSET 0
        ) AS c ON true
        LEFT JOIN LATERAL (
            SELECT sum(h.amount) AS amount FROM ledger.holds h
            WHERE h.account_id = a.id AND h.state = 'held' OFFSET 0
        ) AS force ON true
        LEFT JOIN ledger.kinds k ON k.kind = a.kind
        WHERE a.id = ANY (p_accounts)
        OFFSET 0
    ) AS looked
    WHERE looked.wrong <> '{{}}';
END $$;
"""

# The next few rows are the first ones of an index, not all that follow, sorted, nor all there are
# where a table was counted while it was nearly empty.
LOOKS = """
ALTER FUNCTION ledger.check_entries(integer)
    SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_seqscan = off;
ALTER FUNCTION ledger.check_accounts(bigint, integer)
    SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_seqscan = off;
"""


def upgrade() -> None:
    for part in (ENTRIES, ACCOUNTS, LOOKS):
        op.execute(part)
