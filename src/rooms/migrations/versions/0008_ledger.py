"""ledger: journals of a million movements, and a check of the books that never stops."""

from alembic import op

revision = "0008"
down_revision = "0007"

# RETURNING old.last_entry would do, but needs PostgreSQL 18. The index is tiny and never written.
ACCOUNTS = """
ALTER TABLE ledger.accounts ADD COLUMN entry_before bigint;
COMMENT ON COLUMN ledger.accounts.entry_before IS
    'what last_entry was before the newest journal of ledger.post';
CREATE INDEX accounts_of_house ON ledger.accounts (id) WHERE kind <> 'player';
"""

# A journal of more movements than this is planned for itself.
MANY = 1000

# Accounts are locked in one order everywhere, so that two journals never wait for each other:
# players' first, then the house's, each by id. A large journal takes those of the house when all
# else is written, so that bets wait for the rooms' pools as short as can be. An entry is numbered
# after its account is locked, so that the numbers of an account's entries rise.
POST = f"""
CREATE OR REPLACE FUNCTION ledger.post(p_key text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    journal bigint;
    asked bigint;
    met bigint[];
    known bigint;
    short record;
BEGIN
    PERFORM ledger.open_movements();
    INSERT INTO ledger.journals (key) VALUES (p_key)
    ON CONFLICT ON CONSTRAINT one_journal_per_key DO NOTHING
    RETURNING id INTO journal;
    IF journal IS NULL THEN
        RETURN ledger.posted_before(p_key);
    END IF;

    -- Statistics make the database plan again: a plan that was kept from three movements is no
    -- plan for a million.
    SELECT count(*) INTO asked FROM pg_temp.movements;
    IF asked > {MANY} THEN
        ANALYZE pg_temp.movements (account_id);
    END IF;
    SELECT coalesce(array_agg(m.account_id), '{{}}') INTO met
    FROM (SELECT m.account_id FROM pg_temp.movements m
          GROUP BY m.account_id HAVING count(*) > 1) m;

    PERFORM FROM ledger.accounts a JOIN pg_temp.movements m ON m.account_id = a.id
    WHERE asked <= {MANY} OR a.kind = 'player' OR a.id IN (SELECT unnest(met))
    ORDER BY a.kind <> 'player', a.id FOR NO KEY UPDATE OF a;
    GET DIAGNOSTICS known = ROW_COUNT;
    IF asked <= {MANY} AND known <> asked THEN
        RAISE EXCEPTION 'a movement names an account that is not there';
    END IF;

    SELECT a.id, a.balance - a.held AS available, -t.total AS needed INTO short
    FROM (SELECT m.account_id, sum(m.amount) AS total FROM pg_temp.movements m
          WHERE m.account_id IN (SELECT l.account_id FROM pg_temp.movements l WHERE l.amount < 0)
          GROUP BY m.account_id) t
    JOIN ledger.accounts a ON a.id = t.account_id
    WHERE a.guarded AND t.total < 0 AND a.balance - a.held + t.total < 0
    ORDER BY a.id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'RL002', MESSAGE = 'an account has too little',
            DETAIL = json_build_object('account', short.id, 'available', short.available,
                                       'needed', short.needed)::text;
    END IF;

    -- Most accounts of a large journal have one movement, which needs neither to be summed up
    -- nor to be put in line with others; those of an account where several meet need both.
    WITH alone AS (
        UPDATE ledger.accounts a
        SET balance = a.balance + m.amount, entry_before = a.last_entry,
            last_entry = nextval('ledger.entries_id_seq')
        FROM pg_temp.movements m
        WHERE a.id = m.account_id AND a.kind = 'player' AND m.account_id NOT IN (SELECT unnest(met))
        RETURNING a.last_entry AS id, a.id AS account_id, a.asset, m.amount, a.balance,
                  a.entry_before AS previous, m.kind, m.ref
    ), numbered AS MATERIALIZED (
        SELECT nextval('ledger.entries_id_seq') AS id, m.account_id, m.amount, m.kind, m.ref
        FROM pg_temp.movements m WHERE m.account_id IN (SELECT unnest(met))
    ), summed AS (
        UPDATE ledger.accounts a
        SET balance = a.balance + t.total, entry_before = a.last_entry, last_entry = t.last
        FROM (SELECT n.account_id, sum(n.amount)::bigint AS total, max(n.id) AS last
              FROM numbered n GROUP BY n.account_id) t
        WHERE a.id = t.account_id
        RETURNING a.id, a.asset, a.balance - t.total AS balance, a.entry_before
    ), chained AS (
        SELECT n.id, n.account_id, s.asset, n.amount,
               s.balance + sum(n.amount) OVER chain AS balance,
               coalesce(lag(n.id) OVER chain, s.entry_before) AS previous, n.kind, n.ref
        FROM numbered n JOIN summed s ON s.id = n.account_id
        WINDOW chain AS (PARTITION BY n.account_id ORDER BY n.id)
    ), house AS (
        UPDATE ledger.accounts a
        SET balance = a.balance + m.amount, entry_before = a.last_entry,
            last_entry = nextval('ledger.entries_id_seq')
        FROM (SELECT h.id, m.amount, m.kind, m.ref
              FROM ledger.accounts h JOIN pg_temp.movements m ON m.account_id = h.id
              WHERE h.kind <> 'player' AND m.account_id NOT IN (SELECT unnest(met))
              ORDER BY h.id FOR NO KEY UPDATE OF h) m
        WHERE a.id = m.id
        RETURNING a.last_entry AS id, a.id AS account_id, a.asset, m.amount, a.balance,
                  a.entry_before AS previous, m.kind, m.ref
    )
    INSERT INTO ledger.entries
        (id, journal_id, account_id, asset, amount, balance, previous, kind, ref)
    OVERRIDING SYSTEM VALUE
    SELECT id, journal, account_id, asset, amount, balance, previous, kind, ref FROM alone
    UNION ALL
    SELECT id, journal, account_id, asset, amount, balance, previous, kind, ref FROM chained
    UNION ALL
    SELECT id, journal, account_id, asset, amount, balance, previous, kind, ref FROM house;
    GET DIAGNOSTICS known = ROW_COUNT;
    IF known <> asked THEN
        RAISE EXCEPTION 'a movement names an account that is not there';
    END IF;

    -- TRUNCATE changes the catalogue, which is dear for three movements.
    IF asked > {MANY} THEN
        TRUNCATE pg_temp.movements;
    ELSE
        DELETE FROM pg_temp.movements;
    END IF;
    RETURN journal;
END $$;
"""


# The place of the check that never stops, what it carries from one look to the next, and what it
# found. An entry gets its number before it is committed: entries up to ``ahead`` may be read when
# every transaction that was running at ``fence`` has ended, then ``safe`` moves up to it.
CHECK_PLACE = """
CREATE TABLE ledger.check_place (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    entry bigint NOT NULL DEFAULT 0,
    safe bigint NOT NULL DEFAULT 0,
    ahead bigint NOT NULL DEFAULT 0,
    fence xid8 NOT NULL DEFAULT '0'
);
INSERT INTO ledger.check_place DEFAULT VALUES;

-- Sums of journals that were read in part. All entries of one that can be seen have numbers up
-- to ``whole_at``: past that its sum is zero or it is wrong.
CREATE TABLE ledger.check_sums (
    journal_id bigint NOT NULL,
    asset text NOT NULL,
    total numeric NOT NULL,
    whole_at bigint NOT NULL,
    PRIMARY KEY (journal_id, asset)
);

CREATE TABLE ledger.alarms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    what text NOT NULL CONSTRAINT one_alarm_per_wrong UNIQUE
);
GRANT SELECT ON ledger.check_place, ledger.check_sums, ledger.alarms TO rooms_app, rooms_reader;
"""

# An account is read in the same snapshot as its newest entry, so both always agree.
CHECK_ACCOUNTS = """
CREATE FUNCTION ledger.wrong_accounts(p_accounts bigint[]) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'account ' || a.id || ' ' || found.wrong
    FROM ledger.accounts a
    LEFT JOIN ledger.kinds k ON k.kind = a.kind
    LEFT JOIN ledger.entries e ON e.id = a.last_entry
    CROSS JOIN LATERAL (VALUES
        (CASE WHEN a.balance <> coalesce(e.balance, 0) OR e.account_id <> a.id
              THEN 'has ' || a.balance || ', its newest entry says ' || coalesce(e.balance, 0)
         END),
        (CASE WHEN a.guarded AND a.balance < a.held
              THEN 'has ' || a.balance || ' and holds ' || a.held END),
        (CASE WHEN a.guarded IS DISTINCT FROM k.guarded
              THEN 'is not guarded as its kind ' || a.kind END)
    ) AS found (wrong)
    WHERE a.id = ANY (p_accounts) AND found.wrong IS NOT NULL
$$;

-- Look at the accounts after one; ``last`` is NULL after the last of all.
CREATE FUNCTION ledger.check_accounts(p_after bigint, p_most integer)
RETURNS TABLE (last bigint, wrong text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    accounts bigint[] := ARRAY (
        SELECT a.id FROM ledger.accounts a WHERE a.id > p_after ORDER BY a.id LIMIT p_most);
BEGIN
    last := accounts[p_most];
    wrong := ledger.alarm(ARRAY (SELECT ledger.wrong_accounts(accounts)));
    RETURN NEXT;
END $$;

-- Store what is wrong and give what was not known yet.
CREATE FUNCTION ledger.alarm(p_wrong text[]) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH stored AS (
        INSERT INTO ledger.alarms (what) SELECT unnest(p_wrong)
        ON CONFLICT ON CONSTRAINT one_alarm_per_wrong DO NOTHING RETURNING what
    )
    SELECT coalesce(array_agg(what), '{}') FROM stored
$$;
"""

CHECK_ENTRIES = """
-- ``whole`` says that nothing is left to read but what is being written.
CREATE FUNCTION ledger.check_entries(p_most integer)
RETURNS TABLE (checked bigint, whole boolean, wrong text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place ledger.check_place;
    newest bigint;
    upto bigint;
    accounts bigint[];
BEGIN
    SELECT w.* INTO STRICT place FROM ledger.check_place w FOR NO KEY UPDATE;
    -- A writer has its transaction's number before it draws one for an entry.
    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO newest
    FROM ledger.entries_id_seq s;
    IF place.entry = newest THEN
        checked := 0;
        whole := true;
        wrong := '{}';
        RETURN NEXT;
        RETURN;
    END IF;
    IF place.fence < pg_snapshot_xmin(pg_current_snapshot()) THEN
        place.safe := place.ahead;
        place.ahead := newest;
        place.fence := pg_current_xact_id();
    END IF;

    SELECT count(*), max(e.id), array_agg(DISTINCT e.account_id) INTO checked, upto, accounts
    FROM (SELECT e.id, e.account_id FROM ledger.entries e
          WHERE e.id > place.entry AND e.id <= place.safe ORDER BY e.id LIMIT p_most) e;
    IF checked < p_most THEN
        upto := place.safe;
    END IF;
    wrong := ledger.alarm(ARRAY (
        SELECT ledger.wrong_entries(place.entry, upto)
        UNION ALL SELECT ledger.wrong_journals(place.entry, upto, newest)
        UNION ALL SELECT ledger.wrong_accounts(accounts)
    ));
    whole := checked < p_most AND place.ahead = newest;
    UPDATE ledger.check_place
    SET entry = upto, safe = place.safe, ahead = place.ahead, fence = place.fence;
    RETURN NEXT;
END $$;

CREATE FUNCTION ledger.wrong_entries(p_after bigint, p_upto bigint) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'entry ' || e.id || ' on account ' || e.account_id || ' ' || found.wrong
    FROM (SELECT e.*, lag(e.id) OVER chain AS before, lead(e.id) OVER chain AS next
          FROM ledger.entries e WHERE e.id > p_after AND e.id <= p_upto
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
        (CASE WHEN e.before <> coalesce(e.previous, 0)
              THEN 'follows entry ' || coalesce(e.previous::text, 'none') || ', not '
                   || e.before END),
        (CASE WHEN a.id IS NULL THEN 'is of no known account in ' || e.asset
              WHEN e.next IS NULL AND e.id > coalesce(a.last_entry, 0)
              THEN 'is newer than the newest that its account knows' END)
    ) AS found (wrong)
    WHERE found.wrong IS NOT NULL
$$;

CREATE FUNCTION ledger.wrong_journals(p_after bigint, p_upto bigint, p_newest bigint)
RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ledger.check_sums AS s (journal_id, asset, total, whole_at)
    SELECT e.journal_id, e.asset, sum(e.amount), p_newest
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

REVOKE ALL ON FUNCTION ledger.wrong_accounts(bigint[]), ledger.alarm(text[]),
    ledger.wrong_entries(bigint, bigint), ledger.wrong_journals(bigint, bigint, bigint),
    ledger.check_accounts(bigint, integer), ledger.check_entries(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.check_accounts(bigint, integer), ledger.check_entries(integer)
    TO rooms_app;
"""


def upgrade() -> None:
    for part in (ACCOUNTS, POST, CHECK_PLACE, CHECK_ACCOUNTS, CHECK_ENTRIES):
        op.execute(part)
