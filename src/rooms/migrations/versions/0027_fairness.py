"""fairness: the function of a context notes its batch for the log."""

from alembic import op

revision = "0027"
down_revision = "0026"

ACCEPT = """
CREATE FUNCTION fairness.accept(p_kind text, p_ids bigint[], p_at timestamptz) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO fairness.pending (kind, at, ids) VALUES (p_kind, p_at, p_ids)
$$;
REVOKE ALL ON FUNCTION fairness.accept(text, bigint[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fairness.accept(text, bigint[], timestamptz) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(ACCEPT)
