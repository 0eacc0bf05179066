"""oracle: the newest observation is looked for among those on the same terms."""

from alembic import op

revision = "0041"
down_revision = "0040"

# Without a number are what was observed and is watched since before terms had numbers: they are 0.
SQL = """
ALTER TABLE oracle.observations ADD COLUMN terms_id bigint NOT NULL DEFAULT 0;
UPDATE oracle.observations AS seen SET terms_id = tick.terms_id
FROM oracle.ticks AS tick WHERE tick.id = seen.tick_id AND tick.terms_id IS NOT NULL;
CREATE INDEX newest_on_terms ON oracle.observations (asset, terms_id, tick_id);
"""

NEWEST_TICKS = """
DROP FUNCTION oracle.newest_ticks(text[]);
CREATE FUNCTION oracle.newest_ticks(p_assets text[], p_terms bigint[]) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
    SELECT array_agg((SELECT max(o.tick_id) FROM oracle.observations o
                      WHERE o.asset = wanted.asset AND o.terms_id = wanted.terms)
                     ORDER BY wanted.place)
    FROM unnest(p_assets, p_terms) WITH ORDINALITY AS wanted (asset, terms, place)
$$;
REVOKE ALL ON FUNCTION oracle.newest_ticks(text[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION oracle.newest_ticks(text[], bigint[]) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
    op.execute(NEWEST_TICKS)
