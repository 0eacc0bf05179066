"""platform: the keys that sign the log's heads and the receipts."""

from alembic import op

revision = "0020"
down_revision = "0019"

# The seeds of two Ed25519 keys, 488 random bits each, hashed to the 32 bytes that a seed has.
SQL = """
INSERT INTO platform.keys
SELECT name, sha256(decode(replace(string_agg(gen_random_uuid()::text, ''), '-', ''), 'hex'))
FROM unnest(ARRAY['log', 'receipts']) AS wanted (name), generate_series(1, 4)
GROUP BY name;
"""


def upgrade() -> None:
    op.execute(SQL)
