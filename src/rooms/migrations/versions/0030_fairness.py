"""fairness: the function of a context asks whether the database's clock is slow."""

from alembic import op

revision = "0030"
down_revision = "0029"

CLOCK_IS_SLOW = """
CREATE FUNCTION fairness.clock_is_slow() RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM fairness.beacons
                   WHERE appears_at >= clock_timestamp() + interval '1 second')
$$;
REVOKE ALL ON FUNCTION fairness.clock_is_slow() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fairness.clock_is_slow() TO rooms_app;
"""


def upgrade() -> None:
    op.execute(CLOCK_IS_SLOW)
