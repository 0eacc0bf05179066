"""ledger: the check that never stops knows each account's chain and steps over no writer."""

from alembic import op

revision = "0013"
down_revision = "0012"

# Without it an account that forgot a journal would look right: the entry that is left out and the
# one that took its place both follow an entry that is there.
CHAINS = """
CREATE TABLE ledger.check_chains (
    account_id bigint PRIMARY KEY,
    entry bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE ledger.check_chains IS
    'the newest entry of each account that the check which never stops has read';
INSERT INTO ledger.check_chains (account_id, entry)
SELECT e.account_id, max(e.id) FROM ledger.entries e
WHERE e.id <= (SELECT w.entry FROM ledger.check_place w) GROUP BY e.account_id;
GRANT SELECT ON ledger.check_chains TO rooms_app, rooms_reader;

CREATE INDEX holds_in_force ON ledger.holds (account_id) WHERE state = 'held';
"""

ACCOUNTS = """
CREATE OR REPLACE FUNCTION ledger.wrong_accounts(p_accounts bigint[]) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'account ' || a.id || ' ' || found.wrong
    FROM ledger.accounts a
    LEFT JOIN ledger.kinds k ON k.kind = a.kind
    LEFT JOIN ledger.entries e ON e.id = a.last_entry
    LEFT JOIN ledger.check_chains c ON c.account_id = a.id
    LEFT JOIN (
        SELECT h.account_id, sum(h.amount) AS amount FROM ledger.holds h
        WHERE h.account_id = ANY (p_accounts) AND h.state = 'held' GROUP BY h.account_id
    ) AS force ON force.account_id = a.id
    CROSS JOIN LATERAL (VALUES
        (CASE WHEN a.balance <> coalesce(e.balance, 0) OR e.account_id <> a.id
              THEN 'has ' || a.balance || ', its newest entry says ' || coalesce(e.balance, 0)
         END),
        (CASE WHEN c.entry > coalesce(a.last_entry, 0)
              THEN 'has forgotten its entry ' || c.entry END),
        (CASE WHEN a.held <> coalesce(force.amount, 0)
              THEN 'holds ' || a.held || ', its holds sum to ' || coalesce(force.amount, 0) END),
        (CASE WHEN a.guarded AND a.balance < a.held
              THEN 'has ' || a.balance || ' and holds ' || a.held END),
        (CASE WHEN a.guarded IS DISTINCT FROM k.guarded
              THEN 'is not guarded as its kind ' || a.kind END)
    ) AS found (wrong)
    WHERE a.id = ANY (p_accounts) AND found.wrong IS NOT NULL
$$;
"""

# An entry follows the one of its account that was read before it, in this look or an earlier one.
ENTRIES = """
CREATE OR REPLACE FUNCTION ledger.wrong_entries(p_after bigint, p_upto bigint) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'entry ' || e.id || ' on account ' || e.account_id || ' ' || found.wrong
    FROM (SELECT e.*, coalesce(lag(e.id) OVER chain, c.entry) AS before,
                 lead(e.id) OVER chain AS next
          FROM ledger.entries e LEFT JOIN ledger.check_chains c ON c.account_id = e.account_id
          WHERE e.id > p_after AND e.id <= p_upto
          WINDOW chain AS (PARTITION BY e.account_id ORDER BY e.id)) e
    LEFT JOIN ledger.accounts a ON a.id = e.account_id AND a.asset = e.asset
    LEFT JOIN ledger.entries p ON p.id = e.previous AND p.account_id = e.account_id
        AND p.id < e.id
    CROSS JOIN LATERAL (VALUES
        (CASE WHEN e.balance <> coalesce(p.balance, 0) + e.amount
                OR (e.previous IS NULL) <> (p.id IS NULL)
              THEN 'says ' || e.balance || ' after ' || e.amount || ', entry '
                   || coalesce(e.previous::text, 'none') || ' says '
                   || coalesce(p.balance::text, 'nothing') END),
        (CASE WHEN e.previous IS DISTINCT FROM e.before
              THEN 'follows entry ' || coalesce(e.previous::text, 'none') || ', not '
                   || coalesce(e.before::text, 'none') END),
        (CASE WHEN a.id IS NULL THEN 'is of no known account in ' || e.asset
              WHEN e.next IS NULL AND e.id > coalesce(a.last_entry, 0)
              THEN 'is newer than the newest that its account knows' END)
    ) AS found (wrong)
    WHERE found.wrong IS NOT NULL
$$;
"""

# The newest number is asked for inside of the statement that reads, so after its view was fixed:
# whatever it can see has numbers up to it.
JOURNALS = """
DROP FUNCTION ledger.wrong_journals(bigint, bigint, bigint);
CREATE FUNCTION ledger.wrong_journals(p_after bigint, p_upto bigint) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ledger.check_sums AS s (journal_id, asset, total, whole_at)
    SELECT e.journal_id, e.asset, sum(e.amount), (SELECT last_value FROM ledger.entries_id_seq)
    FROM ledger.entries e WHERE e.id > p_after AND e.id <= p_upto
    GROUP BY e.journal_id, e.asset HAVING sum(e.amount) <> 0
    ON CONFLICT (journal_id, asset) DO UPDATE SET total = s.total + excluded.total;
    RETURN QUERY
        WITH ended AS (
            DELETE FROM ledger.check_sums s WHERE s.total = 0 OR s.whole_at <= p_upto
            RETURNING s.journal_id, s.asset, s.total
        )
        SELECT 'journal ' || e.journal_id || ' sums to ' || e.total || ' in ' || e.asset
        FROM ended e WHERE e.total <> 0;
END $$;
REVOKE ALL ON FUNCTION ledger.wrong_journals(bigint, bigint) FROM PUBLIC;
"""

# ``whole`` says that this look read up to where the writers stood a look ago.
LOOK = """
CREATE OR REPLACE FUNCTION ledger.check_entries(p_most integer)
RETURNS TABLE (checked bigint, whole boolean, wrong text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place ledger.check_place;
    newest bigint;
    passed boolean;
    upto bigint;
    accounts bigint[];
BEGIN
    -- A writer has its transaction's number before it draws one for an entry. So whoever has
    -- drawn one up to ``newest`` has a lower transaction's number than this one, provided that
    -- this one gets its own after ``newest`` was read: by the lock of the place.
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION 'a look at the books is the first that its transaction does';
    END IF;
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO newest
    FROM ledger.entries_id_seq s;
    SELECT w.* INTO STRICT place FROM ledger.check_place w FOR NO KEY UPDATE;
    IF place.entry >= newest THEN
        checked := 0;
        whole := true;
        wrong := '{}';
        RETURN NEXT;
        RETURN;
    END IF;
    passed := place.fence < pg_snapshot_xmin(pg_current_snapshot());
    IF passed THEN
        place.safe := place.ahead;
        IF newest > place.ahead THEN
            place.ahead := newest;
            place.fence := pg_current_xact_id();
        END IF;
    END IF;

    SELECT count(*), max(e.id), array_agg(DISTINCT e.account_id) INTO checked, upto, accounts
    FROM (SELECT e.id, e.account_id FROM ledger.entries e
          WHERE e.id > place.entry AND e.id <= place.safe ORDER BY e.id LIMIT p_most) e;
    IF checked < p_most THEN
        upto := place.safe;
    END IF;
    wrong := ledger.alarm(ARRAY (
        SELECT ledger.wrong_entries(place.entry, upto)
        UNION ALL SELECT ledger.wrong_journals(place.entry, upto)
    ));
    INSERT INTO ledger.check_chains AS c (account_id, entry)
    SELECT e.account_id, max(e.id) FROM ledger.entries e
    WHERE e.id > place.entry AND e.id <= upto GROUP BY e.account_id
    ON CONFLICT (account_id) DO UPDATE SET entry = excluded.entry;
    wrong := wrong || ledger.alarm(ARRAY (SELECT ledger.wrong_accounts(accounts)));
    whole := passed AND checked < p_most;
    UPDATE ledger.check_place
    SET entry = upto, safe = place.safe, ahead = place.ahead, fence = place.fence;
    RETURN NEXT;
END $$;
"""


def upgrade() -> None:
    for part in (CHAINS, ACCOUNTS, ENTRIES, JOURNALS, LOOK):
        op.execute(part)
