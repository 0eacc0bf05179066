"""platform: facts that every consumer has handled are forgotten when they are old."""

from alembic import op

revision = "0019"
down_revision = "0018"

# The application cannot remove facts; this function forgets none that is young, and none that
# lies at or above the place of any consumer: what is below was handled by each that wants it.
# It looks at the oldest few only, so that a look costs the same however many there are.
PRUNE = """
CREATE FUNCTION platform.prune_facts(p_age interval, p_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken xid8;
    old bigint[];
    gone bigint[];
BEGIN
    IF p_age < interval '1 hour' THEN
        RAISE EXCEPTION 'facts are kept for an hour at least';
    END IF;
    SELECT c.txid INTO taken FROM platform.cursors c ORDER BY c.txid LIMIT 1;
    SELECT array_agg(o.id) INTO old
    FROM (SELECT o.id, o.txid, o.at FROM platform.outbox o ORDER BY o.id LIMIT p_most) o
    WHERE o.txid < taken AND o.at < clock_timestamp() - p_age;
    WITH free AS (
        SELECT o.id FROM platform.outbox o WHERE o.id = ANY (old) FOR UPDATE SKIP LOCKED
    ), forgotten AS (
        DELETE FROM platform.outbox o USING free WHERE o.id = free.id RETURNING o.id
    )
    SELECT coalesce(array_agg(id), '{}') INTO gone FROM forgotten;
    DELETE FROM platform.inbox i USING platform.cursors c
    WHERE i.consumer = c.consumer AND i.fact_id = ANY (gone);
    RETURN cardinality(gone);
END $$;
REVOKE ALL ON FUNCTION platform.prune_facts(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.prune_facts(interval, integer) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(PRUNE)
