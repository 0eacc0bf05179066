"""fairness: the ids of a large batch are stored as they are."""

from alembic import op

revision = "0039"
down_revision = "0038"

# As with facts: squeezing costs the transaction of the bets more than the bytes are worth.
SQL = "ALTER TABLE fairness.pending ALTER COLUMN ids SET STORAGE EXTERNAL"


def upgrade() -> None:
    op.execute(SQL)
