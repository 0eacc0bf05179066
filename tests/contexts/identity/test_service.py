import asyncio
from typing import Any

import pytest

from rooms.contexts.fairness.module import staff_acts
from rooms.contexts.identity.api import Identity
from rooms.contexts.identity.module import identity_module
from rooms.contexts.identity.service import IdentityService
from rooms.contexts.identity.storage import IdentityStorage
from rooms.kernel.ids import PlayerId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database
from tests.platform.lock_waits import until_it_waits_for_a_lock

REF_KEY = b"a key for references in tests..."


@pytest.fixture
def identity(database: Database) -> Identity:
    return identity_module(database, staff_acts(REF_KEY)).face


async def register(
    database: Database, identity: Identity, name: str = "Ada", token: str = "secret"
) -> PlayerId:
    async with database.transaction() as tx:
        return await identity.register(tx, name, token)


async def rows(database: Database, table: str) -> list[dict[str, Any]]:
    async with database.snapshot() as tx:
        return [dict(row) for row in await tx.fetch(f"SELECT * FROM identity.{table}")]


async def test_a_player_is_known_by_the_token_and_by_no_other(
    database: Database, identity: Identity
) -> None:
    ada = await register(database, identity, token="one")
    ben = await register(database, identity, token="two")

    assert await identity.player_of("one") == ada
    assert await identity.player_of("two") == ben
    for stranger in ("", "One", "one ", "three", "\x00"):
        assert await identity.player_of(stranger) is None


async def test_a_token_is_stored_as_a_digest_only(database: Database, identity: Identity) -> None:
    await register(database, identity, token="secret")

    (stored,) = await rows(database, "tokens")
    assert len(stored["digest"]) == 32
    assert b"secret" not in stored["digest"]


async def test_people_may_share_a_name(database: Database, identity: Identity) -> None:
    first = await register(database, identity, token="one")
    assert await register(database, identity, token="two") != first


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "A\u202eda", "A\u200bda", "A\x00", "A\nB"])
async def test_a_name_that_is_empty_long_or_hides_a_character_is_refused(
    database: Database, identity: Identity, name: str
) -> None:
    with pytest.raises(Refusal, match="E-NAME"):
        await register(database, identity, name)
    with pytest.raises(Refusal, match="E-NAME"):
        await identity.appoint(name, None)

    assert await rows(database, "players") == []


async def test_a_name_is_kept_trimmed(database: Database, identity: Identity) -> None:
    await register(database, identity, "  Ada Lovelace ")

    assert [row["name"] for row in await rows(database, "players")] == ["Ada Lovelace"]


async def test_an_administrator_is_known_by_each_of_the_tokens_given(
    database: Database, identity: Identity
) -> None:
    first, second = [await identity.appoint("Ada", None) for _ in range(2)]

    assert first != second
    assert await identity.administrator_of(first) == await identity.administrator_of(second)
    assert [row["action"] for row in await rows(database, "audit")] == ["staff.token"] * 2


async def test_an_administrator_may_also_be_a_player_but_only_one(
    database: Database, identity: Identity
) -> None:
    player = await register(database, identity)
    token = await identity.appoint("Ada", player)

    assert (await identity.administrator_of(token)).player_id == player
    for other in (None, PlayerId(player + 1)):
        with pytest.raises(Refusal, match="E-STAFF"):
            await identity.appoint("Ada", other)


async def test_a_players_token_is_no_administrators_and_the_other_way_round(
    database: Database, identity: Identity
) -> None:
    await register(database, identity, token="secret")
    staff = await identity.appoint("Ada", None)

    with pytest.raises(Refusal, match="E-STAFF"):
        await identity.administrator_of("secret")
    assert await identity.player_of(staff) is None


async def test_one_name_appointed_at_once_is_one_administrator(
    database: Database, identity: Identity
) -> None:
    tokens = await asyncio.gather(*(identity.appoint("Ada", None) for _ in range(8)))

    staff = {(await identity.administrator_of(token)).id for token in tokens}
    assert len(staff) == 1


async def test_an_act_and_its_audit_row_happen_together_or_not_at_all(
    database: Database, identity: Identity
) -> None:
    async def act(*, fails: bool) -> None:
        async with database.transaction() as tx:
            await identity.note(tx, action="a.b", subject="room:1", reason="because", by=None)
            if fails:
                raise Refusal("E-ANY")

    with pytest.raises(Refusal):
        await act(fails=True)
    assert await rows(database, "audit") == []
    assert await public(database) == []
    await act(fails=False)
    assert [(row["action"], row["subject"]) for row in await rows(database, "audit")] == [
        ("a.b", "room:1")
    ]
    (record,) = await public(database)
    (row,) = await rows(database, "audit")
    assert (record["kind"], record["at"]) == ("admin", row["at"])
    assert record["fields"].keys() == {"action", "subject_hash", "reason"}
    assert (record["fields"]["action"], record["fields"]["reason"]) == ("a.b", "because")


async def test_what_the_public_reads_of_a_token_names_neither_staff_nor_token(
    database: Database, identity: Identity
) -> None:
    token = await identity.appoint("Ada Lovelace", None)

    (record,) = await public(database)

    assert record["fields"]["action"] == "staff.token"
    assert record["fields"]["reason"] == "by command"
    assert "Ada" not in str(record["fields"])
    assert token not in str(record["fields"])


async def public(database: Database) -> list[dict[str, Any]]:
    async with database.snapshot() as tx:
        found = await tx.fetch("SELECT kind, at, fields FROM fairness.pending ORDER BY id")
    return [dict(row) for row in found]


async def test_whose_token_was_looked_up_is_remembered_and_strangers_are_not(
    database: Database, identity: Identity
) -> None:
    ada = await register(database, identity, token="one")
    assert identity.remembered("one") is None

    known, stranger = await identity.bearers_of(["one", "two"])

    assert (known and known.player_id, stranger) == (ada, None)
    assert identity.remembered("one") == known
    assert identity.remembered("two") is None


async def test_no_more_tokens_are_remembered_than_there_is_room_for(
    database: Database,
) -> None:
    identity = IdentityService(database, IdentityStorage(), staff_acts(REF_KEY), most_remembered=2)
    for token in ("one", "two", "three"):
        await register(database, identity, name=token, token=token)
        await identity.bearer_of(token)

    known = [identity.remembered(token) is not None for token in ("one", "two", "three")]
    assert known == [False, True, True]


async def test_a_token_that_is_kept_is_revoked_after_the_transaction_and_not_kept_again(
    database: Database, identity: Identity
) -> None:
    await register(database, identity, token="one")
    (bearer,) = await identity.bearers_of(["one"])
    assert bearer is not None
    somebody_else = bearer._replace(player_id=PlayerId(bearer.player_id + 1))

    async def revoke() -> None:
        async with database.transaction() as tx:
            await tx.execute("DELETE FROM identity.tokens")

    async with database.transaction() as tx:
        assert await identity.keep(tx, [bearer], wait=False) == {bearer.standing}
        assert await identity.keep(tx, [somebody_else], wait=True) == set()
        revoking = asyncio.create_task(revoke())
        await until_it_waits_for_a_lock(database)
        assert not revoking.done()
    await revoking

    async with database.transaction() as tx:
        assert await identity.keep(tx, [bearer], wait=False) == set()
    assert identity.remembered("one") is None
