"""oracle: what was observed at each tick, and the conditions that are watched."""

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = """
CREATE SCHEMA oracle;
GRANT USAGE ON SCHEMA oracle TO rooms_app, rooms_reader;

-- A tick is one round of asking. The monitor's carry its epoch; others were asked for creation.
CREATE TABLE oracle.ticks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz(3) NOT NULL,
    epoch bigint
);

CREATE TABLE oracle.observations (
    asset text NOT NULL,
    tick_id bigint NOT NULL,
    at timestamptz(3) NOT NULL,
    price numeric NOT NULL CHECK (price > 0),
    evidence jsonb NOT NULL,
    PRIMARY KEY (asset, tick_id)
);

CREATE TABLE oracle.watches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL CONSTRAINT one_watch_per_subject UNIQUE,
    market jsonb NOT NULL,
    assets text[] NOT NULL,
    resolve text NOT NULL CHECK (resolve IN ('touch', 'at_close')),
    confirmations integer NOT NULL CHECK (confirmations >= 1),
    token_window interval NOT NULL,
    first_tick bigint NOT NULL,
    created_at timestamptz(3) NOT NULL,
    settles_at timestamptz(3) NOT NULL,
    clear_at timestamptz(3) NOT NULL,
    clear_tick bigint,
    met_since timestamptz(3),
    met_ticks bigint[] NOT NULL DEFAULT '{}',
    ended_at timestamptz(3)
) WITH (fillfactor = 50);
CREATE INDEX watches_in_force ON oracle.watches (id) WHERE ended_at IS NULL;

GRANT SELECT ON ALL TABLES IN SCHEMA oracle TO rooms_app, rooms_reader;
GRANT INSERT ON ALL TABLES IN SCHEMA oracle TO rooms_app;
GRANT UPDATE (clear_at, clear_tick, met_since, met_ticks, ended_at) ON oracle.watches TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
