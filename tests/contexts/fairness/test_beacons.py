import asyncio
from datetime import timedelta

import pytest

from rooms.contexts.fairness.api import BEACON_KNOWN
from rooms.contexts.fairness.service.beacons import BeaconWatch
from rooms.contexts.fairness.workers import BeaconWatcher
from rooms.kernel.time import Instant, to_millis
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database, Duplicate
from rooms.proof.beacon import QUICKNET, SANDBOX
from rooms.sandbox.drand import signed
from tests.contexts.fairness.scene import Scene, scene_over, wanted

ENTROPY = SANDBOX.entropy


@pytest.fixture
async def scene(database: Database) -> Scene:
    scene = scene_over(database)
    async with database.transaction() as tx:
        await scene.seeds.open_chain(tx, wanted())
    scene.drand.at = SANDBOX.round_at(to_millis(SystemClock().now()))
    return scene


async def slow(scene: Scene) -> bool:
    async with scene.database.transaction() as tx:
        return await scene.beacons.clock_is_slow(tx)


async def stored(scene: Scene) -> list[tuple[int, str]]:
    async with scene.database.snapshot() as tx:
        rows = await tx.fetch("SELECT round, randomness FROM fairness.beacons ORDER BY round")
    return [(row["round"], row["randomness"].hex()) for row in rows]


async def test_the_watch_keeps_the_newest_beacon_once_and_wakes_who_waits(scene: Scene) -> None:
    ear = scene.database.doorbell.listen({BEACON_KNOWN})
    watch = BeaconWatch(scene.beacons)

    due = await watch.look()
    async with asyncio.timeout(10):
        await ear.wait(60)

    newest = scene.drand.at
    assert due == SANDBOX.appears_at(newest + 1)
    assert await stored(scene) == [(newest, signed(newest).entropy)]
    assert await watch.look() == due
    assert len(await stored(scene)) == 1


async def test_nobody_is_asked_while_no_game_takes_entropy_there(database: Database) -> None:
    scene = scene_over(database)
    scene.drand.at = 10

    assert await BeaconWatch(scene.beacons).look() is None
    assert await stored(scene) == []


async def test_beacons_that_are_overdue_are_fetched_and_known_ones_are_not(scene: Scene) -> None:
    old = [scene.drand.at - 60, scene.drand.at - 50]

    first = await scene.beacons.beacons(ENTROPY, old)
    again = await scene.beacons.beacons(ENTROPY, old)

    assert first == again == {number: signed(number) for number in old}
    assert scene.drand.asked == old


async def test_what_nobody_has_is_told_from_what_nobody_was_asked_for(
    scene: Scene,
) -> None:
    future, missing = scene.drand.at + 60, scene.drand.at - 30
    scene.drand.at -= 100

    assert await scene.beacons.beacons(ENTROPY, [future, missing]) == {missing: None}
    for _ in range(2):
        assert await scene.beacons.beacons(ENTROPY, [future, missing]) == {}

    assert scene.drand.asked == [missing]


async def test_only_so_many_are_asked_for_at_a_time(scene: Scene) -> None:
    rounds = range(scene.drand.at - 200, scene.drand.at - 100)

    found = await scene.beacons.beacons(ENTROPY, rounds)

    assert len(found) == len(scene.drand.asked) == 16
    assert sorted(found) == list(rounds)[:16]


async def test_a_chain_that_is_not_asked_any_more_is_remembered(
    scene: Scene, database: Database
) -> None:
    await scene.beacons.learn()
    later = scene_over(database)
    later.drand.chain = QUICKNET
    assert later.beacons.chain(ENTROPY) is None

    await later.beacons.learn()

    assert later.beacons.chain(ENTROPY) == SANDBOX
    assert later.beacons.chain(QUICKNET.entropy) == QUICKNET
    assert later.beacons.chain("drand:" + "00" * 32) is None
    assert await later.beacons.beacons(ENTROPY, [5]) == {5: None}
    assert later.drand.asked == []


async def test_a_beacon_a_second_ahead_of_the_clock_says_that_the_clock_is_slow(
    scene: Scene,
) -> None:
    await BeaconWatch(scene.beacons).look()
    assert not await slow(scene)

    scene.drand.at += 30
    await BeaconWatch(scene.beacons).look()

    assert await slow(scene)


async def test_the_clock_is_right_again_once_it_has_caught_up(
    scene: Scene, owner: Database
) -> None:
    scene.drand.at += 30
    await BeaconWatch(scene.beacons).look()
    assert await slow(scene)

    # The database's clock cannot be set: the beacon is moved into the past instead.
    async with owner.transaction() as tx:
        await tx.execute(
            "UPDATE fairness.beacons SET appears_at = appears_at - $1::interval",
            timedelta(minutes=1),
        )

    assert not await slow(scene)


async def test_a_beacon_is_never_replaced(scene: Scene) -> None:
    await scene.beacons.keep([signed(7)])

    with pytest.raises(Duplicate):
        async with scene.database.transaction() as tx:
            await tx.execute(
                "INSERT INTO fairness.beacons (drand, round, signature, appears_at) "
                "VALUES ($1, 7, $2, now())",
                SANDBOX.hash,
                bytes(48),
            )

    await scene.beacons.keep([signed(7)])
    assert await stored(scene) == [(7, signed(7).entropy)]


async def test_a_clock_that_is_a_day_slow_does_not_put_the_watcher_to_sleep(scene: Scene) -> None:
    class Slow(SystemClock):
        def now(self) -> Instant:
            return super().now() - timedelta(days=1)

    assert await BeaconWatcher(BeaconWatch(scene.beacons), Slow())._look() < 2 * SANDBOX.period


async def test_the_watcher_goes_on_looking(scene: Scene) -> None:
    ear = scene.database.doorbell.listen({BEACON_KNOWN})
    watcher = BeaconWatcher(BeaconWatch(scene.beacons), SystemClock())
    running = asyncio.create_task(watcher.run())
    try:
        async with asyncio.timeout(30):
            for _ in range(3):
                await ear.wait(60)
                scene.drand.at += 1
    finally:
        running.cancel()

    assert len(await stored(scene)) == 3
