"""parimutuel: the rooms of a batch of bets are locked in one call."""

from alembic import op

revision = "0010"
down_revision = "0009"

# First a place in each room's line (decision 0026), then the rows, then the time, then what the
# rooms are: each statement sees what whoever had the locks before has changed.
LOCK_FOR_BETS = """
CREATE FUNCTION parimutuel.lock_for_bets(p_rooms bigint[], p_alone boolean[], p_wait boolean)
RETURNS TABLE (room_id bigint, status text, locks_at timestamptz, at timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    room record;
    line bigint;
    first bigint[] := '{}';
    locked bigint[];
BEGIN
    FOR room IN SELECT * FROM unnest(p_rooms, p_alone) AS wanted (id, alone) ORDER BY id LOOP
        line := hashtextextended('room:' || room.id, 0);
        IF NOT p_wait THEN
            CONTINUE WHEN room.alone AND NOT pg_try_advisory_xact_lock(line);
            CONTINUE WHEN NOT room.alone AND NOT pg_try_advisory_xact_lock_shared(line);
        ELSIF room.alone THEN
            PERFORM pg_advisory_xact_lock(line);
        ELSE
            PERFORM pg_advisory_xact_lock_shared(line);
        END IF;
        first := first || room.id;
    END LOOP;

    IF p_wait THEN
        PERFORM FROM parimutuel.rooms r WHERE r.id = ANY (first) ORDER BY r.id FOR KEY SHARE;
        locked := first;
    ELSE
        SELECT array_agg(r.id) INTO locked
        FROM (SELECT r.id FROM parimutuel.rooms r
              WHERE r.id = ANY (first) ORDER BY r.id FOR KEY SHARE SKIP LOCKED) r;
    END IF;
    at := date_trunc('milliseconds', clock_timestamp());
    RETURN QUERY SELECT r.id, r.status, r.locks_at::timestamptz, at
    FROM parimutuel.rooms r WHERE r.id = ANY (locked);
END $$;
REVOKE ALL ON FUNCTION parimutuel.lock_for_bets(bigint[], boolean[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION parimutuel.lock_for_bets(bigint[], boolean[], boolean) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(LOCK_FOR_BETS)
