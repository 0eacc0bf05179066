import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from rooms.contexts.parimutuel.api import PoolPoint
from rooms.entrypoints.gateway.broadcast import GREETING, Broadcast, Snapshot
from rooms.entrypoints.gateway.snapshots import course_json
from rooms.platform.doorbell import Doorbell

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)


@dataclass
class Subject:
    """Something that changes with each look; ``away`` looks fail first."""

    away: int = 0
    last: int = 0
    looks: int = 0

    async def look(self) -> Snapshot:
        self.looks += 1
        if self.looks <= self.away:
            raise ConnectionRefusedError
        return Snapshot({"look": self.looks}, final=self.looks == self.last)


async def news(stream: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(20):
        event = await anext(stream)
        return await anext(stream) if event == GREETING else event


async def test_all_listeners_share_one_look_and_late_ones_hear_the_newest_at_once() -> None:
    subject = Subject(last=1)
    broadcast = Broadcast(subject.look, Doorbell())
    listeners = [broadcast.events() for _ in range(50)]
    await broadcast.run()

    heard = [await news(listener) for listener in [*listeners, broadcast.events()]]

    assert subject.looks == 1
    assert set(heard) == {b'data: {"look":1}\n\n'}


async def test_a_slow_listener_skips_to_the_newest() -> None:
    subject, bell = Subject(last=3), Doorbell()
    broadcast = Broadcast(subject.look, bell)
    slow = broadcast.events()
    running = asyncio.create_task(broadcast.run())

    first = await news(slow)
    await running
    latest = await news(slow)

    assert (first, latest) == (b'data: {"look":1}\n\n', b'data: {"look":3}\n\n')


async def test_a_look_that_fails_is_tried_again_and_tells_nothing() -> None:
    subject = Subject(away=1, last=2)
    broadcast = Broadcast(subject.look, Doorbell())
    listener = broadcast.events()

    await broadcast.run()

    assert await news(listener) == b'data: {"look":2}\n\n'


async def test_an_ended_broadcast_lets_its_listeners_finish() -> None:
    broadcast = Broadcast(Subject().look, Doorbell())
    listener = broadcast.events()
    assert await anext(listener) == GREETING
    waiting = asyncio.ensure_future(anext(listener))

    broadcast.end()

    with pytest.raises(StopAsyncIteration):
        await waiting


def test_a_course_is_the_share_of_yes_after_each_step() -> None:
    course = [PoolPoint(NOW, 0, 10), PoolPoint(NOW + timedelta(seconds=4), 30, 10)]

    shares = course_json(course)

    assert [share for _, share in shares] == [0, 7500]
    assert shares[1][0] - shares[0][0] == 4000
