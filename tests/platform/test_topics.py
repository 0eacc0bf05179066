"""Topics: numbers go up by one, become visible in their order, and jump where nobody watched."""

import asyncio

import msgspec

from rooms.platform import topics
from rooms.platform.clock import SystemClock
from rooms.platform.database import Database
from rooms.platform.topics import News

NOW = SystemClock().now()


async def tell(database: Database, *names: str) -> None:
    async with database.transaction() as tx:
        await topics.stand_alone(tx)
        watched = await topics.watched(tx, names)
        await topics.tell(tx, [News(name, "x", {}) for name in names if name in watched], NOW)


async def look(database: Database, *names: str) -> dict[str, int]:
    async with database.transaction() as tx:
        return await topics.look(tx, names)


async def test_nothing_is_written_for_a_topic_that_nobody_watches(database: Database) -> None:
    await tell(database, "a")
    assert await look(database, "b") == {"b": 0}
    await tell(database, "a", "b", "b")

    async with database.transaction() as tx:
        frames = await topics.after(tx, 0, 10)
    assert [(frame.topic, frame.seq) for frame in frames] == [("b", 1), ("b", 2)]
    assert msgspec.json.decode(frames[0].frame) == {
        "type": "x",
        "topic": "b",
        "seq": 1,
        "at": msgspec.json.decode(frames[0].frame)["at"],
        "data": {},
    }


async def test_ids_and_numbers_become_visible_in_their_order(database: Database) -> None:
    await look(database, "a", "b")
    seen: list[int] = []

    async def read() -> None:
        while len(seen) < 40:
            async with database.transaction() as tx:
                fresh = await topics.after(tx, seen[-1] if seen else 0, 100)
            seen.extend(frame.id for frame in fresh)

    await asyncio.gather(read(), *(tell(database, "a", "b") for _ in range(20)))

    async with database.transaction() as tx:
        frames = await topics.after(tx, 0, 100)
    assert seen == [frame.id for frame in frames], "nothing was stepped over"
    for topic in ("a", "b"):
        assert [each.seq for each in frames if each.topic == topic] == [*range(1, 21)]


async def test_a_topic_that_nobody_watched_for_a_while_goes_on_with_a_jump(
    database: Database,
) -> None:
    await look(database, "a")
    await tell(database, "a")
    async with database.transaction() as tx:
        await tx.execute("UPDATE platform.topics SET watched_until = clock_timestamp()")
    await tell(database, "a")

    assert await look(database, "a") == {"a": 2}
    await tell(database, "a")
    async with database.transaction() as tx:
        kept = await topics.since(tx, "a", 0)
    assert [frame.seq for frame in kept] == [1, 3]
