from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from rooms.platform.postgres import Dsn
from tests.faults.database_rights import (
    APPENDED,
    CHANGED,
    FUNCTIONS,
    HIDDEN_FROM_READERS,
    READ_ONLY,
    REMOVED,
    tables_for,
)

PLACE_BETS = (
    "parimutuel.place_bets(bigint[],text[],bigint[],bigint[],timestamp with time zone,"
    "timestamp with time zone,bigint[],bigint[],bigint[],bigint[],text[],bigint[],boolean[],"
    "bigint[],bigint[],bigint[],text[],bytea[])"
)
SELL_TICKETS = (
    "keno.sell_tickets(text,text,bigint[],timestamp with time zone,timestamp with time zone,"
    "integer[],integer[],bigint[],integer[],text[],bigint[],smallint[],bigint[],bigint[],bigint[],"
    "bigint[],bigint[],smallint[],boolean[],bit[],text[])"
)
PLANNING = {
    "enable_bitmapscan=off",
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "plan_cache_mode=force_generic_plan",
}
PAYOUT = (
    "parimutuel.payout(text,bigint,timestamp with time zone,text,"
    "timestamp with time zone,bigint,bigint)"
)


@pytest.fixture
async def app(dsn: Dsn) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn.app)
    yield connection
    await connection.close()


@pytest.fixture
async def reader(dsn: Dsn) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn.reader)
    yield connection
    await connection.close()


async def test_every_table_has_been_told_what_the_application_may_do_to_it(app: Any) -> None:
    rights = await tables_for(app, "rooms_app")

    assert set(rights) == READ_ONLY | APPENDED | set(CHANGED) | REMOVED
    for name, right in rights.items():
        assert right["selected"], name
        assert not right["more"], name
        assert right["added"] == (name not in READ_ONLY), name
        assert set(right["changed"]) == CHANGED.get(name, set()), name
        assert right["removed"] == (name in REMOVED), name


async def test_the_application_is_refused_whatever_would_rewrite_history(app: Any) -> None:
    columns = await a_column_of_each(app)
    for table in sorted(READ_ONLY | APPENDED):
        statements = (
            f"UPDATE {table} SET {columns[table]} = {columns[table]}",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"ALTER TABLE {table} ADD COLUMN mine text",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"ALTER TABLE {table} OWNER TO rooms_app",
            f"CREATE RULE mine AS ON INSERT TO {table} DO INSTEAD NOTHING",
            f"CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION now()",
            f"CREATE TEMPORARY TABLE mine () INHERITS ({table})",
            f"DROP TABLE {table}",
        )
        assert await allowed(app, *statements) == []


async def test_the_zero_sum_trigger_cannot_be_switched_off(app: Any) -> None:
    statements = (
        "ALTER TABLE ledger.entries DISABLE TRIGGER zero_sum",
        "DROP TRIGGER zero_sum ON ledger.entries",
        "ALTER FUNCTION ledger.refuse_unbalanced() RESET ALL",
        "CREATE OR REPLACE FUNCTION ledger.refuse_unbalanced() RETURNS int RETURN 1",
        "SET session_replication_role = replica",
    )
    assert await allowed(app, *statements) == []


WRITES = (
    "INSERT INTO ledger.journals (key) VALUES ('mine')",
    "INSERT INTO ledger.entries VALUES (DEFAULT, 1, 1, 'SOL', 1, 1, NULL, 'gift', 'me')",
    "INSERT INTO ledger.accounts VALUES (DEFAULT, 'SOL', 'player', '1', false)",
    "INSERT INTO ledger.holds VALUES (DEFAULT, 'mine', 1, 1, 'me')",
    "INSERT INTO ledger.kinds VALUES ('mine', false, 'never guarded')",
    "UPDATE ledger.accounts SET balance = balance + 1",
    "COPY ledger.entries FROM PROGRAM 'echo 1'",
    "SELECT setval('ledger.entries_id_seq', 1)",
    "SELECT nextval('ledger.journals_id_seq')",
    "SELECT ledger.posted_before('mine')",
    "UPDATE parimutuel.rooms SET settles_at = now()",
    "UPDATE platform.commands SET body = ''",
    "UPDATE oracle.watches SET settles_at = now()",
)


async def test_the_application_writes_money_through_the_ledgers_functions_only(
    app: Any,
) -> None:
    assert await allowed(app, *WRITES) == []


RISES = (
    "SET ROLE rooms_owner",
    "SET SESSION AUTHORIZATION rooms_owner",
    "GRANT rooms_owner TO rooms_app",
    "ALTER ROLE rooms_app SUPERUSER",
    "CREATE ROLE mine",
    "CREATE SCHEMA mine",
    "CREATE TABLE public.mine (id int)",
    "CREATE FUNCTION ledger.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TRUSTED LANGUAGE mine HANDLER plpgsql_call_handler",
    "ALTER TABLE identity.tokens OWNER TO rooms_reader",
    "ALTER DATABASE rooms SET search_path = pg_temp",
)


async def test_the_application_cannot_raise_its_own_rights(app: Any) -> None:
    assert await allowed(app, *RISES) == []


async def test_the_application_is_nobody_special_and_owns_nothing(app: Any) -> None:
    for role in ("rooms_app", "rooms_reader"):
        special = await app.fetchval(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
            "FROM pg_roles WHERE rolname = $1",
            role,
        )
        assert not special
        memberships = "SELECT count(*) FROM pg_auth_members WHERE member = $1::regrole"
        assert await app.fetchval(memberships, role) == 0
        owned = "SELECT count(*) FROM pg_shdepend WHERE refobjid = $1::regrole AND deptype = 'o'"
        assert await app.fetchval(owned, role) == 0


async def test_functions_with_the_owners_rights_look_nowhere_but_in_the_catalogue_first(
    app: Any,
) -> None:
    functions = await app.fetch(FUNCTIONS)

    assert {each["name"] for each in functions if each["called"]} == {
        "ledger.open_account(text,text,text)",
        "ledger.open_movements()",
        "ledger.post(text)",
        "ledger.spendable(bigint[],boolean)",
        "ledger.collect(text,text,bigint[],bigint[],text[],bigint)",
        "ledger.lock_all(bigint[])",
        "ledger.charge(text,text,bigint[],bigint[],text[],bigint)",
        "ledger.charge(text,text,bigint[],bigint[],text[],bigint[])",
        "identity.keep_tokens(bytea[],bigint[],boolean)",
        "oracle.newest_ticks(text[],bigint[])",
        "platform.publish(text,jsonb)",
        "parimutuel.lock_for_bets(bigint[],boolean[],boolean)",
        PLACE_BETS,
        "fairness.forget_balances()",
        "fairness.wait_for_head()",
        "keno.join_lines(integer[],boolean,boolean)",
        "keno.sold_tickets(bigint[])",
        SELL_TICKETS,
        "fairness.clock_is_slow()",
        "fairness.accept(text,bigint[],timestamp with time zone)",
        "ledger.reserve(text,bigint,bigint,text,timestamp with time zone)",
        "ledger.end_hold(bigint,text)",
        "ledger.post_hold(bigint,text)",
        "ledger.check_entries(integer)",
        "ledger.check_accounts(bigint,integer)",
        "platform.prune_facts(interval,integer)",
        PAYOUT,
        "parimutuel.total(bigint)",
    }
    for each in functions:
        if each["definer"] or each["trigger"]:
            told = set(each["settings"]) - PLANNING
            assert told == {"search_path=pg_catalog, pg_temp"}, each["name"]


async def test_a_reader_reads_everything_but_tokens(reader: Any) -> None:
    rights = await tables_for(reader, "rooms_reader")

    for name, right in rights.items():
        assert right["selected"] == (name not in HIDDEN_FROM_READERS), name
        if right["selected"]:
            await reader.fetch(f"SELECT * FROM {name} LIMIT 1")
    assert await allowed(reader, "SELECT digest FROM identity.tokens") == []


async def test_the_application_cannot_hand_on_what_it_may_read(app: Any, reader: Any) -> None:
    await app.execute("GRANT SELECT ON identity.tokens TO rooms_reader")

    assert await allowed(reader, "SELECT digest FROM identity.tokens") == []


async def test_a_reader_writes_nothing(reader: Any) -> None:
    for name, right in (await tables_for(reader, "rooms_reader")).items():
        rights = [right[name] for name in ("added", "changed", "removed", "more")]
        assert not any(rights), name
    statements = (
        "SELECT ledger.post('mine')",
        "SELECT ledger.open_account('SOL', 'player', '1')",
        "SELECT ledger.open_movements()",
        "INSERT INTO platform.outbox (kind, body) VALUES ('ConditionMet', '{}')",
        "UPDATE parimutuel.rooms SET status = 'SETTLED'",
        "CREATE TEMPORARY TABLE mine (id int)",
        "SET ROLE rooms_app",
    )
    assert await allowed(reader, *statements) == []


async def a_column_of_each(connection: Any) -> dict[str, str]:
    rows = await connection.fetch(
        "SELECT format('%I.%I', table_schema, table_name) AS name, min(column_name) AS column_name "
        "FROM information_schema.columns WHERE is_identity = 'NO' GROUP BY 1"
    )
    return {row["name"]: row["column_name"] for row in rows}


async def allowed(connection: Any, *statements: str) -> list[str]:
    """Try each of the statements and give those that were not refused."""
    done = []
    for statement in statements:
        try:
            async with connection.transaction():
                await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
        done.append(statement)
    return done
