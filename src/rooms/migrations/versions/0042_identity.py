"""identity: a command's own transaction makes sure that the token it came with still stands."""

from alembic import op

revision = "0042"
down_revision = "0041"

# A token is revoked by deleting its row, which waits for who has it locked here, and is waited for:
# what was answered after a revocation was not done for the token. With ``p_wait`` false a row that
# is being deleted counts as gone. A digest of NULL is nobody's.
KEEP_TOKENS = """
CREATE FUNCTION identity.keep_tokens(
    p_digests bytea[], p_players bigint[], p_wait boolean
) RETURNS bytea[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF p_wait THEN
        RETURN ARRAY(
            SELECT token.digest
            FROM unnest(p_digests, p_players) AS shown (digest, player_id)
            JOIN identity.tokens AS token USING (digest, player_id)
            ORDER BY token.digest FOR SHARE OF token);
    END IF;
    RETURN ARRAY(
        SELECT token.digest
        FROM unnest(p_digests, p_players) AS shown (digest, player_id)
        JOIN identity.tokens AS token USING (digest, player_id)
        FOR SHARE OF token SKIP LOCKED);
END $$;
REVOKE ALL ON FUNCTION identity.keep_tokens(bytea[], bigint[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.keep_tokens(bytea[], bigint[], boolean) TO rooms_app;
"""


def upgrade() -> None:
    op.execute(KEEP_TOKENS)
