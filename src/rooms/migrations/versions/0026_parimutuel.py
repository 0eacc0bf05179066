"""parimutuel: sums that stay in a bigint, for a settlement's hundred thousand groups."""

from alembic import op

revision = "0026"
down_revision = "0025"

# sum(bigint) goes through numeric and keeps each group's state apart, which costs half of what a
# settlement reads. This one raises where a sum leaves the range, as a cast of the other would.
TOTAL = """
CREATE AGGREGATE parimutuel.total(bigint) (SFUNC = int8pl, STYPE = bigint, PARALLEL = SAFE,
                                           COMBINEFUNC = int8pl);
REVOKE ALL ON FUNCTION parimutuel.total(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION parimutuel.total(bigint) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(TOTAL)
