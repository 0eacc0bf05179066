import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from rooms.kernel.refusal import Refusal
from rooms.platform.lanes import Lanes


@dataclass
class Counter:
    """Works on batches of numbers only while its door is open, and notes what came together."""

    door: asyncio.Event = field(default_factory=asyncio.Event)
    batches: list[list[int]] = field(default_factory=list)
    begun: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    at_work: int = 0
    most_at_work: int = 0

    async def work(self, batch: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(batch))
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        self.begun.release()
        await self.door.wait()
        self.at_work -= 1
        if 13 in batch:
            raise ZeroDivisionError
        return [Refusal("E-STAKE") if number < 0 else 2 * number for number in batch]


@pytest.fixture
def counter() -> Counter:
    return Counter()


def lanes(counter: Counter, at_once: int = 1, most: int = 500) -> Lanes[int, int]:
    return Lanes("test", counter.work, at_once=at_once, most=most)


async def ask(lanes: Lanes[int, int], numbers: Sequence[int], lane: int = 0) -> list[object]:
    return await asyncio.gather(
        *(lanes.submit(lane, number) for number in numbers), return_exceptions=True
    )


async def test_a_single_request_goes_at_once(counter: Counter) -> None:
    counter.door.set()

    assert await lanes(counter).submit("any", 21) == 42
    assert counter.batches == [[21]]


async def test_what_comes_while_a_batch_is_under_way_is_the_next_batch(counter: Counter) -> None:
    ours = lanes(counter)
    first = asyncio.create_task(ours.submit(0, 1))
    await counter.begun.acquire()
    later = asyncio.create_task(ask(ours, range(20, 100)))
    await asyncio.sleep(0)
    counter.door.set()

    assert await later == [2 * number for number in range(20, 100)]
    assert await first == 2
    assert counter.batches == [[1], list(range(20, 100))]


async def test_who_is_answered_and_asks_again_goes_with_those_who_waited(counter: Counter) -> None:
    ours = lanes(counter)

    async def ask_twice() -> None:
        await ours.submit(0, 1)
        await ours.submit(0, 3)

    first = asyncio.create_task(ask_twice())
    await counter.begun.acquire()
    waiting = asyncio.create_task(ours.submit(0, 2))
    await asyncio.sleep(0)
    counter.door.set()
    await asyncio.gather(first, waiting)

    assert counter.batches == [[1], [2, 3]]


async def test_a_batch_has_a_largest_size(counter: Counter) -> None:
    counter.door.set()

    assert await ask(lanes(counter, most=10), range(14, 39)) == [2 * n for n in range(14, 39)]
    assert [len(batch) for batch in counter.batches] == [10, 10, 5]


async def test_each_request_gets_its_own_refusal(counter: Counter) -> None:
    counter.door.set()

    good, bad, also_good = await ask(lanes(counter), [1, -1, 2])

    assert (good, also_good) == (2, 4)
    assert isinstance(bad, Refusal)
    assert bad.code == "E-STAKE"
    assert len(counter.batches) == 1


async def test_only_the_request_that_meets_a_bug_is_told_of_it(counter: Counter) -> None:
    counter.door.set()

    answers = await ask(lanes(counter), [12, 13, 14])

    assert (answers[0], answers[2]) == (24, 28)
    assert isinstance(answers[1], ZeroDivisionError)
    assert counter.batches == [[12, 13, 14], [12], [13], [14]]


async def test_a_database_that_is_away_is_told_to_all_at_once(counter: Counter) -> None:
    async def away(batch: Sequence[int]) -> list[int]:
        counter.batches.append(list(batch))
        raise ConnectionResetError

    answers = await ask(Lanes("test", away, at_once=1), [1, 2, 3])

    assert {type(answer) for answer in answers} == {ConnectionResetError}
    assert counter.batches == [[1, 2, 3]]


async def test_lanes_go_side_by_side_but_no_more_than_allowed(counter: Counter) -> None:
    ours = lanes(counter, at_once=2)
    asking = [asyncio.create_task(ask(ours, [lane], lane)) for lane in range(5)]
    await counter.begun.acquire()
    await counter.begun.acquire()
    counter.door.set()

    assert await asyncio.gather(*asking) == [[2 * lane] for lane in range(5)]
    assert counter.most_at_work == 2


async def test_who_has_left_does_not_disturb_the_others(counter: Counter) -> None:
    ours = lanes(counter)
    leaving, staying = (asyncio.create_task(ours.submit(0, number)) for number in (1, 2))
    await counter.begun.acquire()
    leaving.cancel()
    counter.door.set()

    assert await staying == 4
    assert await ours.submit(0, 3) == 6


async def test_a_batch_has_so_much_weight_and_one_request_at_least() -> None:
    batches: list[list[int]] = []

    async def work(batch: Sequence[int]) -> list[int]:
        batches.append(list(batch))
        await asyncio.sleep(0)
        return list(batch)

    lanes: Lanes[int, int] = Lanes("weighed", work, at_once=1, most=10, weigh=lambda each: each)
    await asyncio.gather(*(lanes.submit("one", each) for each in (4, 4, 4, 99, 10, 1)))

    assert batches == [[4, 4], [4], [99], [10], [1]]


async def test_a_lane_that_was_ended_is_opened_anew_and_leaves_nobody_waiting() -> None:
    tries = 0

    async def work(batch: Sequence[int]) -> list[int]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise asyncio.CancelledError
        return [2 * each for each in batch]

    ours = Lanes("test", work, at_once=1, most=1)
    ended = await asyncio.gather(*(ours.submit(0, n) for n in range(3)), return_exceptions=True)

    assert {type(each) for each in ended} == {asyncio.CancelledError}
    assert await ours.submit(0, 4) == 8


async def test_work_that_forgets_a_request_is_a_bug_that_each_is_told() -> None:
    async def work(batch: Sequence[int]) -> list[int]:
        return list(batch[:1]) if len(batch) > 1 or batch[0] == 3 else []

    ours = Lanes("test", work, at_once=1)
    told = await asyncio.gather(*(ours.submit(0, n) for n in (2, 3)), return_exceptions=True)

    assert isinstance(told[0], AssertionError)
    assert told[1] == 3
