"""oracle: which observations are the newest, for who has judged by them and makes sure."""

from alembic import op

revision = "0014"
down_revision = "0013"

NEWEST_TICKS = """
CREATE FUNCTION oracle.newest_ticks(p_assets text[]) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
    SELECT array_agg((SELECT max(o.tick_id) FROM oracle.observations o WHERE o.asset = wanted.asset)
                     ORDER BY wanted.place)
    FROM unnest(p_assets) WITH ORDINALITY AS wanted (asset, place)
$$;
REVOKE ALL ON FUNCTION oracle.newest_ticks(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION oracle.newest_ticks(text[]) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(NEWEST_TICKS)
