"""keno: a place in the lines of many games is taken by one statement."""

from alembic import op

revision = "0045"
down_revision = "0044"

# As before, but lines that are not waited for are not taken one by one.
JOIN_LINES = """
CREATE OR REPLACE FUNCTION keno.join_lines(p_games integer[], p_alone boolean, p_wait boolean)
RETURNS TABLE (
    game_id integer, status text, chains integer, locked_to bigint, drawn_to bigint,
    settled_to bigint, at timestamptz
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    game integer;
    line bigint;
    joined integer[] := p_games;
BEGIN
    PERFORM set_config('idle_in_transaction_session_timeout', '3000', true);
    IF p_wait THEN
        FOR game IN SELECT * FROM unnest(p_games) AS wanted ORDER BY 1 LOOP
            line := hashtextextended('keno:' || game, 0);
            IF p_alone THEN
                PERFORM pg_advisory_xact_lock(line);
            ELSE
                PERFORM pg_advisory_xact_lock_shared(line);
            END IF;
        END LOOP;
    ELSIF p_alone THEN
        joined := ARRAY(SELECT id FROM unnest(p_games) AS wanted (id)
                        WHERE pg_try_advisory_xact_lock(hashtextextended('keno:' || id, 0)));
    ELSE
        joined := ARRAY(SELECT id FROM unnest(p_games) AS wanted (id)
                        WHERE pg_try_advisory_xact_lock_shared(hashtextextended('keno:' || id, 0)));
    END IF;
    at := date_trunc('milliseconds', clock_timestamp());
    RETURN QUERY SELECT g.id, g.status, g.chains, g.locked_to, g.drawn_to, g.settled_to, at
    FROM unnest(joined) AS mine (id) JOIN keno.games g ON g.id = mine.id;
END $$;
"""


def upgrade() -> None:
    op.execute(JOIN_LINES)
