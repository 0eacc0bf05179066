"""platform: topics that are watched, and their newest frames, numbered."""

from alembic import op

revision = "0032"
down_revision = "0031"

# A frame is written as it is sent, so that every process sends the same bytes. Its number is given
# while its transaction stands alone in the line of all topics: numbers become visible in order.
SQL = """
CREATE TABLE platform.topics (
    topic text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    told_to bigint NOT NULL DEFAULT 0,
    watched_until timestamptz NOT NULL
);
CREATE TABLE platform.frames (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    frame text NOT NULL,
    UNIQUE (topic, seq)
);
GRANT SELECT ON platform.topics, platform.frames TO rooms_app, rooms_reader;
GRANT INSERT, UPDATE ON platform.topics TO rooms_app;
GRANT INSERT, DELETE ON platform.frames TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
