"""ledger: many accounts pay once each into one, without a look at what each has."""

from alembic import op

revision = "0015"
down_revision = "0014"

# Without a wait: whoever cannot have all of them comes back for some.
LOCK_ALL = """
CREATE FUNCTION ledger.lock_all(p_accounts bigint[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    locked bigint;
BEGIN
    PERFORM FROM ledger.accounts a
    WHERE a.id = ANY (p_accounts) ORDER BY a.id FOR NO KEY UPDATE SKIP LOCKED;
    GET DIAGNOSTICS locked = ROW_COUNT;
    RETURN locked = cardinality(p_accounts);
END $$;
REVOKE ALL ON FUNCTION ledger.lock_all(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.lock_all(bigint[]) TO rooms_app;
"""

# never_below_zero refuses the whole where an account has too little. As in ``post``, an entry is
# numbered by the update that has its account's row, so that the numbers of an account rise.
CHARGE = """
CREATE FUNCTION ledger.charge(
    p_key text, p_kind text, p_payers bigint[], p_amounts bigint[], p_refs text[], p_into bigint
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    journal bigint;
    written bigint;
BEGIN
    IF p_into = ANY (p_payers) OR 0 >= ANY (p_amounts) THEN
        RAISE EXCEPTION 'an account cannot pay itself, nor nothing';
    END IF;
    INSERT INTO ledger.journals (key) VALUES (p_key) RETURNING id INTO journal;

    WITH paid AS (
        UPDATE ledger.accounts a
        SET balance = a.balance - p.amount, entry_before = a.last_entry,
            last_entry = nextval('ledger.entries_id_seq')
        FROM (SELECT account_id, amount, ref
              FROM unnest(p_payers, p_amounts, p_refs) AS payment (account_id, amount, ref)
              ORDER BY account_id) p
        WHERE a.id = p.account_id
        RETURNING a.last_entry AS id, a.id AS account_id, a.asset, -p.amount AS amount, a.balance,
                  a.entry_before AS previous, p.ref
    ), house AS (
        UPDATE ledger.accounts a
        SET balance = a.balance + total.amount, entry_before = a.last_entry,
            last_entry = nextval('ledger.entries_id_seq')
        FROM (SELECT -sum(amount)::bigint AS amount FROM paid) AS total
        WHERE a.id = p_into
        RETURNING a.last_entry AS id, a.id AS account_id, a.asset, total.amount, a.balance,
                  a.entry_before AS previous, p_key AS ref
    )
    INSERT INTO ledger.entries
        (id, journal_id, account_id, asset, amount, balance, previous, kind, ref)
    OVERRIDING SYSTEM VALUE
    SELECT id, journal, account_id, asset, amount, balance, previous, p_kind, ref
    FROM (SELECT * FROM paid UNION ALL SELECT * FROM house) moved;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> cardinality(p_payers) + 1 THEN
        RAISE EXCEPTION 'an account is not there, or pays twice';
    END IF;
    RETURN journal;
END $$;
REVOKE ALL ON FUNCTION ledger.charge(text, text, bigint[], bigint[], text[], bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.charge(text, text, bigint[], bigint[], text[], bigint)
    TO rooms_app;
"""


def upgrade() -> None:
    op.execute(LOCK_ALL)
    op.execute(CHARGE)
