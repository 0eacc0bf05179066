"""keno: which rounds were skipped together, as their record in the log says."""

from alembic import op

revision = "0024"
down_revision = "0023"

SQL = """
CREATE TABLE keno.skips (
    game_id integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL CHECK (last >= first),
    reason text NOT NULL,
    at timestamptz(3) NOT NULL,
    PRIMARY KEY (game_id, first)
);
GRANT SELECT ON keno.skips TO rooms_app, rooms_reader;
GRANT INSERT ON keno.skips TO rooms_app;

-- Whoever had skipped rounds before: the runs of rounds that were skipped at one time.
INSERT INTO keno.skips (game_id, first, last, reason, at)
SELECT game_id, min(number), max(number), reason, at
FROM (SELECT game_id, number, reason, at,
             number - row_number() OVER (PARTITION BY game_id, at ORDER BY number) AS run
      FROM keno.results WHERE fate = 'SKIPPED') AS numbered
GROUP BY game_id, run, reason, at;
"""


def upgrade() -> None:
    op.execute(SQL)
