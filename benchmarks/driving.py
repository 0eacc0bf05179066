"""Load from inside the process: a fixed number in flight, or arrivals at a fixed rate."""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

Act = Callable[[int], Awaitable[None]]


@dataclass(slots=True)
class Driven:
    """How a load went: how long each waited (seconds), and what came instead of an answer.

    ``cut_off`` counts those that were still waiting when the patience was over.
    """

    seconds: float = 0.0
    answered: int = 0
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    errors: list[BaseException] = field(default_factory=list)
    cut_off: int = 0

    @property
    def per_second(self) -> float:
        """How many were answered per second."""
        return self.answered / self.seconds

    def require_answers(self) -> None:
        """Raise the first error, if there was any: nothing is refused here."""
        if self.errors:
            raise self.errors[0]
        assert self.answered, "nothing was answered; a small --part may run out of bets"


async def closed_loop(
    act: Act, numbers: Iterator[int], *, in_flight: int, seconds: float
) -> Driven:
    """Keep so many in flight; who has its answer takes the next number."""
    driven, clock = Driven(), time.perf_counter
    begun = clock()
    ends = begun + seconds

    async def one() -> None:
        for number in numbers:
            sent = clock()
            await act(number)
            answered = clock()
            driven.latencies.append(answered - sent)
            driven.answered += 1
            if answered >= ends:
                return

    ended = await asyncio.gather(*(one() for _ in range(in_flight)), return_exceptions=True)
    driven.seconds = clock() - begun
    driven.errors = [each for each in ended if each is not None]
    return driven


async def open_loop(
    act: Act, numbers: Iterator[int], *, per_second: int, seconds: float, patience: float
) -> Driven:
    """Let them arrive at this rate whatever the answers do; latency counts from the due time.

    Who has no answer ``patience`` seconds after the last arrival is cut off and counted with the
    time it has waited.
    """
    driven, clock = Driven(seconds=seconds), time.perf_counter
    begun, total = clock(), int(per_second * seconds)
    waiting: set[asyncio.Task[None]] = set()

    async def one(number: int, due: float) -> None:
        try:
            await act(number)
            driven.answered += 1
        except asyncio.CancelledError:
            driven.cut_off += 1
        finally:
            driven.latencies.append(clock() - due)

    def ended(task: asyncio.Task[None]) -> None:
        waiting.discard(task)
        error = task.exception()
        if error is not None:
            driven.errors.append(error)

    sent = 0
    while sent < total:
        due = min(total, int((clock() - begun) * per_second))
        for place, number in zip(range(sent, due), islice(numbers, due - sent), strict=False):
            task = asyncio.create_task(one(number, begun + place / per_second))
            waiting.add(task)
            task.add_done_callback(ended)
        sent = due
        await asyncio.sleep(0.001)
    if waiting:
        await asyncio.wait(waiting, timeout=patience)
    for task in list(waiting):
        task.cancel()
    if waiting:
        await asyncio.wait(waiting)
    driven.seconds = max(seconds, clock() - begun)
    return driven
