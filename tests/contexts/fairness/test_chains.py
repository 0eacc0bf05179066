import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from rooms.contexts.fairness.api import RoundOf
from rooms.contexts.fairness.service.chains import Vault
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Duplicate
from rooms.platform.metrics import REGISTRY
from rooms.proof.chain import ChainTerms, SeedChain, last_seed, terms_json, walk
from rooms.proof.draw import commit
from tests.contexts.fairness.scene import GAME, MASTER, Scene, scene_over, wanted


@pytest.fixture
def scene(database: Database) -> Scene:
    return scene_over(database)


async def opened(scene: Scene, **changed: object) -> ChainTerms:
    async with scene.database.transaction() as tx:
        return await scene.seeds.open_chain(tx, wanted(**changed))


async def revealed(scene: Scene, *numbers: int, game: str = GAME) -> list[bytes]:
    async with scene.database.transaction() as tx:
        return await scene.seeds.reveal(tx, [RoundOf(game, number) for number in numbers])


async def test_a_chain_is_recorded_with_everything_that_a_draw_depends_on(scene: Scene) -> None:
    terms = await opened(scene)

    assert await scene.records() == [("keno.chain", terms_json(terms))]
    assert terms.terminal == SeedChain.walked(last_seed(MASTER, GAME, 1), 300).terminal
    assert (terms.game, terms.chain, terms.length, terms.first_round) == (GAME, 1, 300, 1)


async def test_commits_are_shown_of_every_round_and_no_seed_before_its_round_is_locked(
    scene: Scene,
) -> None:
    terms = await opened(scene)
    shown = await scene.seeds.commits(GAME, 1, 400)
    assert list(shown) == list(range(1, 301))

    scene.locks.to[GAME] = 7
    seeds = await revealed(scene, 7, 1, 3, 7)

    assert [commit(seed) for seed in seeds] == [shown[number] for number in (7, 1, 3, 7)]
    assert [walk(seed, number) for seed, number in zip(seeds, (7, 1, 3, 7), strict=True)] == [
        terms.terminal
    ] * 4
    with pytest.raises(AssertionError):
        await revealed(scene, 8)
    with pytest.raises(AssertionError):
        await revealed(scene, 1, 8)


async def test_a_round_of_a_game_that_nobody_locks_stays_secret(scene: Scene) -> None:
    await opened(scene)

    with pytest.raises(AssertionError):
        await revealed(scene, 0)


async def test_the_next_chain_goes_on_with_the_numbering_from_where_it_begins(
    scene: Scene,
) -> None:
    first = await opened(scene)
    before = await scene.seeds.commits(GAME, 101, 101)
    second = await opened(scene, first_round=101, epoch_ms=1_763_650_500_000)

    shown = await scene.seeds.commits(GAME, 99, 102)
    assert second.chain == 2
    assert second.terminal != first.terminal
    assert shown[101] != before[101]

    scene.locks.to[GAME] = 1_000
    hundred, after = await revealed(scene, 100, 101)
    assert walk(hundred, 100) == first.terminal
    assert walk(after, 1) == second.terminal
    assert [commit(hundred), commit(after)] == [shown[100], shown[101]]


async def test_many_games_are_revealed_at_once(scene: Scene) -> None:
    games = [f"game-{number}" for number in range(5)]
    terminals = [(await opened(scene, game=game)).terminal for game in games]
    scene.locks.to.update(dict.fromkeys(games, 50))

    async with scene.database.transaction() as tx:
        asked = [RoundOf(game, 30 + place) for place, game in enumerate(games)]
        seeds = await scene.seeds.reveal(tx, asked)

    assert [walk(seed, each.number) for seed, each in zip(seeds, asked, strict=True)] == terminals


async def test_a_chain_that_ends_early_shows_its_last_seed_once(scene: Scene) -> None:
    terms = await opened(scene)
    scene.locks.to[GAME] = 120

    for _ in range(2):
        async with scene.database.transaction() as tx:
            await scene.seeds.end_chain(tx, GAME, 1, 120)

    ends = [fields for kind, fields in await scene.records() if kind == "keno.chain_end"]
    assert [{**each, "server_seed": ""} for each in ends] == [
        {"game": GAME, "chain": 1, "last_round": 120, "server_seed": ""}
    ]
    assert walk(bytes.fromhex(str(ends[0]["server_seed"])), 120) == terms.terminal


async def test_a_chain_does_not_end_before_its_last_round_is_locked(scene: Scene) -> None:
    await opened(scene)
    scene.locks.to[GAME] = 119

    with pytest.raises(AssertionError):
        async with scene.database.transaction() as tx:
            await scene.seeds.end_chain(tx, GAME, 1, 120)

    assert [kind for kind, _ in await scene.records()] == ["keno.chain"]


@pytest.mark.parametrize("first_round", [1, 0, 302])
async def test_no_two_chains_cover_a_round_and_no_round_is_left_out(
    scene: Scene, first_round: int
) -> None:
    await opened(scene)

    with pytest.raises((AssertionError, Duplicate)):
        await opened(scene, first_round=first_round)


async def test_a_game_cannot_take_entropy_from_a_chain_that_nobody_asks(scene: Scene) -> None:
    with pytest.raises(Refusal, match="E-ENTROPY"):
        await opened(scene, entropy="drand:" + "00" * 32)

    assert (await opened(scene, entropy="none")).entropy == "none"


async def test_without_the_master_key_commits_are_shown_and_nothing_else_is_done(
    scene: Scene, database: Database
) -> None:
    await opened(scene)
    shown = await scene.seeds.commits(GAME, 1, 3)
    keyless = scene_over(database, key=None)
    keyless.locks.to[GAME] = 1

    assert await keyless.seeds.commits(GAME, 1, 3) == shown
    with pytest.raises(Refusal, match="E-NO-MASTER-KEY"):
        await revealed(keyless, 1)
    with pytest.raises(Refusal, match="E-NO-MASTER-KEY"):
        await opened(keyless, game="other")


async def test_another_master_key_reveals_nothing(scene: Scene, database: Database) -> None:
    await opened(scene)
    other = scene_over(database, key=bytes(32))
    other.locks.to[GAME] = 1

    with pytest.raises(Refusal, match="E-NO-MASTER-KEY"):
        await revealed(other, 1)


async def test_a_chain_of_another_key_than_those_before_it_is_not_begun(
    scene: Scene, database: Database
) -> None:
    await opened(scene)

    with pytest.raises(Refusal, match="E-NO-MASTER-KEY"):
        await opened(scene_over(database, key=bytes(32)), game="other")

    assert (await opened(scene, game="other")).chain == 1


async def test_who_has_the_key_of_the_chain_begun_last_can_reveal_and_nobody_else(
    scene: Scene, database: Database
) -> None:
    keyless, other = scene_over(database, key=None), scene_over(database, key=bytes(32))
    everyone = (scene, keyless, other)
    assert [await each.seeds.can_reveal() for each in everyone] == [True, False, True]

    await opened(scene)

    assert [await each.seeds.can_reveal() for each in everyone] == [True, False, False]


def test_neither_the_vault_nor_the_service_shows_its_key() -> None:
    vault = Vault(MASTER)

    assert MASTER.hex() not in repr(vault)
    assert repr(MASTER) not in f"{vault!r} {vars(vault).keys()}"


async def test_a_dump_of_the_database_the_log_and_the_metrics_have_no_secret(
    scene: Scene, database: Database
) -> None:
    other = scene_over(database, key=bytes(32))
    scene.locks.to[GAME] = other.locks.to[GAME] = 5
    with capture_logs() as lines:
        terms = await opened(scene)
        await revealed(scene, 5)
        for number in (6, 300):
            with pytest.raises(AssertionError):
                await revealed(scene, number)
        with pytest.raises(Refusal):
            await revealed(other, 5)
    chain = SeedChain.walked(last_seed(MASTER, GAME, 1), terms.length)
    secrets = [MASTER, last_seed(MASTER, GAME, 1), *(chain.seed(link) for link in range(6, 301))]

    async with scene.database.snapshot() as tx:
        tables = await tx.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') "
            "AND has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT')"
        )
        dump = ""
        for table in tables:
            for row in await tx.fetch(f"SELECT t::text AS line FROM {table['name']} AS t"):
                dump += row["line"]

    dump += repr(lines) + generate_latest(REGISTRY).decode()

    assert "master key is not the one" in dump
    assert "rooms_beacon_behind_seconds" in dump
    assert terms.terminal.hex() in dump
    assert commit(chain.seed(300)).hex() in dump
    assert not [secret for secret in secrets if secret.hex() in dump or repr(secret) in dump]
