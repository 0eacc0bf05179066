"""ledger: a large journal goes through its accounts once, and the entries lose an index.

Whoever draws a number for an entry draws a thousand, so an account's entries in one journal need
one draw, by the update that has its row: they are in order though nothing was locked beforehand.
"""

from alembic import op

revision = "0025"
down_revision = "0024"

# A journal of more movements than this is a large one, and so many numbers are one draw.
MANY = 1000

NUMBERS = f"""
ALTER TABLE ledger.entries ALTER COLUMN id SET INCREMENT BY {MANY};
SELECT setval('ledger.entries_id_seq', CASE WHEN is_called THEN last_value ELSE {MANY} END,
              is_called)
FROM ledger.entries_id_seq;
"""

# An index by journal cost a fifth of each entry and was read only where a key is used again.
JOURNALS = """
ALTER TABLE ledger.journals ADD COLUMN entries bigint, ADD COLUMN after_entry bigint;
COMMENT ON COLUMN ledger.journals.entries IS 'how many it has; NULL where no post looks for them';
COMMENT ON COLUMN ledger.journals.after_entry IS 'all of its entries have higher numbers';
UPDATE ledger.journals j SET entries = e.count, after_entry = e.first - 1
FROM (SELECT journal_id, count(*) AS count, min(id) AS first
      FROM ledger.entries GROUP BY journal_id) e
WHERE e.journal_id = j.id;
DROP INDEX ledger.entries_of_journal;

CREATE OR REPLACE FUNCTION ledger.posted_before(p_key text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    journal ledger.journals;
    differs boolean;
BEGIN
    SELECT j.* INTO STRICT journal FROM ledger.journals j WHERE j.key = p_key;
    WITH posted AS MATERIALIZED (
        SELECT e.account_id, e.amount, e.kind, e.ref FROM ledger.entries e
        WHERE e.id > coalesce(journal.after_entry, 0) AND e.journal_id = journal.id
        ORDER BY e.id LIMIT journal.entries
    ), asked AS (
        SELECT m.account_id, m.amount, m.kind, m.ref FROM pg_temp.movements m
    )
    SELECT EXISTS (SELECT * FROM asked EXCEPT ALL SELECT * FROM posted)
        OR EXISTS (SELECT * FROM posted EXCEPT ALL SELECT * FROM asked) INTO differs;
    IF differs THEN
        RAISE EXCEPTION USING ERRCODE = 'RL003',
            MESSAGE = 'this key was used for another journal';
    END IF;
    TRUNCATE pg_temp.movements;
    RETURN journal.id;
END $$;
"""

# Accounts are locked in one order everywhere, so that two journals never wait for each other:
# players' first, then the house's, each by id. An entry is numbered after its account is locked,
# so that the numbers of an account's entries rise.
POST = f"""
CREATE OR REPLACE FUNCTION ledger.post(p_key text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    journal bigint;
    asked bigint;
    payers bigint[];
    short record;
BEGIN
    PERFORM ledger.open_movements();
    SELECT count(*), array_agg(m.account_id) FILTER (WHERE m.amount < 0) INTO asked, payers
    FROM pg_temp.movements m;
    INSERT INTO ledger.journals (key, entries, after_entry)
    SELECT p_key, asked, s.last_value - {MANY} FROM ledger.entries_id_seq s
    ON CONFLICT ON CONSTRAINT one_journal_per_key DO NOTHING
    RETURNING id INTO journal;
    IF journal IS NULL THEN
        RETURN ledger.posted_before(p_key);
    END IF;

    IF asked <= {MANY} THEN
        PERFORM ledger.lock_moved(asked);
    END IF;
    -- Where nothing is locked yet, never_below_zero has the last word; this one has words for it.
    -- Without OFFSET the database would look at all accounts by their ids for the first one.
    SELECT s.id, s.available, s.needed INTO short
    FROM (SELECT a.id, a.balance - a.held AS available, -t.total AS needed
          FROM (SELECT m.account_id, sum(m.amount) AS total FROM pg_temp.movements m
                WHERE m.account_id = ANY (payers) GROUP BY m.account_id) t
          JOIN ledger.accounts a ON a.id = t.account_id
          WHERE a.guarded AND t.total < 0 AND a.balance - a.held + t.total < 0
          OFFSET 0) s
    ORDER BY s.id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'RL002', MESSAGE = 'an account has too little',
            DETAIL = json_build_object('account', short.id, 'available', short.available,
                                       'needed', short.needed)::text;
    END IF;

    IF asked > {MANY} THEN
        BEGIN
            IF ledger.write_large(journal) <> asked THEN
                RAISE SQLSTATE 'RL001';
            END IF;
            -- TRUNCATE changes the catalogue, which is dear for three movements.
            TRUNCATE pg_temp.movements;
            RETURN journal;
        EXCEPTION WHEN SQLSTATE 'RL001' THEN
            -- An account has more movements than a draw has numbers, or the journal is wrong,
            -- which comes out below.
            PERFORM ledger.lock_moved(asked);
        END;
    END IF;
    PERFORM ledger.write_small(journal);
    DELETE FROM pg_temp.movements;
    RETURN journal;
END $$;

CREATE FUNCTION ledger.lock_moved(p_asked bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    known bigint;
BEGIN
    PERFORM FROM ledger.accounts a JOIN pg_temp.movements m ON m.account_id = a.id
    ORDER BY a.kind <> 'player', a.id FOR NO KEY UPDATE OF a;
    GET DIAGNOSTICS known = ROW_COUNT;
    IF known <> p_asked THEN
        RAISE EXCEPTION 'a movement names an account that is not there';
    END IF;
END $$;
REVOKE ALL ON FUNCTION ledger.lock_moved(bigint) FROM PUBLIC;
"""

# The accounts are locked already.
WRITE_SMALL = """
CREATE FUNCTION ledger.write_small(p_journal bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    WITH numbered AS MATERIALIZED (
        SELECT nextval('ledger.entries_id_seq') AS id, m.* FROM pg_temp.movements m
    ), summed AS (
        UPDATE ledger.accounts a
        SET balance = a.balance + t.total, entry_before = a.last_entry, last_entry = t.last
        FROM (SELECT n.account_id, sum(n.amount)::bigint AS total, max(n.id) AS last
              FROM numbered n GROUP BY n.account_id) t
        WHERE a.id = t.account_id
        RETURNING a.id, a.asset, a.balance - t.total AS balance, a.entry_before
    )
    INSERT INTO ledger.entries
        (id, journal_id, account_id, asset, amount, balance, previous, kind, ref)
    OVERRIDING SYSTEM VALUE
    SELECT n.id, p_journal, n.account_id, s.asset, n.amount,
           s.balance + sum(n.amount) OVER chain,
           coalesce(lag(n.id) OVER chain, s.entry_before), n.kind, n.ref
    FROM numbered n JOIN summed s ON s.id = n.account_id
    WINDOW chain AS (PARTITION BY n.account_id ORDER BY n.id);
END $$;
REVOKE ALL ON FUNCTION ledger.write_small(bigint) FROM PUBLIC;
"""


# Players' accounts are updated, and so locked, in the order of their ids, those of the house when
# all else is written, so that bets wait for the rooms' pools as short as can be. Each gets a draw
# of numbers, and its entries have the last of them.
def _updated(where: str, moved: str) -> str:
    return f"""
        UPDATE ledger.accounts a
        SET balance = a.balance + t.total, entry_before = a.last_entry,
            last_entry = nextval('ledger.entries_id_seq')
        FROM (SELECT m.account_id, sum(m.amount)::bigint AS total, count(*) AS times,
                     min(m.kind) AS kind, min(m.ref) AS ref
              FROM (SELECT * FROM {moved} ORDER BY account_id OFFSET 0) m
              GROUP BY m.account_id ORDER BY m.account_id) t
        WHERE a.id = t.account_id AND {where}
        RETURNING a.id, a.asset, a.balance, a.entry_before, a.last_entry AS last,
                  t.total, t.times, t.kind, t.ref"""


def _entries(updated: str, moved: str) -> str:
    return f"""
    SELECT last, $1, id, asset, total, balance, entry_before, kind, ref
    FROM {updated} WHERE times = 1
    UNION ALL
    SELECT n.last - n.times + n.place, $1, n.id, n.asset, n.amount, n.balance - n.after,
           CASE n.place WHEN 1 THEN n.entry_before ELSE n.last - n.times + n.place - 1 END,
           n.kind, n.ref
    FROM (SELECT u.id, u.asset, u.balance, u.entry_before, u.last, u.times,
                 m.amount, m.kind, m.ref, row_number() OVER chain AS place,
                 (u.total - sum(m.amount) OVER chain)::bigint AS after
          FROM {updated} u JOIN {moved} m ON m.account_id = u.id
          WHERE u.times BETWEEN 2 AND {MANY}
          WINDOW chain AS (PARTITION BY u.id ORDER BY m.line)) n"""


# Planned anew each time: a plan that was kept from when the tables were small is no plan for a
# million. Without OFFSET the movements would be grouped before they are put in order.
WRITE_LARGE = f"""
CREATE FUNCTION ledger.write_large(p_journal bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    written bigint;
BEGIN
    EXECUTE $many$
    WITH of_house AS MATERIALIZED (
        SELECT m.*, m.ctid AS line FROM pg_temp.movements m
        JOIN ledger.accounts h ON h.id = m.account_id WHERE h.kind <> 'player'
    ), players AS ({_updated("a.kind = 'player'", "pg_temp.movements")}
    ), house AS ({_updated("a.kind <> 'player'", "of_house")}
    )
    INSERT INTO ledger.entries
        (id, journal_id, account_id, asset, amount, balance, previous, kind, ref)
    OVERRIDING SYSTEM VALUE
    {_entries("players", "(SELECT *, ctid AS line FROM pg_temp.movements)")}
    UNION ALL
    {_entries("house", "of_house")}
    $many$ USING p_journal;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END $$;
REVOKE ALL ON FUNCTION ledger.write_large(bigint) FROM PUBLIC;
"""


def upgrade() -> None:
    for part in (NUMBERS, JOURNALS, POST, WRITE_SMALL, WRITE_LARGE):
        op.execute(part)
