"""fairness: a room's records are found by the room, records that wait without all the batches."""

from alembic import op

revision = "0036"
down_revision = "0035"

# ``waiting_records`` is for the sequencer when more waits than a head takes: records must not
# overtake one another, and among a million batches there are few.
SQL = """
CREATE INDEX records_of_rooms ON fairness.pending ((fields ->> 'room')) WHERE kind LIKE 'room.%';
CREATE INDEX waiting_records ON fairness.pending (txid, id) WHERE fields IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(SQL)
