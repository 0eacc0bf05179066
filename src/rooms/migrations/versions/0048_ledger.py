"""ledger: a look of the check that never stops finds its rows by an index, whatever was counted."""

from alembic import op

revision = "0048"
down_revision = "0047"

# Its plans are kept: one that was made when the tables were counted and nearly empty went through
# all entries until they were counted again.
SQL = """
ALTER FUNCTION ledger.check_entries(integer) SET enable_seqscan = off;
ALTER FUNCTION ledger.check_accounts(bigint, integer) SET enable_seqscan = off;
"""


def upgrade() -> None:
    op.execute(SQL)
