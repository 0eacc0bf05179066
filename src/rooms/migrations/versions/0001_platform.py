"""platform: the outbox and its readers, leases, commands that were answered."""

from alembic import op

revision = "0001"
down_revision = None

SQL = """
GRANT USAGE ON SCHEMA platform TO rooms_app, rooms_reader;

CREATE TABLE platform.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    kind text NOT NULL,
    body jsonb NOT NULL
);
CREATE INDEX outbox_in_order ON platform.outbox (kind, txid, id);

CREATE TABLE platform.cursors (
    consumer text PRIMARY KEY,
    txid xid8 NOT NULL
);

CREATE TABLE platform.inbox (
    consumer text NOT NULL,
    fact_id bigint NOT NULL,
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    PRIMARY KEY (consumer, fact_id)
);

CREATE TABLE platform.leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
);

CREATE TABLE platform.commands (
    scope text NOT NULL,
    key text NOT NULL,
    body bytea NOT NULL,
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    answer bytea,
    PRIMARY KEY (scope, key)
);

GRANT SELECT ON ALL TABLES IN SCHEMA platform TO rooms_app, rooms_reader;

-- What every process of this house must share and nobody else may read: 244 random bits.
CREATE TABLE platform.keys (
    name text PRIMARY KEY,
    key bytea NOT NULL
);
INSERT INTO platform.keys VALUES ('references',
    decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
GRANT SELECT ON platform.keys TO rooms_app;
GRANT INSERT ON platform.outbox, platform.inbox, platform.commands TO rooms_app;
GRANT UPDATE (answer) ON platform.commands TO rooms_app;
GRANT INSERT, UPDATE ON platform.cursors, platform.leases TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
