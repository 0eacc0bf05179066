"""ledger: many payments into one account as one journal, for bets that are committed together.

Everywhere players' accounts are locked before those of the house, each in the order of their ids:
who holds an account of the house waits for nobody any more.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

SPENDABLE = """
CREATE FUNCTION ledger.spendable(p_accounts bigint[], p_wait boolean)
RETURNS TABLE (account_id bigint, available bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    IF p_wait THEN
        RETURN QUERY SELECT a.id, a.balance - a.held FROM ledger.accounts a
        WHERE a.id = ANY (p_accounts) ORDER BY a.id FOR NO KEY UPDATE;
    ELSE
        RETURN QUERY SELECT a.id, a.balance - a.held FROM ledger.accounts a
        WHERE a.id = ANY (p_accounts) ORDER BY a.id FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
END $$;
"""

# Plans are made for arrays whose length nobody knows, perhaps while the tables are still empty:
# without a way around the indexes such a plan stays right when they have grown.
COLLECT = """
CREATE FUNCTION ledger.collect(
    p_key text, p_kind text, p_payers bigint[], p_amounts bigint[], p_refs text[], p_into bigint
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    journal bigint;
    entry bigint;
    total bigint;
    receiver ledger.accounts;
BEGIN
    IF p_into = ANY (p_payers) OR 0 >= ANY (p_amounts) THEN
        RAISE EXCEPTION 'an account cannot pay itself, nor nothing';
    END IF;
    INSERT INTO ledger.journals (key) VALUES (p_key) RETURNING id INTO journal;
    SELECT a.* INTO STRICT receiver FROM ledger.accounts a WHERE a.id = p_into FOR NO KEY UPDATE;
    SELECT sum(amount) INTO total FROM unnest(p_amounts) AS amount;
    entry := nextval('ledger.entries_id_seq');

    WITH numbered AS MATERIALIZED (
        SELECT nextval('ledger.entries_id_seq') AS id, payment.*
        FROM unnest(p_payers, p_amounts, p_refs) AS payment (account_id, amount, ref)
    ), payer AS MATERIALIZED (
        SELECT a.id, a.asset, a.balance, a.last_entry FROM ledger.accounts a
        WHERE a.id = ANY (p_payers) FOR NO KEY UPDATE
    ), written AS (
        INSERT INTO ledger.entries
            (id, journal_id, account_id, asset, amount, balance, previous, kind, ref)
        OVERRIDING SYSTEM VALUE
        SELECT n.id, journal, n.account_id, payer.asset, -n.amount,
               payer.balance - sum(n.amount) OVER chain,
               coalesce(lag(n.id) OVER chain, payer.last_entry), p_kind, n.ref
        FROM numbered n JOIN payer ON payer.id = n.account_id
        WINDOW chain AS (PARTITION BY n.account_id ORDER BY n.id)
        UNION ALL
        SELECT entry, journal, p_into, receiver.asset, total,
               receiver.balance + total, receiver.last_entry, p_kind, p_key
        RETURNING id, account_id, amount
    )
    UPDATE ledger.accounts a SET balance = a.balance + moved.total, last_entry = moved.last
    FROM (SELECT w.account_id, sum(w.amount)::bigint AS total, max(w.id) AS last
          FROM written w GROUP BY w.account_id) AS moved
    WHERE a.id = moved.account_id;
    RETURN journal;
END $$;
"""

# As it was, but for the order of the locks.
POST_HOLD = """
CREATE OR REPLACE FUNCTION ledger.post_hold(p_hold bigint, p_key text) RETURNS bigint
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
    ORDER BY a.kind <> 'player', a.id FOR NO KEY UPDATE;
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
REVOKE ALL ON FUNCTION ledger.spendable(bigint[], boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION ledger.collect(text, text, bigint[], bigint[], text[], bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    ledger.spendable(bigint[], boolean),
    ledger.collect(text, text, bigint[], bigint[], text[], bigint)
TO rooms_app;
"""


def upgrade() -> None:
    for part in (SPENDABLE, COLLECT, POST_HOLD, RIGHTS):
        op.execute(part)
