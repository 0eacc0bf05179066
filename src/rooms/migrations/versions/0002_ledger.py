"""ledger: accounts, journals, entries, holds. The application writes through functions only."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE SCHEMA ledger;
GRANT USAGE ON SCHEMA ledger TO rooms_app, rooms_reader;

-- The chart of accounts. A guarded account can never hold less than what is held on it.
CREATE TABLE ledger.kinds (
    kind text PRIMARY KEY,
    guarded boolean NOT NULL,
    meaning text NOT NULL
);
INSERT INTO ledger.kinds VALUES
    ('world', false, 'the counter-account of all money that enters or leaves'),
    ('player', true, 'what a player can stake or withdraw'),
    ('room_pools', true, 'stakes of rooms that are not settled yet, in shards'),
    ('protocol_revenue', true, 'the protocol''s share of the takeout, less referral rewards'),
    ('breakage', true, 'what rounding payouts down leaves over');

-- fillfactor and the absence of an index on the balance keep updates in place (HOT).
CREATE TABLE ledger.accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset text NOT NULL,
    kind text NOT NULL,
    owner text NOT NULL,
    guarded boolean NOT NULL,
    balance bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    last_entry bigint,
    CONSTRAINT one_account_per_owner UNIQUE (asset, kind, owner),
    CONSTRAINT never_below_zero CHECK (NOT guarded OR balance >= held)
) WITH (fillfactor = 50);

CREATE TABLE ledger.journals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL CONSTRAINT one_journal_per_key UNIQUE,
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp())
);

-- previous names the account's entry before this one: a statement is a walk along that chain
-- and needs no index per account, which would cost half of the insert rate.
CREATE TABLE ledger.entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    journal_id bigint NOT NULL,
    account_id bigint NOT NULL,
    asset text NOT NULL,
    amount bigint NOT NULL CHECK (amount <> 0),
    balance bigint NOT NULL,
    previous bigint,
    kind text NOT NULL,
    ref text NOT NULL
);
CREATE INDEX entries_of_journal ON ledger.entries (journal_id);

CREATE TABLE ledger.holds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL CONSTRAINT one_hold_per_key UNIQUE,
    account_id bigint NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    ref text NOT NULL,
    state text NOT NULL DEFAULT 'held'
        CHECK (state IN ('held', 'posted', 'released', 'expired')),
    reserved_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    expires_at timestamptz(3) NOT NULL,
    ended_at timestamptz(3)
);
CREATE INDEX holds_to_expire ON ledger.holds (expires_at) WHERE state = 'held';

GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO rooms_app, rooms_reader;
"""

ZERO_SUM = """
CREATE FUNCTION ledger.refuse_unbalanced() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM posted GROUP BY journal_id, asset HAVING sum(amount) <> 0
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'RL001',
            MESSAGE = 'a journal must sum to zero in each asset';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER zero_sum AFTER INSERT ON ledger.entries
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_unbalanced();
"""

OPEN_ACCOUNT = """
CREATE FUNCTION ledger.open_account(p_asset text, p_kind text, p_owner text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account bigint;
BEGIN
    INSERT INTO ledger.accounts (asset, kind, owner, guarded)
    SELECT p_asset, p_kind, p_owner, k.guarded FROM ledger.kinds k WHERE k.kind = p_kind
    ON CONFLICT ON CONSTRAINT one_account_per_owner DO NOTHING;
    SELECT a.id INTO STRICT account FROM ledger.accounts a
    WHERE a.asset = p_asset AND a.kind = p_kind AND a.owner = p_owner;
    RETURN account;
END $$;
"""

# The ledger makes and owns pg_temp.movements: a table made by the caller could carry triggers
# or views that would run with the ledger's rights.
OPEN_MOVEMENTS = """
CREATE FUNCTION ledger.open_movements() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made_by oid;
BEGIN
    SELECT c.relowner INTO made_by FROM pg_class c
    WHERE c.relname = 'movements' AND c.relnamespace = pg_my_temp_schema();
    IF made_by IS NULL THEN
        CREATE TEMPORARY TABLE movements (
            account_id bigint NOT NULL,
            amount bigint NOT NULL CHECK (amount <> 0),
            kind text NOT NULL,
            ref text NOT NULL
        ) ON COMMIT DELETE ROWS;
        GRANT SELECT, INSERT ON pg_temp.movements TO rooms_app;
    ELSIF made_by <> (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'pg_temp.movements is made by the ledger only';
    END IF;
END $$;
"""

POST = """
CREATE FUNCTION ledger.post(p_key text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    journal bigint;
    short record;
BEGIN
    PERFORM ledger.open_movements();
    INSERT INTO ledger.journals (key) VALUES (p_key)
    ON CONFLICT ON CONSTRAINT one_journal_per_key DO NOTHING
    RETURNING id INTO journal;
    IF journal IS NULL THEN
        RETURN ledger.posted_before(p_key);
    END IF;

    -- In one order everywhere, so that two journals never wait for each other.
    PERFORM FROM ledger.accounts a
    WHERE a.id IN (SELECT m.account_id FROM pg_temp.movements m)
    ORDER BY a.id FOR NO KEY UPDATE;

    SELECT a.id, a.balance - a.held AS available, -t.total AS needed INTO short
    FROM (SELECT m.account_id, sum(m.amount) AS total
          FROM pg_temp.movements m GROUP BY m.account_id) t
    LEFT JOIN ledger.accounts a ON a.id = t.account_id
    WHERE a.id IS NULL OR (a.guarded AND t.total < 0 AND a.balance - a.held + t.total < 0)
    ORDER BY a.id NULLS FIRST LIMIT 1;
    IF FOUND AND short.id IS NULL THEN
        RAISE EXCEPTION 'a movement names an account that is not there';
    ELSIF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'RL002', MESSAGE = 'an account has too little',
            DETAIL = json_build_object('account', short.id, 'available', short.available,
                                       'needed', short.needed)::text;
    END IF;

    WITH numbered AS MATERIALIZED (
        SELECT nextval('ledger.entries_id_seq') AS id, m.*
        FROM pg_temp.movements m
    ), chained AS (
        SELECT n.id, n.account_id, a.asset, n.amount, n.kind, n.ref,
               a.balance + sum(n.amount) OVER chain AS balance,
               coalesce(lag(n.id) OVER chain, a.last_entry) AS previous
        FROM numbered n JOIN ledger.accounts a ON a.id = n.account_id
        WINDOW chain AS (PARTITION BY n.account_id ORDER BY n.id)
    ), written AS (
        INSERT INTO ledger.entries
            (id, journal_id, account_id, asset, amount, balance, previous, kind, ref)
        OVERRIDING SYSTEM VALUE
        SELECT id, journal, account_id, asset, amount, balance, previous, kind, ref FROM chained
    )
    UPDATE ledger.accounts a SET balance = a.balance + t.total, last_entry = t.last
    FROM (SELECT account_id, sum(amount)::bigint AS total, max(id) AS last
          FROM numbered GROUP BY account_id) t
    WHERE a.id = t.account_id;

    TRUNCATE pg_temp.movements;
    RETURN journal;
END $$;

-- The same key with the same movements is the same journal; with others it is refused.
CREATE FUNCTION ledger.posted_before(p_key text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    journal bigint;
BEGIN
    SELECT j.id INTO STRICT journal FROM ledger.journals j WHERE j.key = p_key;
    IF EXISTS (
        (SELECT account_id, amount, kind, ref FROM pg_temp.movements
         EXCEPT ALL
         SELECT account_id, amount, kind, ref FROM ledger.entries WHERE journal_id = journal)
        UNION ALL
        (SELECT account_id, amount, kind, ref FROM ledger.entries WHERE journal_id = journal
         EXCEPT ALL
         SELECT account_id, amount, kind, ref FROM pg_temp.movements)
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'RL003',
            MESSAGE = 'this key was used for another journal';
    END IF;
    TRUNCATE pg_temp.movements;
    RETURN journal;
END $$;
"""

HOLDS = """
CREATE FUNCTION ledger.reserve(
    p_key text, p_account bigint, p_amount bigint, p_ref text, p_expires_at timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made ledger.holds;
BEGIN
    INSERT INTO ledger.holds (key, account_id, amount, ref, expires_at)
    VALUES (p_key, p_account, p_amount, p_ref, p_expires_at)
    ON CONFLICT ON CONSTRAINT one_hold_per_key DO NOTHING RETURNING * INTO made;
    IF made.id IS NULL THEN
        SELECT h.* INTO STRICT made FROM ledger.holds h WHERE h.key = p_key;
        IF (made.account_id, made.amount, made.ref) <> (p_account, p_amount, p_ref) THEN
            RAISE EXCEPTION USING ERRCODE = 'RL003',
                MESSAGE = 'this key was used for another hold';
        END IF;
        RETURN made.id;
    END IF;
    UPDATE ledger.accounts SET held = held + p_amount
    WHERE id = p_account AND balance - held >= p_amount;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'RL002', MESSAGE = 'an account has too little',
            DETAIL = (SELECT json_build_object('account', p_account, 'needed', p_amount,
                                               'available', min(a.balance - a.held))
                      FROM ledger.accounts a WHERE a.id = p_account)::text;
    END IF;
    RETURN made.id;
END $$;

-- End a hold as released, posted or expired; false where it had ended before.
CREATE FUNCTION ledger.end_hold(p_hold bigint, p_state text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended ledger.holds;
BEGIN
    -- The account before its hold, everywhere, so that two who end holds never wait for each other.
    PERFORM FROM ledger.accounts a
    WHERE a.id = (SELECT h.account_id FROM ledger.holds h WHERE h.id = p_hold)
    FOR NO KEY UPDATE;
    UPDATE ledger.holds
    SET state = p_state, ended_at = date_trunc('milliseconds', clock_timestamp())
    WHERE id = p_hold AND state = 'held' AND p_state <> 'held'
      AND (p_state <> 'expired' OR expires_at <= clock_timestamp())
    RETURNING * INTO ended;
    IF ended.id IS NULL THEN
        RETURN false;
    END IF;
    UPDATE ledger.accounts SET held = held - ended.amount WHERE id = ended.account_id;
    RETURN true;
END $$;

-- Turn a hold into the journal of pg_temp.movements, whole or part; what is left is released.
CREATE FUNCTION ledger.post_hold(p_hold bigint, p_key text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hold ledger.holds;
    taken bigint;
BEGIN
    PERFORM ledger.open_movements();
    SELECT h.* INTO STRICT hold FROM ledger.holds h WHERE h.id = p_hold;
    -- As post does, which would come too late: the hold's own account may not be the first.
    PERFORM FROM ledger.accounts a
    WHERE a.id IN (SELECT m.account_id FROM pg_temp.movements m UNION SELECT hold.account_id)
    ORDER BY a.id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM ledger.journals j WHERE j.key = p_key) THEN
        RETURN ledger.posted_before(p_key);
    END IF;
    SELECT coalesce(-sum(m.amount), 0) INTO taken
    FROM pg_temp.movements m WHERE m.account_id = hold.account_id;
    IF taken > hold.amount THEN
        RAISE EXCEPTION USING ERRCODE = 'RL004', MESSAGE = 'a hold cannot pay more than it holds';
    END IF;
    IF NOT ledger.end_hold(p_hold, 'posted') THEN
        RAISE EXCEPTION USING ERRCODE = 'RL005', MESSAGE = 'this hold has ended';
    END IF;
    RETURN ledger.post(p_key);
END $$;
"""

RIGHTS = """
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    ledger.open_account(text, text, text),
    ledger.open_movements(),
    ledger.post(text),
    ledger.reserve(text, bigint, bigint, text, timestamptz),
    ledger.end_hold(bigint, text),
    ledger.post_hold(bigint, text)
TO rooms_app;
"""


def upgrade() -> None:
    for part in (TABLES, ZERO_SUM, OPEN_ACCOUNT, OPEN_MOVEMENTS, POST, HOLDS, RIGHTS):
        op.execute(part)
