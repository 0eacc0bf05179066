"""keno: a batch's stakes may go to several accounts, by plans that are kept."""

from alembic import op

revision = "0040"
down_revision = "0039"

# As before, but each purchase names the account that its stakes go to, so that two batches at once
# have the accounts of all lanes. Planning for the very arrays cost more than it ever saved.
# Nothing is written, and nothing comes back, unless the batch is what its sender took it for: a
# place in every line is to be had at once, the games are running on the terms that it was judged
# by, and the first round of each that is not locked is the one that it was thought to be. A
# purchase that is in the books already, a player who cannot pay, a round or a bankroll that would
# be exposed above its bound end the statement; then each purchase has to be looked at (see
# service/taking.py). What every sale of a round waits for, and then of an operator, comes last.
SELL_TICKETS = """
DROP FUNCTION keno.sell_tickets(
    text, text, bigint, timestamptz, timestamptz, integer[], integer[], bigint[], integer[],
    text[], bigint[], smallint[], bigint[], bigint[], bigint[], bigint[], bigint[], smallint[],
    boolean[], bit(80)[], text[]);
CREATE FUNCTION keno.sell_tickets(
    p_operator text, p_asset text, p_stakes bigint[], p_since timestamptz, p_until timestamptz,
    p_games integer[], p_chains integer[], p_first_open bigint[],
    p_game integer[], p_name text[], p_first bigint[], p_rounds smallint[], p_player bigint[],
    p_account bigint[], p_stake bigint[], p_top bigint[], p_limit bigint[], p_spots smallint[],
    p_quick boolean[], p_picks bit(80)[], p_key text[]
) RETURNS TABLE (accepted_at timestamptz, purchases bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    open bigint;
BEGIN
    IF NOT (SELECT bool_and(pg_try_advisory_xact_lock_shared(hashtextextended('keno:' || id, 0)))
            FROM unnest(p_games) AS id)
       OR NOT ledger.lock_all(p_account) THEN
        RETURN;
    END IF;
    accepted_at := date_trunc('milliseconds', clock_timestamp());
    SELECT count(*) INTO open
    FROM unnest(p_games, p_chains, p_first_open) AS seen (id, chains, first_open)
    JOIN keno.games g ON g.id = seen.id
    WHERE g.status = 'RUNNING' AND g.chains = seen.chains AND g.locked_to < seen.first_open
      AND g.operator = p_operator AND g.asset = p_asset;
    IF open <> cardinality(p_games) OR accepted_at < p_since OR accepted_at >= p_until
       OR fairness.clock_is_slow() THEN
        RETURN;
    END IF;

    purchases := ARRAY(SELECT nextval('keno.purchases')
                       FROM generate_series(1, cardinality(p_game)));
    INSERT INTO keno.tickets
        (id, game_id, number, player_id, account_id, stake, spots, quick, picks, accepted_at,
         rounds, key)
    SELECT first_ticket + ahead, game, first_round + ahead, player, account, stake, spots, quick,
           picks, sell_tickets.accepted_at,
           CASE WHEN ahead = 0 THEN rounds END, CASE WHEN ahead = 0 THEN key END
    FROM unnest(purchases, p_game, p_first, p_rounds, p_player, p_account, p_stake, p_spots,
                p_quick, p_picks, p_key)
      AS purchase (first_ticket, game, first_round, rounds, player, account, stake, spots,
                   quick, picks, key),
    LATERAL generate_series(0, rounds - 1) AS ahead;

    PERFORM ledger.charge(
        'tickets:ticket:' || purchases[1], 'ticket', p_account,
        ARRAY(SELECT stake * rounds FROM unnest(p_stake, p_rounds) AS paid (stake, rounds)),
        ARRAY(SELECT 'ticket:' || id FROM unnest(purchases) AS id), p_stakes);
    PERFORM platform.publish('TicketsSold', jsonb_build_object(
        'tickets', purchases, 'games', p_name, 'first_rounds', p_first, 'rounds', p_rounds,
        'players', p_player, 'spots', p_spots, 'stakes', p_stake));
    PERFORM fairness.accept('ticket', ARRAY(
        SELECT first_ticket + ahead
        FROM unnest(purchases, p_rounds) AS purchase (first_ticket, rounds),
        LATERAL generate_series(0, rounds - 1) AS ahead ORDER BY 1), accepted_at);

    INSERT INTO keno.rounds AS known (game_id, number, tickets, handle, exposure, round_limit)
    SELECT game, first_round + ahead, count(*), sum(stake), sum(top), min(most)
    FROM unnest(p_game, p_first, p_rounds, p_stake, p_top, p_limit)
      AS purchase (game, first_round, rounds, stake, top, most),
    LATERAL generate_series(0, rounds - 1) AS ahead
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (game_id, number) DO UPDATE
    SET tickets = known.tickets + excluded.tickets, handle = known.handle + excluded.handle,
        exposure = known.exposure + excluded.exposure;
    UPDATE keno.bankrolls
    SET exposure = exposure + (SELECT sum(top * rounds)
                               FROM unnest(p_top, p_rounds) AS sold (top, rounds))
    WHERE operator = p_operator AND asset = p_asset;
    RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION keno.sell_tickets(
    text, text, bigint[], timestamptz, timestamptz, integer[], integer[], bigint[], integer[],
    text[], bigint[], smallint[], bigint[], bigint[], bigint[], bigint[], bigint[], smallint[],
    boolean[], bit(80)[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keno.sell_tickets(
    text, text, bigint[], timestamptz, timestamptz, integer[], integer[], bigint[], integer[],
    text[], bigint[], smallint[], bigint[], bigint[], bigint[], bigint[], bigint[], smallint[],
    boolean[], bit(80)[], text[]) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(SELL_TICKETS)
