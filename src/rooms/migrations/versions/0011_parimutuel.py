"""parimutuel: rooms are found by what they are about, and by their host while they are in play."""

from alembic import op

revision = "0011"
down_revision = "0010"

SQL = """
CREATE INDEX rooms_about ON parimutuel.rooms USING gin (assets);
CREATE INDEX rooms_in_play_of_host ON parimutuel.rooms (host_id)
    WHERE status IN ('QUEUING', 'OPEN', 'LOCKED', 'SETTLING');
"""


def upgrade() -> None:
    op.execute(SQL)
