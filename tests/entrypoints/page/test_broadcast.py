import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from rooms.contexts.parimutuel.api import RoomStatus, RoomView
from rooms.entrypoints.gateway.broadcast import GREETING, Broadcast, Snapshot
from rooms.entrypoints.gateway.snapshots import Courses
from rooms.kernel.ids import PlayerId, RoomId
from rooms.platform.doorbell import Doorbell
from rooms.proof.pool import Side

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


def a_room(number: int = 1, *, yes: int = 0, no: int = 0) -> RoomView:
    return RoomView(
        id=RoomId(number),
        title="SOL touches 165",
        status=RoomStatus.OPEN,
        reason=None,
        market={},
        resolve="touch",
        host_id=PlayerId(1),
        min_players=2,
        players=2,
        pools={Side.YES: yes, Side.NO: no},
        dividend={},
        prices=[],
        outcome=None,
        created_at=NOW,
        locks_at=NOW,
        settles_at=NOW,
        settled_at=None,
        terms={},
    )


def test_a_course_begins_with_the_first_bet_and_keeps_what_changed() -> None:
    courses, room = Courses(), a_room()
    assert courses.note(room, NOW) == []
    for second in range(5):
        courses.note(a_room(yes=1, no=1), NOW + timedelta(seconds=second))

    course = courses.note(a_room(yes=3, no=1), NOW + timedelta(seconds=9))

    shares = [share for _, share in course]
    assert shares == [5000, 5000, 7500]
    assert course[1][0] - course[0][0] == 4000


def test_courses_are_bounded_in_points_and_in_rooms() -> None:
    courses = Courses()
    for step in range(5000):
        course = courses.note(a_room(yes=step + 1, no=5000), NOW + timedelta(seconds=step))
    ends = (course[0][1], course[-1][1])
    for number in range(2, 2 + Courses.MOST_COURSES):
        courses.note(a_room(number, yes=1), NOW)

    assert len(course) <= Courses.MOST_POINTS
    assert ends == (1, 5000)
    assert len(courses.note(a_room(yes=1), NOW)) == 1


def test_an_ended_rooms_course_stays_as_it_was() -> None:
    courses = Courses()
    courses.note(a_room(yes=1, no=1), NOW)

    ended = replace(a_room(yes=9, no=1), status=RoomStatus.SETTLED)

    assert [share for _, share in courses.note(ended, NOW)] == [5000]
