"""fairness: records about games are found by what they say."""

from alembic import op

revision = "0023"
down_revision = "0022"

SQL = """
CREATE INDEX records_of_games ON fairness.pending USING gin (fields jsonb_path_ops)
    WHERE kind LIKE 'keno.%';
"""


def upgrade() -> None:
    op.execute(SQL)
