"""keno: rounds are not locked for a batch any more; tickets are found by their index, always."""

from alembic import op

revision = "0029"
down_revision = "0028"

LOCK_ROUNDS = "DROP FUNCTION keno.lock_rounds(integer[], bigint[], bigint[])"

# A plan that was made while there were a hundred tickets reads all of them for each of ten thousand
# when there are a million, and holds up the log so long that tickets are not bound in time.
SOLD_TICKETS = """
CREATE FUNCTION keno.sold_tickets(p_ids bigint[])
RETURNS TABLE (
    id bigint, accepted_ms bigint, stake bigint, number bigint, picks bit(80), game text
)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    SELECT t.id, (extract(epoch FROM t.accepted_at) * 1000)::bigint, t.stake, t.number, t.picks,
           g.game
    FROM unnest(p_ids) AS asked (id)
    JOIN keno.tickets t ON t.id = asked.id
    JOIN keno.games g ON g.id = t.game_id
$$;
REVOKE ALL ON FUNCTION keno.sold_tickets(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keno.sold_tickets(bigint[]) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(LOCK_ROUNDS)
    op.execute(SOLD_TICKETS)
