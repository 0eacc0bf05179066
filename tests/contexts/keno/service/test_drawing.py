import asyncio
from datetime import timedelta

from rooms.kernel.money import SOL
from rooms.kernel.time import to_millis
from rooms.platform.database import Database
from rooms.proof.chain import walk
from rooms.proof.draw import commit, draw
from tests.hand_fairness import CHAIN
from tests.keno_houses import DRAND, GAME, TERMS, KenoHouse, wire_keno_house


async def test_a_draw_is_the_public_function_of_seed_and_round(keno: KenoHouse) -> None:
    await keno.open_game()
    await keno.pass_rounds(1)

    view = await keno.round(1)

    assert view.server_seed is not None
    seed = bytes.fromhex(view.server_seed)
    assert view.draw == draw(seed, GAME, 1, "")
    assert view.commit == commit(seed).hex()
    assert walk(seed, view.link) == keno.seeds.chains[GAME][0][0].terminal
    assert (view.beacon_round, view.entropy) == (None, "")


async def test_a_game_that_is_to_begin_at_once_leaves_its_chain_time_to_be_put_on_record(
    keno: KenoHouse,
) -> None:
    async with keno.database.snapshot() as tx:
        before = await tx.value("SELECT clock_timestamp()")
    await keno.keno.create_game(GAME, SOL, TERMS, starts_in=timedelta(), by=None)

    async with keno.database.snapshot() as tx:
        opens_at = await tx.value("SELECT epoch_ms FROM keno.terms")
    assert opens_at - to_millis(before) >= 1_000


async def test_a_commit_is_shown_120_rounds_ahead_and_the_seed_is_not(keno: KenoHouse) -> None:
    await keno.open_game()

    ahead = await keno.round(121)

    assert ahead.commit is not None
    assert (ahead.status, ahead.server_seed, ahead.draw) == ("OPEN", None, None)


async def test_a_round_waits_for_the_beacon_of_its_schedule(keno: KenoHouse) -> None:
    await keno.open_game(terms=DRAND)
    ada = await keno.player()
    bought = await keno.buy(ada)
    keno.beacons.dead = True

    await keno.pass_rounds(4)
    assert (await keno.round(1)).status == "LOCKED"
    assert (await keno.round(1)).server_seed is None
    keno.beacons.dead = False
    await keno.clock.tick()

    drawn = await keno.round(1)
    assert drawn.status == "SETTLED"
    assert drawn.beacon_round == CHAIN.round_after(to_millis(drawn.locks_at), 2_000)
    assert drawn.entropy is not None
    assert drawn.server_seed is not None
    assert drawn.draw == draw(bytes.fromhex(drawn.server_seed), GAME, 1, drawn.entropy)
    assert (await keno.tickets(bought))[0].status in ("WON", "LOST")


async def test_an_empty_round_drawn_after_one_with_tickets_leaves_that_one_to_be_paid(
    keno: KenoHouse,
) -> None:
    async def pointers() -> list[int]:
        async with keno.database.snapshot() as tx:
            row = await tx.row("SELECT locked_to, drawn_to, settled_to FROM keno.games")
        assert row is not None
        return list(row)

    await keno.open_game()
    bought = await keno.buy(await keno.player())
    await keno.clock.lead()
    for _ in range(2):
        await keno.let_pass(milliseconds=5_000)
        await keno.clock.lock()
        await keno.clock.draw()
    assert await pointers() == [2, 2, 0]

    await keno.clock.pay()

    assert await pointers() == [2, 2, 2]
    assert (await keno.tickets(bought))[0].status in ("WON", "LOST")
    await keno.books_are_right()


async def test_one_missing_beacon_holds_up_its_own_rounds_only(keno: KenoHouse) -> None:
    await keno.open_game(terms=DRAND)
    ada = await keno.player()
    await keno.buy(ada, rounds=5)
    keno.beacons.dead = True
    await keno.pass_rounds(7)
    missing = (await keno.round(3)).beacon_round
    assert missing is not None
    keno.beacons.missing.add(missing)
    keno.beacons.dead = False

    await keno.clock.tick()

    assert (await keno.round(3)).status == "LOCKED"
    assert (await keno.round(5)).status == "SETTLED"
    await keno.books_are_right()


async def test_a_round_whose_beacon_never_comes_is_void_and_every_stake_back(
    database: Database, owner: Database
) -> None:
    keno = wire_keno_house(database, owner, grace=timedelta(seconds=30))
    await keno.open_game(terms=DRAND)
    ada = await keno.player()
    before = await keno.house.balance(ada)
    bought = await keno.buy(ada, stake=3_000_000)
    keno.beacons.dead = True

    await keno.pass_rounds(4)
    assert (await keno.round(1)).status == "LOCKED"
    await keno.pass_rounds(8)

    view = await keno.round(1)
    assert (view.status, view.reason, view.draw) == ("VOID", "ENTROPY_MISSING", None)
    assert view.server_seed is not None
    assert (view.paid, view.refunded) == (0, 3_000_000)
    assert (await keno.tickets(bought))[0].status == "REFUNDED"
    assert await keno.house.balance(ada) == before
    async with database.snapshot() as tx:
        fields = await tx.value(
            "SELECT fields FROM fairness.pending WHERE kind = 'keno.void' ORDER BY id LIMIT 1"
        )
    assert fields == {
        "game": GAME,
        "round": 1,
        "reason": "ENTROPY_MISSING",
        "server_seed": view.server_seed,
        "beacon_round": view.beacon_round,
        "tickets": 1,
        "refunded": "3000000",
    }
    await keno.books_are_right()


async def test_after_a_downtime_longer_than_the_grace_rounds_are_drawn_late_and_not_void(
    database: Database, owner: Database
) -> None:
    keno = wire_keno_house(database, owner, grace=timedelta(seconds=30))
    await keno.open_game(terms=DRAND)
    ada = await keno.player()
    await keno.buy(ada, rounds=7)
    keno.beacons.at_a_time = 3

    await keno.pass_rounds(60)
    assert (await keno.round(7)).status == "LOCKED"
    for _ in range(2):
        await keno.clock.tick()

    assert [(await keno.round(number)).status for number in range(1, 8)] == ["SETTLED"] * 7
    await keno.books_are_right()


async def test_a_house_that_comes_back_without_its_network_is_given_time_before_a_round_is_void(
    database: Database, owner: Database
) -> None:
    keno = wire_keno_house(
        database, owner, grace=timedelta(seconds=30), insist=timedelta(minutes=1)
    )
    await keno.open_game(terms=DRAND)
    await keno.buy(await keno.player(), rounds=2)
    keno.beacons.dead = True
    await keno.pass_rounds(60)
    assert [(await keno.round(number)).status for number in (1, 2)] == ["LOCKED"] * 2

    keno.beacons.dead = False
    await keno.clock.tick()

    assert [(await keno.round(number)).status for number in (1, 2)] == ["SETTLED"] * 2
    await keno.books_are_right()


async def test_who_has_asked_for_a_beacon_in_vain_for_long_enough_gives_the_round_up(
    database: Database, owner: Database
) -> None:
    keno = wire_keno_house(
        database, owner, grace=timedelta(seconds=30), insist=timedelta(milliseconds=100)
    )
    await keno.open_game(terms=DRAND)
    await keno.buy(await keno.player())
    keno.beacons.dead = True
    await keno.pass_rounds(60)

    async with asyncio.timeout(10):
        while (await keno.round(1)).status == "LOCKED":
            await keno.clock.tick()

    assert (await keno.round(1)).status == "VOID"


async def test_a_void_round_is_not_drawn_again_when_its_beacon_comes(
    database: Database, owner: Database
) -> None:
    keno = wire_keno_house(database, owner, grace=timedelta(seconds=5))
    await keno.open_game(terms=DRAND)
    ada = await keno.player()
    await keno.buy(ada)
    keno.beacons.dead = True
    await keno.pass_rounds(6)
    keno.beacons.dead = False

    await keno.clock.tick()
    await keno.clock.tick()

    assert (await keno.round(1)).status == "VOID"
    await keno.books_are_right()
