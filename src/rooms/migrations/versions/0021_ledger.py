"""ledger: accounts for what keno tickets stake, and for what an operator pays prizes from."""

from alembic import op

revision = "0021"
down_revision = "0020"

SQL = """
INSERT INTO ledger.kinds VALUES
    ('keno_stakes', true, 'stakes of keno tickets whose round is not settled yet, in shards'),
    ('bankroll', true, 'what an operator pays keno prizes from, and where lost stakes go');
"""


def upgrade() -> None:
    op.execute(SQL)
