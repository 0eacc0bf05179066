"""parimutuel: rooms and their life, bets, decisions, settlements. Only a room's row changes."""

from alembic import op

revision = "0006"
down_revision = "0005"

SQL = """
CREATE SCHEMA parimutuel;
GRANT USAGE ON SCHEMA parimutuel TO rooms_app, rooms_reader;

CREATE TABLE parimutuel.rooms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL CHECK (char_length(title) BETWEEN 5 AND 200),
    market jsonb NOT NULL,
    assets text[] NOT NULL,
    resolve text NOT NULL CHECK (resolve IN ('touch', 'at_close')),
    status text NOT NULL CHECK (
        status IN ('QUEUING', 'OPEN', 'LOCKED', 'SETTLING', 'SETTLED', 'VOIDED')),
    host_id bigint NOT NULL,
    host_account bigint NOT NULL,
    min_players integer NOT NULL CHECK (min_players >= 1),
    terms jsonb NOT NULL,
    void_delay interval NOT NULL,
    first_tick bigint NOT NULL,
    created_at timestamptz(3) NOT NULL,
    locks_at timestamptz(3) NOT NULL CHECK (locks_at > created_at),
    settles_at timestamptz(3) NOT NULL CHECK (settles_at > locks_at)
) WITH (fillfactor = 50);
CREATE INDEX rooms_in_play ON parimutuel.rooms (locks_at)
    WHERE status IN ('QUEUING', 'OPEN', 'LOCKED', 'SETTLING');
CREATE INDEX rooms_of_host ON parimutuel.rooms (host_id);

-- Locked while a host's open rooms are counted, so that two at once count right.
CREATE TABLE parimutuel.hosts (
    player_id bigint PRIMARY KEY
);

-- Each status is reached at most once, and why is kept.
CREATE TABLE parimutuel.transitions (
    room_id bigint NOT NULL,
    status text NOT NULL,
    at timestamptz(3) NOT NULL,
    cause text NOT NULL,
    PRIMARY KEY (room_id, status)
);

-- A bet is its own record of the command that placed it: its key is unique per player.
CREATE TABLE parimutuel.bets (
    id bigint GENERATED ALWAYS AS IDENTITY,
    room_id bigint NOT NULL,
    player_id bigint NOT NULL,
    account_id bigint NOT NULL,
    side text NOT NULL CHECK (side IN ('YES', 'NO')),
    stake bigint NOT NULL CHECK (stake > 0),
    accepted_at timestamptz(3) NOT NULL,
    by_host boolean NOT NULL,
    upline_1 bigint,
    upline_2 bigint,
    upline_3 bigint,
    key text NOT NULL,
    CONSTRAINT one_bet_per_player_per_room PRIMARY KEY (room_id, player_id),
    CONSTRAINT one_bet_per_key UNIQUE (player_id, key)
);

-- Betting is over and this is what came of the question; committed before any payout.
CREATE TABLE parimutuel.decisions (
    room_id bigint PRIMARY KEY,
    outcome text CHECK (outcome IN ('YES', 'NO')),
    reason text,
    trigger text NOT NULL,
    t_hit timestamptz(3),
    t_clear timestamptz(3),
    cutoff timestamptz(3),
    evidence jsonb NOT NULL,
    at timestamptz(3) NOT NULL,
    CHECK (num_nonnulls(outcome, reason) = 1)
);

CREATE TABLE parimutuel.settlements (
    room_id bigint PRIMARY KEY,
    outcome text CHECK (outcome IN ('YES', 'NO')),
    reason text,
    cutoff timestamptz(3),
    handle bigint NOT NULL,
    winning bigint NOT NULL,
    net bigint NOT NULL,
    takeout bigint NOT NULL,
    host_fee bigint NOT NULL,
    protocol_fee bigint NOT NULL,
    breakage bigint NOT NULL,
    rewards bigint NOT NULL,
    scratched bigint NOT NULL,
    bets bigint NOT NULL,
    journal_id bigint,
    at timestamptz(3) NOT NULL,
    CHECK (num_nonnulls(outcome, reason) = 1)
);

-- What a bet is paid is a function of the bet and its room's settlement, so no bet is ever
-- updated: outcome NULL is a void, a bet at or after the cutoff is scratched, both are refunds.
CREATE FUNCTION parimutuel.payout(
    side text, stake bigint, accepted_at timestamptz,
    outcome text, cutoff timestamptz, net bigint, winning bigint
) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN outcome IS NULL OR accepted_at >= cutoff THEN stake
        WHEN side = outcome THEN div(stake::numeric * net, winning)::bigint
        ELSE 0
    END
$$;

CREATE TABLE parimutuel.void_requests (
    room_id bigint NOT NULL,
    staff_id bigint NOT NULL,
    player_id bigint,
    reason text NOT NULL CHECK (char_length(reason) BETWEEN 5 AND 500),
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    effective_at timestamptz(3),
    PRIMARY KEY (room_id, staff_id)
);

GRANT SELECT ON ALL TABLES IN SCHEMA parimutuel TO rooms_app, rooms_reader;
GRANT INSERT ON ALL TABLES IN SCHEMA parimutuel TO rooms_app;
GRANT UPDATE (status) ON parimutuel.rooms TO rooms_app;
GRANT UPDATE (player_id) ON parimutuel.hosts TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SQL)
