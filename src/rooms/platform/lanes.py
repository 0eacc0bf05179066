"""Group commit: what is asked for while a batch is under way becomes the next batch.

There is no timer: a single request goes at once, ten thousand go in batches that grow by
themselves to what the database takes in one stroke.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Final, Generic, TypeVar

import structlog

from rooms.platform.database import is_away
from rooms.platform.metrics import BATCH_SECONDS, BATCH_SIZE
from rooms.platform.tracing import span

Request = TypeVar("Request")
Answer = TypeVar("Answer")
# What a request is told, once: its answer, the exception met instead, or that all was ended.
Tell = Callable[[Answer | BaseException], None]

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
    _queues: "dict[Hashable, deque[tuple[Request, Tell[Answer]]]]" = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _turns: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(self.at_once)
        BATCH_SIZE.labels(self.name), BATCH_SECONDS.labels(self.name)  # shown from 0

    async def submit(self, lane: Hashable, request: Request) -> Answer:
        """Give the request's answer, or raise its exception."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.put(lane, request, partial(_settle, future))
        return await future

    def put(self, lane: Hashable, request: Request, tell: Tell[Answer]) -> None:
        """Take a request whose answer, or exception, is told by a call.

        Where the lane is ended it is told CancelledError.
        """
        queue = self._queues.get(lane)
        if queue is None:
            queue = self._queues[lane] = deque()
            # A lane works for many, so it inherits nothing from who happened to wake it.
            task = asyncio.create_task(self._drain(lane, queue), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.append((request, tell))

    async def _drain(self, lane: Hashable, queue: "deque[tuple[Request, Tell[Answer]]]") -> None:
        try:
            while queue:
                async with self._turns:
                    await self._answer(self._next_batch(queue))
                # Who has an answer may have the next request ready: it goes with the others.
                await asyncio.sleep(0)
        finally:
            # Where the lane was ended, nobody is left waiting, and the next request opens it anew.
            del self._queues[lane]
            _tell(queue, [asyncio.CancelledError()] * len(queue))

    def _next_batch(
        self, queue: "deque[tuple[Request, Tell[Answer]]]"
    ) -> "list[tuple[Request, Tell[Answer]]]":
        if self.weigh is None:
            return [queue.popleft() for _ in range(min(len(queue), self.most))]
        batch = [queue.popleft()]
        left = self.most - self.weigh(batch[0][0])
        while queue and (left := left - self.weigh(queue[0][0])) >= 0:
            batch.append(queue.popleft())
        return batch

    async def _answer(self, batch: "list[tuple[Request, Tell[Answer]]]") -> None:
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
            _tell(batch, [asyncio.CancelledError()] * len(batch))
            raise
        BATCH_SIZE.labels(self.name).observe(len(batch))
        BATCH_SECONDS.labels(self.name).observe(perf_counter() - begun)
        _tell(batch, answers)


def _tell(
    batch: "Iterable[tuple[Request, Tell[Answer]]]", answers: Sequence[Answer | BaseException]
) -> None:
    for (_, tell), answer in zip(batch, answers, strict=True):
        try:
            tell(answer)
        except Exception:
            # A bug of one who asked is not the others' nor the lane's.
            log.exception("an answer was not taken")


def _settle(future: "asyncio.Future[Answer]", answer: Answer | BaseException) -> None:
    if future.done():  # who asked has gone
        return
    if isinstance(answer, asyncio.CancelledError):
        future.cancel()
    elif isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
