"""fairness: what waits for the log, the log, its signed heads and who cosigned them."""

from alembic import op

revision = "0012"
down_revision = "0011"

SQL = """
CREATE SCHEMA fairness;
GRANT USAGE ON SCHEMA fairness TO rooms_app, rooms_reader;

-- Written in the transaction of what it records: a record by its fields, or a batch of accepted
-- rows by their ids. Rows stay; ``sequenced`` says which are in the log.
CREATE TABLE fairness.pending (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    kind text NOT NULL,
    at timestamptz(3) NOT NULL,
    fields jsonb,
    ids bigint[],
    CHECK (num_nonnulls(fields, ids) = 1)
);
CREATE INDEX pending_in_order ON fairness.pending (txid, id);
CREATE INDEX batches_by_time ON fairness.pending (at, kind) WHERE ids IS NOT NULL;

-- The log. A leaf's hash is kept beside it; a tile has the hashes of 256 complete subtrees of one
-- height, and the hash above them.
CREATE TABLE fairness.leaves (
    index bigint PRIMARY KEY CHECK (index >= 0),
    entry text NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE TABLE fairness.tiles (
    level integer NOT NULL CHECK (level >= 0),
    number bigint NOT NULL CHECK (number >= 0),
    hashes bytea NOT NULL CHECK (length(hashes) = 8192),
    root bytea NOT NULL CHECK (length(root) = 32),
    PRIMARY KEY (level, number)
);
ALTER TABLE fairness.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL; -- hashes do not compress

-- Under which leaf something that waited came to stand: once.
CREATE TABLE fairness.sequenced (
    pending_id bigint PRIMARY KEY,
    leaf bigint NOT NULL
);
CREATE INDEX sequenced_by_leaf ON fairness.sequenced (leaf);

-- ``horizon``: whatever older transactions noted is in the log. ``epoch``: of the leader.
CREATE TABLE fairness.heads (
    size bigint PRIMARY KEY CHECK (size >= 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    at timestamptz(3) NOT NULL,
    checkpoint text NOT NULL,
    horizon xid8 NOT NULL,
    epoch bigint NOT NULL
);
CREATE INDEX heads_by_time ON fairness.heads (at);

CREATE TABLE fairness.cosignatures (
    size bigint NOT NULL,
    witness text NOT NULL,
    line text NOT NULL,
    signed_at timestamptz(3) NOT NULL,
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    PRIMARY KEY (size, witness)
);

-- Returns when no head that was begun before is still being signed. The lock is let go at once
-- (by undoing the block that took it), so that whoever waits for heads never holds them up.
CREATE FUNCTION fairness.wait_for_head() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('fairness.head', 0));
    RAISE EXCEPTION USING ERRCODE = 'RM001';
EXCEPTION WHEN SQLSTATE 'RM001' THEN
    RETURN;
END $$;
REVOKE ALL ON FUNCTION fairness.wait_for_head() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fairness.wait_for_head() TO rooms_app;

GRANT SELECT ON ALL TABLES IN SCHEMA fairness TO rooms_app, rooms_reader;
GRANT INSERT ON ALL TABLES IN SCHEMA fairness TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
