"""keno: games and their terms, tickets, rounds and what came of them."""

from alembic import op

revision = "0022"
down_revision = "0021"

GAMES = """
CREATE SCHEMA keno;
GRANT USAGE ON SCHEMA keno TO rooms_app, rooms_reader;

-- Known by its hash and never changed. ``multipliers`` has the same prizes for the database:
-- a stake is paid stake * units / scale, for what pays anything.
CREATE TABLE keno.paytables (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash bytea NOT NULL CONSTRAINT one_paytable_per_hash UNIQUE CHECK (length(hash) = 32),
    spots jsonb NOT NULL,
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp())
);
CREATE TABLE keno.multipliers (
    paytable_id integer NOT NULL,
    spots smallint NOT NULL,
    catches smallint NOT NULL,
    units bigint NOT NULL CHECK (units > 0),
    scale bigint NOT NULL CHECK (scale > 0),
    PRIMARY KEY (paytable_id, spots, catches)
);

-- All rounds up to ``locked_to`` take no tickets any more, all up to ``drawn_to`` have a result,
-- all up to ``settled_to`` are paid. ``locks_next`` is when the next round is scheduled to lock,
-- and ``chains`` how many rows of terms there are.
CREATE TABLE keno.games (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    game text NOT NULL CONSTRAINT one_game_per_name UNIQUE CHECK (game ~ '^[a-z0-9-]{1,32}$'),
    operator text NOT NULL,
    asset text NOT NULL,
    status text NOT NULL CHECK (status IN ('RUNNING', 'DRAINING', 'PAUSED')),
    chains integer NOT NULL DEFAULT 0,
    locked_to bigint NOT NULL,
    drawn_to bigint NOT NULL,
    settled_to bigint NOT NULL,
    locks_next timestamptz(3) NOT NULL,
    CONSTRAINT rounds_go_on_in_order CHECK (settled_to <= drawn_to AND drawn_to <= locked_to)
) WITH (fillfactor = 50);

-- Each status that a game came to, and by whom.
CREATE TABLE keno.game_moves (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    game_id integer NOT NULL,
    status text NOT NULL,
    locked_to bigint NOT NULL,
    at timestamptz(3) NOT NULL,
    staff_id bigint
);
CREATE INDEX moves_of_game ON keno.game_moves (game_id, id);

-- What rounds are played on, from ``first_round`` to the round before the next terms begin, or
-- as far as the chain's seeds reach. Times in milliseconds, amounts in smallest units.
CREATE TABLE keno.terms (
    game_id integer NOT NULL,
    chain integer NOT NULL,
    first_round bigint NOT NULL CHECK (first_round > 0),
    length bigint NOT NULL CHECK (length > 0),
    terminal bytea NOT NULL CHECK (length(terminal) = 32),
    epoch_ms bigint NOT NULL,
    interval_ms integer NOT NULL CHECK (interval_ms > lead_ms),
    lead_ms integer NOT NULL CHECK (lead_ms >= 0),
    guard_ms integer NOT NULL CHECK (guard_ms >= 0),
    numbers integer NOT NULL,
    drawn integer NOT NULL,
    entropy text NOT NULL,
    paytable_id integer NOT NULL,
    spots smallint[] NOT NULL,
    stake_min bigint NOT NULL CHECK (stake_min > 0),
    stake_max bigint NOT NULL CHECK (stake_max >= stake_min),
    stake_step bigint NOT NULL CHECK (stake_step > 0),
    max_win bigint NOT NULL CHECK (max_win > 0),
    round_limit bigint NOT NULL CHECK (round_limit > 0),
    at timestamptz(3) NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp()),
    PRIMARY KEY (game_id, chain),
    CONSTRAINT one_chain_per_round UNIQUE (game_id, first_round)
);

-- ``funds`` is what the ledger's account has, changed in the transaction of each journal on it;
-- ``exposure`` sums the top prizes of all tickets whose round is not settled yet.
CREATE TABLE keno.bankrolls (
    operator text NOT NULL,
    asset text NOT NULL,
    account_id bigint NOT NULL,
    funds bigint NOT NULL DEFAULT 0 CHECK (funds >= 0),
    exposure bigint NOT NULL DEFAULT 0 CHECK (exposure >= 0),
    PRIMARY KEY (operator, asset),
    CONSTRAINT covers_every_prize CHECK (exposure <= funds)
) WITH (fillfactor = 50);
"""

ROUNDS = """
-- The numbers of a purchase's tickets begin with a multiple of 128 and follow each other.
CREATE SEQUENCE keno.purchases INCREMENT 128 MINVALUE 128;

-- A ticket is never changed: what it is paid follows from its round's result. Its purchase's
-- first ticket carries the key of the command that bought it.
CREATE TABLE keno.tickets (
    id bigint PRIMARY KEY,
    game_id integer NOT NULL,
    number bigint NOT NULL,
    player_id bigint NOT NULL,
    account_id bigint NOT NULL,
    stake bigint NOT NULL CHECK (stake > 0),
    spots smallint NOT NULL,
    quick boolean NOT NULL,
    picks bit(80) NOT NULL,
    accepted_at timestamptz(3) NOT NULL,
    rounds smallint,
    key text,
    CHECK ((key IS NULL) = (rounds IS NULL))
);
CREATE INDEX tickets_of_round ON keno.tickets (game_id, number);
CREATE UNIQUE INDEX one_purchase_per_key ON keno.tickets (player_id, key) WHERE key IS NOT NULL;
CREATE INDEX purchases_of_player ON keno.tickets (player_id, id) WHERE key IS NOT NULL;

-- Tickets whose stake went back, whatever was drawn: cancelled before their round opened, or
-- accepted but not in the log in time.
CREATE TABLE keno.refunds (
    ticket_id bigint PRIMARY KEY,
    game_id integer NOT NULL,
    number bigint NOT NULL,
    reason text NOT NULL CHECK (reason IN ('CANCELLED', 'LATE_BINDING')),
    at timestamptz(3) NOT NULL
);
CREATE INDEX refunds_of_round ON keno.refunds (game_id, number);

-- What is sold of a round, for its limit; rounds that nobody asked for have no row.
CREATE TABLE keno.rounds (
    game_id integer NOT NULL,
    number bigint NOT NULL,
    tickets integer NOT NULL DEFAULT 0 CHECK (tickets >= 0),
    handle bigint NOT NULL DEFAULT 0 CHECK (handle >= 0),
    exposure bigint NOT NULL DEFAULT 0 CHECK (exposure >= 0),
    round_limit bigint NOT NULL,
    PRIMARY KEY (game_id, number),
    CONSTRAINT never_beyond_the_limit CHECK (exposure <= round_limit)
) WITH (fillfactor = 50);

-- What became of a round, once: drawn, void or skipped. Tickets and handle without those that
-- were cancelled; ``signature`` is the beacon's, which its randomness follows from.
CREATE TABLE keno.results (
    game_id integer NOT NULL,
    number bigint NOT NULL,
    fate text NOT NULL CHECK (fate IN ('DRAWN', 'VOID', 'SKIPPED')),
    server_seed bytea,
    beacon_round bigint,
    signature bytea,
    draw bytea,
    tickets integer NOT NULL,
    handle bigint NOT NULL,
    reason text,
    at timestamptz(3) NOT NULL,
    PRIMARY KEY (game_id, number),
    CHECK ((fate = 'DRAWN') = (draw IS NOT NULL)),
    CHECK ((fate = 'DRAWN') = (reason IS NULL)),
    CHECK ((fate = 'SKIPPED') = (server_seed IS NULL)),
    CHECK (fate <> 'SKIPPED' OR tickets = 0)
);

-- How the stakes of a round with tickets were divided.
CREATE TABLE keno.settlements (
    game_id integer NOT NULL,
    number bigint NOT NULL,
    paid bigint NOT NULL CHECK (paid >= 0),
    refunded bigint NOT NULL CHECK (refunded >= 0),
    journal_id bigint NOT NULL,
    at timestamptz(3) NOT NULL,
    PRIMARY KEY (game_id, number)
);
"""

FUNCTIONS = """
-- Take a place in the line of each game, alone or beside others, until the transaction ends; then
-- tell what the games are, and the time. Without waiting, games whose line is taken are left out.
-- A line is served in the order of arrival, so that a stream of buyers keeps no round open; a
-- process that stops in the middle of its transaction loses its place.
CREATE FUNCTION keno.join_lines(p_games integer[], p_alone boolean, p_wait boolean)
RETURNS TABLE (
    game_id integer, status text, chains integer, locked_to bigint, drawn_to bigint,
    settled_to bigint, at timestamptz
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    game integer;
    line bigint;
    joined integer[] := '{}';
BEGIN
    PERFORM set_config('idle_in_transaction_session_timeout', '3000', true);
    FOR game IN SELECT * FROM unnest(p_games) AS wanted ORDER BY 1 LOOP
        line := hashtextextended('keno:' || game, 0);
        IF NOT p_wait THEN
            CONTINUE WHEN p_alone AND NOT pg_try_advisory_xact_lock(line);
            CONTINUE WHEN NOT p_alone AND NOT pg_try_advisory_xact_lock_shared(line);
        ELSIF p_alone THEN
            PERFORM pg_advisory_xact_lock(line);
        ELSE
            PERFORM pg_advisory_xact_lock_shared(line);
        END IF;
        joined := joined || game;
    END LOOP;
    at := date_trunc('milliseconds', clock_timestamp());
    RETURN QUERY SELECT g.id, g.status, g.chains, g.locked_to, g.drawn_to, g.settled_to, at
    FROM keno.games g WHERE g.id = ANY (joined);
END $$;

-- Lock rounds for a batch of tickets, those too that nobody asked for yet; then read the time.
CREATE FUNCTION keno.lock_rounds(p_games integer[], p_numbers bigint[], p_limits bigint[])
RETURNS TABLE (game_id integer, number bigint, exposure bigint, at timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO keno.rounds (game_id, number, round_limit)
    SELECT wanted.game, wanted.number, wanted.most
    FROM unnest(p_games, p_numbers, p_limits) AS wanted (game, number, most)
    ORDER BY wanted.game, wanted.number
    ON CONFLICT DO NOTHING;
    PERFORM FROM keno.rounds r
    JOIN unnest(p_games, p_numbers) AS wanted (game, number)
      ON r.game_id = wanted.game AND r.number = wanted.number
    ORDER BY r.game_id, r.number FOR NO KEY UPDATE OF r;
    at := date_trunc('milliseconds', clock_timestamp());
    RETURN QUERY SELECT r.game_id, r.number, r.exposure, at FROM keno.rounds r
    JOIN unnest(p_games, p_numbers) AS wanted (game, number)
      ON r.game_id = wanted.game AND r.number = wanted.number;
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA keno FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    keno.join_lines(integer[], boolean, boolean),
    keno.lock_rounds(integer[], bigint[], bigint[])
TO rooms_app;
"""

RIGHTS = """
GRANT SELECT ON ALL TABLES IN SCHEMA keno TO rooms_app, rooms_reader;
GRANT INSERT ON ALL TABLES IN SCHEMA keno TO rooms_app;
GRANT USAGE ON SEQUENCE keno.purchases TO rooms_app;
GRANT UPDATE (status, chains, locked_to, drawn_to, settled_to, locks_next) ON keno.games
    TO rooms_app;
GRANT UPDATE (funds, exposure) ON keno.bankrolls TO rooms_app;
GRANT UPDATE (tickets, handle, exposure) ON keno.rounds TO rooms_app;
"""


def upgrade() -> None:
    for part in (GAMES, ROUNDS, FUNCTIONS, RIGHTS):
        op.execute(part)
