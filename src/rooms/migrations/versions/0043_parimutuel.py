"""parimutuel: bets at once are judged by prices of their rooms' terms, and make sure of tokens."""

from alembic import op

revision = "0043"
down_revision = "0042"

# As before, but each asset comes with the number of the terms on which its price was agreed on;
# prices are fresh from a time on, too, as those of before the clock was set back are not; and
# nothing is done where a token was revoked. ``p_token`` has NULL for a bet without a token, and is
# NULL where none has one.
PLACE_BETS = """
DROP FUNCTION parimutuel.place_bets(
    bigint[], text[], bigint[], timestamptz, bigint[], bigint[], bigint[], bigint[], text[],
    bigint[], boolean[], bigint[], bigint[], bigint[], text[]);
CREATE FUNCTION parimutuel.place_bets(
    p_rooms bigint[], p_assets text[], p_terms bigint[], p_ticks bigint[], p_since timestamptz,
    p_until timestamptz, p_pool bigint[], p_room bigint[], p_player bigint[],
    p_account bigint[], p_side text[], p_stake bigint[], p_by_host boolean[],
    p_upline_1 bigint[], p_upline_2 bigint[], p_upline_3 bigint[], p_key text[], p_token bytea[]
) RETURNS TABLE (accepted_at timestamptz, ids bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    locked bigint;
    first_lock timestamptz;
BEGIN
    IF NOT (SELECT bool_and(pg_try_advisory_xact_lock_shared(hashtextextended('room:' || id, 0)))
            FROM unnest(p_rooms) AS id) THEN
        RETURN;
    END IF;
    SELECT count(*), min(r.locks_at) INTO locked, first_lock
    FROM (SELECT r.status, r.locks_at FROM parimutuel.rooms r
          WHERE r.id = ANY (p_rooms) ORDER BY r.id FOR KEY SHARE SKIP LOCKED) r
    WHERE r.status = 'OPEN';
    accepted_at := date_trunc('milliseconds', clock_timestamp());
    IF locked <> cardinality(p_rooms) OR accepted_at >= first_lock
       OR accepted_at < p_since OR accepted_at > p_until
       OR oracle.newest_ticks(p_assets, p_terms) IS DISTINCT FROM p_ticks
       OR p_token IS NOT NULL AND cardinality(identity.keep_tokens(p_token, p_player, false))
          <> cardinality(array_remove(p_token, NULL))
       OR NOT ledger.lock_all(p_account) THEN
        RETURN;
    END IF;

    WITH written AS (
        INSERT INTO parimutuel.bets
            (room_id, player_id, account_id, side, stake, accepted_at, by_host,
             upline_1, upline_2, upline_3, key)
        SELECT room_id, player_id, account_id, side, stake, place_bets.accepted_at, by_host,
               upline_1, upline_2, upline_3, key
        FROM unnest(p_room, p_player, p_account, p_side, p_stake, p_by_host,
                    p_upline_1, p_upline_2, p_upline_3, p_key)
          AS bet (room_id, player_id, account_id, side, stake, by_host,
                  upline_1, upline_2, upline_3, key)
        RETURNING id
    )
    SELECT array_agg(id ORDER BY id) INTO ids FROM written;

    PERFORM ledger.charge(
        'bets:' || ids[1], 'stake', p_account, p_stake,
        ARRAY(SELECT 'room:' || room FROM unnest(p_room) AS room), p_pool);
    PERFORM platform.publish('BetsPlaced', jsonb_build_object(
        'bets', ids, 'rooms', p_room, 'players', p_player, 'sides', p_side, 'stakes', p_stake));
    PERFORM fairness.accept('bet', ids, accepted_at);
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION parimutuel.place_bets(
    bigint[], text[], bigint[], bigint[], timestamptz, timestamptz, bigint[], bigint[],
    bigint[], bigint[], text[], bigint[], boolean[], bigint[], bigint[], bigint[], text[],
    bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION parimutuel.place_bets(
    bigint[], text[], bigint[], bigint[], timestamptz, timestamptz, bigint[], bigint[],
    bigint[], bigint[], text[], bigint[], boolean[], bigint[], bigint[], bigint[], text[],
    bytea[]) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(PLACE_BETS)
