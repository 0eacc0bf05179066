"""The application tries to have its own code run with the ledger's rights, or books unwatched."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from rooms.contexts.ledger.api import PLAYER, WORLD
from rooms.platform.postgres import Dsn

Refused = asyncpg.InsufficientPrivilegeError

# Says on whose behalf it runs: the ledger's would be an escalation.
SPY = """
    CREATE FUNCTION pg_temp.spy() RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
        IF current_user <> 'rooms_app' THEN
            RAISE EXCEPTION 'ran as %', current_user;
        END IF;
        RETURN 1;
    END $$;
    CREATE FUNCTION pg_temp.spying_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_temp.spy();
        UPDATE ledger.accounts SET balance = balance + 1;
        RETURN NEW;
    END $$;
"""
OWN_MOVEMENTS = {
    "a table with a trigger": """
        CREATE TEMPORARY TABLE movements (account_id bigint, amount bigint, kind text, ref text);
        CREATE TRIGGER spying BEFORE INSERT OR DELETE OR TRUNCATE ON movements
            FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.spying_trigger();
    """,
    "a view with a function": """
        CREATE TEMPORARY VIEW movements AS SELECT pg_temp.spy() AS account_id, 1::bigint AS amount,
            'gift'::text AS kind, 'me'::text AS ref;
    """,
    "other column types": """
        CREATE TYPE pg_temp.odd AS ENUM ('1', '2');
        CREATE TEMPORARY TABLE movements (account_id pg_temp.odd, amount numeric, kind name,
            ref text);
    """,
    "a computed column": """
        CREATE FUNCTION pg_temp.odd(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql
            AS 'BEGIN RETURN pg_temp.spy(); END';
        CREATE TEMPORARY TABLE movements (account_id bigint, amount bigint, kind text, ref text,
            odd bigint GENERATED ALWAYS AS (pg_temp.odd(amount)) STORED);
    """,
    "an index with a function": """
        CREATE FUNCTION pg_temp.odd(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql
            AS 'BEGIN RETURN pg_temp.spy(); END';
        CREATE TEMPORARY TABLE movements (account_id bigint, amount bigint, kind text, ref text);
        CREATE INDEX spying ON movements (pg_temp.odd(amount));
    """,
    "a partitioned table": """
        CREATE TEMPORARY TABLE movements (account_id bigint, amount bigint, kind text, ref text)
            PARTITION BY LIST (kind);
    """,
    "a composite type": "CREATE TYPE pg_temp.movements AS (account_id bigint, amount bigint)",
    "a sequence": "CREATE TEMPORARY SEQUENCE movements",
    "a table that was named otherwise": """
        CREATE TEMPORARY TABLE mine (account_id bigint, amount bigint, kind text, ref text);
        ALTER TABLE mine RENAME TO movements;
    """,
}


@pytest.fixture
async def app(dsn: Dsn) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn.app)
    await connection.execute(SPY)
    yield connection
    await connection.close()


async def accounts(app: Any) -> tuple[int, int]:
    """A player with 1,000 and the world that gave it."""
    world = await app.fetchval("SELECT ledger.open_account('SOL', $1, 'play')", WORLD)
    player = await app.fetchval("SELECT ledger.open_account('SOL', $1, '1')", PLAYER)
    await post(app, "fund", (world, -1000), (player, 1000))
    return player, world


async def post(app: Any, key: str, *moves: tuple[int, int]) -> None:
    async with app.transaction():
        await app.execute("SELECT ledger.open_movements()")
        for account, amount in moves:
            await app.execute(
                "INSERT INTO pg_temp.movements VALUES ($1, $2, 'test', 'test')", account, amount
            )
        await app.execute("SELECT ledger.post($1)", key)


async def balances(app: Any) -> dict[int, int]:
    rows = await app.fetch("SELECT id, balance FROM ledger.accounts")
    return {row["id"]: row["balance"] for row in rows}


async def test_movements_that_the_application_made_are_refused(
    app: Any, subtests: pytest.Subtests
) -> None:
    player, world = await accounts(app)

    for kind, made in OWN_MOVEMENTS.items():
        await app.execute("DISCARD TEMP")
        await app.execute(SPY)
        await app.execute(made)
        for call in (
            "ledger.post('mine')",
            "ledger.open_movements()",
            "ledger.post_hold(1, 'mine')",
            f"ledger.post_hold(ledger.reserve('h', {player}, 1, 'r', now()), 'fund')",
        ):
            with (
                subtests.test(kind, call=call),
                pytest.raises(asyncpg.RaiseError, match="made by the ledger only"),
            ):
                await app.execute(f"SELECT {call}")

    assert await balances(app) == {player: 1000, world: -1000}


REMAKING = (
    "ALTER TABLE pg_temp.movements ALTER COLUMN amount DROP NOT NULL",
    "ALTER TABLE pg_temp.movements ADD COLUMN odd bigint DEFAULT pg_temp.spy()",
    "ALTER TABLE pg_temp.movements ALTER COLUMN ref SET DEFAULT pg_temp.spy()::text",
    "ALTER TABLE pg_temp.movements OWNER TO rooms_app",
    "ALTER TABLE pg_temp.movements RENAME TO others",
    "ALTER TABLE pg_temp.movements SET SCHEMA public",
    "ALTER TABLE pg_temp.movements ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY mine ON pg_temp.movements USING (pg_temp.spy() = 1)",
    "CREATE TRIGGER spying BEFORE INSERT ON pg_temp.movements EXECUTE FUNCTION pg_temp.spy()",
    "CREATE RULE spying AS ON INSERT TO pg_temp.movements DO ALSO SELECT pg_temp.spy()",
    "CREATE INDEX spying ON pg_temp.movements ((amount + pg_temp.spy()))",
    "CREATE STATISTICS pg_temp.spying ON amount, kind FROM pg_temp.movements",
    "CREATE TEMPORARY TABLE child () INHERITS (movements)",
    "DROP TABLE pg_temp.movements",
    "UPDATE pg_temp.movements SET amount = amount",
    "DELETE FROM pg_temp.movements",
    "TRUNCATE pg_temp.movements",
)


async def test_the_ledgers_own_movements_cannot_be_remade(
    app: Any, subtests: pytest.Subtests
) -> None:
    await app.execute("SELECT ledger.open_movements()")

    for statement in REMAKING:
        with subtests.test(statement), pytest.raises(Refused):
            await app.execute(statement)


async def test_a_table_cannot_be_given_to_the_owner_to_pass_as_the_ledgers(app: Any) -> None:
    await app.execute(OWN_MOVEMENTS["a table with a trigger"])

    with pytest.raises(Refused):
        await app.execute("ALTER TABLE pg_temp.movements OWNER TO rooms_owner")


async def test_a_child_made_before_does_not_become_part_of_the_movements(app: Any) -> None:
    player, world = await accounts(app)
    await app.execute(
        "CREATE TEMPORARY TABLE child (account_id bigint, amount bigint, kind text, ref text)"
    )

    with pytest.raises(Refused):
        await app.execute("ALTER TABLE child INHERIT movements")
    assert await balances(app) == {player: 1000, world: -1000}


# Names that the functions with the ledger's rights use, made again where the caller's are found.
SHADOWS = (
    """
    CREATE TEMPORARY TABLE posted (journal_id bigint, asset text, amount bigint);
    CREATE TEMPORARY TABLE journals (id bigint, key text);
    CREATE TEMPORARY TABLE accounts (id bigint, balance bigint, held bigint, guarded boolean);
    CREATE TEMPORARY VIEW pg_class AS SELECT 0::oid AS relowner, 'movements'::name AS relname,
        pg_my_temp_schema() AS relnamespace, pg_temp.spy();
    CREATE TEMPORARY VIEW pg_roles AS SELECT 0::oid AS oid, current_user AS rolname, pg_temp.spy();
    """,
    """
    CREATE FUNCTION pg_temp.nextval(regclass) RETURNS bigint LANGUAGE sql
        AS 'SELECT pg_temp.spy()';
    CREATE FUNCTION pg_temp.pg_my_temp_schema() RETURNS oid LANGUAGE sql
        AS 'SELECT pg_temp.spy()::oid';
    CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql
        AS 'SELECT to_timestamp(pg_temp.spy())';
    CREATE FUNCTION pg_temp.add(numeric, numeric) RETURNS numeric LANGUAGE sql
        AS 'SELECT pg_temp.spy()::numeric';
    CREATE AGGREGATE pg_temp.sum(bigint) (sfunc = int8pl, stype = bigint, initcond = '0');
    CREATE AGGREGATE pg_temp.sum(numeric) (sfunc = pg_temp.add, stype = numeric, initcond = '0');
    """,
    """
    CREATE FUNCTION pg_temp.never(numeric, integer) RETURNS boolean LANGUAGE sql
        AS 'SELECT pg_temp.spy() = 0';
    CREATE FUNCTION pg_temp.same(bigint, bigint) RETURNS boolean LANGUAGE sql
        AS 'SELECT pg_temp.spy() = 1';
    CREATE OPERATOR pg_temp.<> (FUNCTION = pg_temp.never, LEFTARG = numeric, RIGHTARG = integer);
    CREATE OPERATOR pg_temp.< (FUNCTION = pg_temp.never, LEFTARG = numeric, RIGHTARG = integer);
    CREATE OPERATOR pg_temp.= (FUNCTION = pg_temp.same, LEFTARG = bigint, RIGHTARG = bigint);
    """,
    """
    CREATE DOMAIN pg_temp.numeric AS text CHECK (pg_temp.spy() = 1);
    CREATE DOMAIN pg_temp.int8 AS bigint CHECK (pg_temp.spy() = 1);
    CREATE DOMAIN pg_temp.oid AS bigint CHECK (pg_temp.spy() = 1);
    """,
)


@pytest.mark.parametrize("made", SHADOWS, ids=("relations", "functions", "operators", "types"))
async def test_names_shadowed_by_the_application_change_nothing(app: Any, made: str) -> None:
    player, world = await accounts(app)
    await app.execute(made)
    await app.execute("SET search_path = pg_temp, ledger, pg_catalog")

    with pytest.raises(asyncpg.PostgresError, match="sum to zero"):
        await post(app, "invented", (player, 1))
    with pytest.raises(asyncpg.PostgresError, match="too little"):
        await post(app, "overdrawn", (player, -1001), (world, 1001))
    await post(app, "paid", (player, -1), (world, 1))
    await app.execute("SELECT ledger.reserve('h', $1, 5, 'r', now() + interval '1 h')", player)

    assert await balances(app) == {player: 999, world: -999}


async def test_movements_that_meet_on_one_account_still_cannot_overdraw_it(app: Any) -> None:
    player, world = await accounts(app)

    with pytest.raises(asyncpg.PostgresError, match="too little"):
        await post(app, "split", (player, -600), (world, 600), (player, -401), (world, 401))
    most = 2**63 - 1
    with pytest.raises(asyncpg.NumericValueOutOfRangeError):
        await post(app, "turned over", *[(player, most), (world, -most)] * 2)

    assert await balances(app) == {player: 1000, world: -1000}
