"""identity: players, staff, their tokens (only digests), and what staff did."""

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = """
CREATE SCHEMA identity;
GRANT USAGE ON SCHEMA identity TO rooms_app, rooms_reader;

CREATE TABLE identity.players (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
    joined_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp())
);

CREATE TABLE identity.staff (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT one_administrator_per_name UNIQUE,
    player_id bigint,
    since timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp())
);

CREATE TABLE identity.tokens (
    digest bytea PRIMARY KEY,
    player_id bigint,
    staff_id bigint,
    issued_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    CHECK (num_nonnulls(player_id, staff_id) = 1)
);

CREATE TABLE identity.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    staff_id bigint,
    action text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL
);

GRANT SELECT ON ALL TABLES IN SCHEMA identity TO rooms_app;
GRANT SELECT ON identity.players, identity.staff, identity.audit TO rooms_reader;
GRANT INSERT ON ALL TABLES IN SCHEMA identity TO rooms_app;
GRANT DELETE ON identity.tokens TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
