"""fairness: what the house owed each hour, so that each player can find the own balance in it."""

from alembic import op

revision = "0033"
down_revision = "0032"

# A statement's accounts lie in its parts in the order of their salts, which are made of a key:
# ``first`` is the salt of a part's first account, ``root`` and ``sum`` are of the part's subtree.
SQL = """
CREATE TABLE fairness.statements (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset text NOT NULL,
    due timestamptz(3) NOT NULL,
    at timestamptz(3) NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    liabilities bigint NOT NULL CHECK (liabilities >= 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    CONSTRAINT one_statement_when_due UNIQUE (asset, due)
);
CREATE TABLE fairness.statement_parts (
    statement_id bigint NOT NULL,
    number integer NOT NULL CHECK (number >= 0),
    first bytea NOT NULL CHECK (length(first) = 16),
    accounts bigint[] NOT NULL,
    balances bigint[] NOT NULL,
    root bytea NOT NULL CHECK (length(root) = 32),
    sum bigint NOT NULL CHECK (sum >= 0),
    PRIMARY KEY (statement_id, number),
    CHECK (cardinality(accounts) = cardinality(balances))
);
CREATE INDEX solvency_records ON fairness.pending (at) WHERE kind = 'solvency';
GRANT SELECT ON fairness.statements, fairness.statement_parts TO rooms_app, rooms_reader;
GRANT INSERT ON fairness.statements, fairness.statement_parts TO rooms_app;

-- A statement's record stays in the log for ever; who had which balance then is forgotten once
-- an asset has two days of statements after it.
CREATE FUNCTION fairness.forget_balances() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM fairness.statement_parts WHERE statement_id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY asset ORDER BY due DESC) AS age
            FROM fairness.statements
        ) AS aged WHERE age BETWEEN 49 AND 60
    )
$$;
REVOKE ALL ON FUNCTION fairness.forget_balances() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fairness.forget_balances() TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
