"""platform: the function of a context writes its fact on the outbox."""

from alembic import op

revision = "0016"
down_revision = "0015"

PUBLISH = """
CREATE FUNCTION platform.publish(p_kind text, p_body jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO platform.outbox (kind, body) VALUES (p_kind, p_body)
$$;
REVOKE ALL ON FUNCTION platform.publish(text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.publish(text, jsonb) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(PUBLISH)
