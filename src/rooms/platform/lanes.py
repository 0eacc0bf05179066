"""Group commit: what is asked for while a batch is under way becomes the next batch.

There is no timer: a single request goes at once, ten thousand go in batches that grow by
themselves to what the database takes in one stroke.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, Generic, TypeVar

import structlog

from rooms.platform.database import is_away
from rooms.platform.metrics import BATCH_SECONDS, BATCH_SIZE
from rooms.platform.tracing import span

Request = TypeVar("Request")
Answer = TypeVar("Answer")

# One statement's arrays stay small, and so do the locks that one batch takes.
MOST_AT_ONCE: Final = 500

log = structlog.get_logger()


@dataclass(slots=True)
class Lanes(Generic[Request, Answer]):
    """Requests of one lane are answered in their order, batch after batch; lanes go side by side.

    ``work`` takes a batch and gives an answer for each request, or the exception that is raised
    for it; what ``work`` itself raises must have undone the whole batch. At most ``at_once``
    lanes have a batch under way, each of ``most`` requests, or of that ``weight`` where some are
    heavier than others.
    """

    name: str
    work: Callable[[Sequence[Request]], Awaitable[Sequence[Answer | Exception]]]
    at_once: int
    most: int = MOST_AT_ONCE
    weigh: Callable[[Request], int] | None = None
    _queues: "dict[Hashable, deque[tuple[Request, asyncio.Future[Answer]]]]" = field(
        default_factory=dict
    )
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _turns: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.at_once)
        BATCH_SIZE.labels(self.name), BATCH_SECONDS.labels(self.name)  # shown from 0

    async def submit(self, lane: Hashable, request: Request) -> Answer:
        """Give the request's answer, or raise its exception."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        queue = self._queues.get(lane)
        if queue is None:
            queue = self._queues[lane] = deque()
            # A lane works for many, so it inherits nothing from who happened to wake it.
            task = asyncio.create_task(self._drain(lane, queue), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.append((request, future))
        return await future

    async def _drain(
        self, lane: Hashable, queue: "deque[tuple[Request, asyncio.Future[Answer]]]"
    ) -> None:
        try:
            while queue:
                async with self._turns:
                    await self._answer(self._next_batch(queue))
                # Who has an answer may have the next request ready: it goes with the others.
                await asyncio.sleep(0)
        finally:
            # Where the lane was ended, nobody is left waiting, and the next request opens it anew.
            del self._queues[lane]
            for _, future in queue:
                future.cancel()

    def _next_batch(
        self, queue: "deque[tuple[Request, asyncio.Future[Answer]]]"
    ) -> "list[tuple[Request, asyncio.Future[Answer]]]":
        if self.weigh is None:
            return [queue.popleft() for _ in range(min(len(queue), self.most))]
        batch = [queue.popleft()]
        left = self.most - self.weigh(batch[0][0])
        while queue and (left := left - self.weigh(queue[0][0])) >= 0:
            batch.append(queue.popleft())
        return batch

    async def _answer(self, batch: "list[tuple[Request, asyncio.Future[Answer]]]") -> None:
        begun = perf_counter()
        try:
            with span("batch", lane=self.name, size=len(batch)):
                answers = await self.work([request for request, _ in batch])
            assert len(answers) == len(batch), f"{len(answers)} answers for {len(batch)} requests"
        except Exception as problem:  # noqa: BLE001 - it is raised for who asked
            if len(batch) > 1 and not is_away(problem):
                # One request of them meets a bug; alone, only that one is told so.
                log.warning("a batch failed and goes one by one", lane=self.name, size=len(batch))
                for each in batch:
                    await self._answer([each])
                return
            answers = [problem] * len(batch)
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        BATCH_SIZE.labels(self.name).observe(len(batch))
        BATCH_SECONDS.labels(self.name).observe(perf_counter() - begun)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # who asked has gone
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
