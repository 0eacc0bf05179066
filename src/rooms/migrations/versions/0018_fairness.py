"""fairness: seed chains as the public may know them, and beacons."""

from alembic import op

revision = "0018"
down_revision = "0017"

# No secret is in the database: seeds follow from a master key that it never sees. A commit does
# not lead to a seed, nor to the link before it.
SQL = """
CREATE TABLE fairness.chains (
    game text NOT NULL CHECK (game ~ '^[a-z0-9-]{1,32}$'),
    chain integer NOT NULL CHECK (chain > 0),
    first_round bigint NOT NULL CHECK (first_round >= 0),
    terms jsonb NOT NULL,
    commits bytea NOT NULL CHECK (length(commits) > 0 AND length(commits) % 32 = 0),
    at timestamptz(3) NOT NULL,
    PRIMARY KEY (game, chain),
    CONSTRAINT one_chain_begins_with_a_round UNIQUE (game, first_round)
);
ALTER TABLE fairness.chains ALTER COLUMN commits SET STORAGE EXTERNAL; -- read piece by piece

CREATE TABLE fairness.chain_ends (
    game text NOT NULL,
    chain integer NOT NULL,
    last_round bigint NOT NULL,
    server_seed bytea NOT NULL CHECK (length(server_seed) = 32),
    at timestamptz(3) NOT NULL,
    PRIMARY KEY (game, chain)
);

-- Chains of drand that games take their entropy from: what a hash stands for never changes.
CREATE TABLE fairness.drand_chains (
    hash text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    info jsonb NOT NULL
);

-- Beacons whose signature was verified. The newest one shows whether the clock here is slow.
CREATE TABLE fairness.beacons (
    drand text NOT NULL,
    round bigint NOT NULL CHECK (round > 0),
    signature bytea NOT NULL CHECK (length(signature) = 48),
    randomness bytea NOT NULL GENERATED ALWAYS AS (sha256(signature)) STORED,
    appears_at timestamptz(3) NOT NULL,
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    PRIMARY KEY (drand, round)
);
CREATE INDEX beacons_by_time ON fairness.beacons (appears_at);

GRANT SELECT ON fairness.chains, fairness.chain_ends, fairness.drand_chains, fairness.beacons
    TO rooms_app, rooms_reader;
GRANT INSERT ON fairness.chains, fairness.chain_ends, fairness.drand_chains, fairness.beacons
    TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
