"""oracle: on which terms prices were agreed on, so that later settings do not reach into rooms."""

from alembic import op

revision = "0009"
down_revision = "0008"

SQL = """
-- Quorum, spreads and sources as rooms fixed them at creation; most rooms share a row.
CREATE TABLE oracle.terms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    terms jsonb NOT NULL
);
CREATE UNIQUE INDEX one_row_per_terms ON oracle.terms (md5(terms::text));

-- What is older has none, and goes by the settings in force.
ALTER TABLE oracle.ticks ADD COLUMN terms_id bigint REFERENCES oracle.terms;
ALTER TABLE oracle.watches ADD COLUMN terms_id bigint REFERENCES oracle.terms;

GRANT SELECT ON oracle.terms TO rooms_app, rooms_reader;
GRANT INSERT ON oracle.terms TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
