"""ledger: who is paid is compared with who pays once, not once for each payment."""

from alembic import op

revision = "0037"
down_revision = "0036"

# As before. Two arrays of n payments took n * n comparisons to see that nobody pays himself.
CHARGE = """
CREATE OR REPLACE FUNCTION ledger.charge(
    p_key text, p_kind text, p_payers bigint[], p_amounts bigint[], p_refs text[], p_into bigint[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    receivers bigint[] := ARRAY(SELECT DISTINCT receiver FROM unnest(p_into) AS receiver);
    journal bigint;
    written bigint;
BEGIN
    IF receivers && p_payers OR 0 >= ANY (p_amounts) THEN
        RAISE EXCEPTION 'an account cannot pay itself, nor nothing';
    END IF;
    INSERT INTO ledger.journals (key) VALUES (p_key) RETURNING id INTO journal;

    WITH paid AS (
        UPDATE ledger.accounts a
        SET balance = a.balance - p.amount, entry_before = a.last_entry,
            last_entry = nextval('ledger.entries_id_seq')
        FROM (SELECT account_id, amount, ref, receiver
              FROM unnest(p_payers, p_amounts, p_refs, p_into)
                AS payment (account_id, amount, ref, receiver)
              ORDER BY account_id) p
        WHERE a.id = p.account_id
        RETURNING a.last_entry AS id, a.id AS account_id, a.asset, -p.amount AS amount, a.balance,
                  a.entry_before AS previous, p.ref, p.receiver
    ), house AS (
        UPDATE ledger.accounts a
        SET balance = a.balance + total.amount, entry_before = a.last_entry,
            last_entry = nextval('ledger.entries_id_seq')
        FROM (SELECT receiver, -sum(amount)::bigint AS amount
              FROM paid GROUP BY receiver ORDER BY receiver) total
        WHERE a.id = total.receiver
        RETURNING a.last_entry AS id, a.id AS account_id, a.asset, total.amount, a.balance,
                  a.entry_before AS previous, p_key AS ref, a.id
    )
    INSERT INTO ledger.entries
        (id, journal_id, account_id, asset, amount, balance, previous, kind, ref)
    OVERRIDING SYSTEM VALUE
    SELECT id, journal, account_id, asset, amount, balance, previous, p_kind, ref
    FROM (SELECT * FROM paid UNION ALL SELECT * FROM house) moved;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> cardinality(p_payers) + cardinality(receivers) THEN
        RAISE EXCEPTION 'an account is not there, or pays twice';
    END IF;
    RETURN journal;
END $$;
"""


def upgrade() -> None:
    op.execute(CHARGE)
