"""referral: who invited whom, and what each level has earned."""

from alembic import op

revision = "0004"
down_revision = "0003"

SQL = """
CREATE SCHEMA referral;
GRANT USAGE ON SCHEMA referral TO rooms_app, rooms_reader;

-- The referrer is set once, at sign-up: the application can insert a member and nothing else.
CREATE TABLE referral.members (
    player_id bigint PRIMARY KEY,
    code text NOT NULL CONSTRAINT one_member_per_code UNIQUE,
    account_id bigint NOT NULL,
    upline_1 bigint,
    upline_2 bigint,
    upline_3 bigint,
    joined_at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp())
);
CREATE INDEX members_by_upline_1 ON referral.members (upline_1) WHERE upline_1 IS NOT NULL;
CREATE INDEX members_by_upline_2 ON referral.members (upline_2) WHERE upline_2 IS NOT NULL;
CREATE INDEX members_by_upline_3 ON referral.members (upline_3) WHERE upline_3 IS NOT NULL;
COMMENT ON COLUMN referral.members.upline_1 IS 'the account of the referrer';

CREATE TABLE referral.earnings (
    account_id bigint NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
    asset text NOT NULL,
    earned bigint NOT NULL CHECK (earned >= 0),
    PRIMARY KEY (account_id, level, asset)
) WITH (fillfactor = 50);

GRANT SELECT ON ALL TABLES IN SCHEMA referral TO rooms_app, rooms_reader;
GRANT INSERT ON ALL TABLES IN SCHEMA referral TO rooms_app;
GRANT UPDATE ON referral.earnings TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
