"""What requests leave to the garbage collector is bounded, however many there were."""

import gc
from collections import deque
from collections.abc import Iterator
from typing import ClassVar

import pytest

from rooms.processes.loop import COLLECT_AFTER, keep_what_is_loaded

PARTS, AT_ONCE, REQUESTS = 100, 800, 40_000


class Request:
    """What holds itself, as a request does by the traceback of its refusal."""

    alive: ClassVar[int] = 0

    def __init__(self) -> None:
        self.me, self.parts = self, [[] for _ in range(PARTS)]  # type: ignore[var-annotated]
        Request.alive += 1

    def __del__(self) -> None:
        Request.alive -= 1


@pytest.fixture
def tuned() -> Iterator[None]:
    usual = gc.get_threshold()
    keep_what_is_loaded()
    yield
    gc.set_threshold(*usual)


@pytest.mark.usefixtures("tuned")
def test_requests_that_refer_to_themselves_do_not_pile_up() -> None:
    in_progress: deque[Request] = deque(maxlen=AT_ONCE)
    most = 0
    for _ in range(REQUESTS):
        in_progress.append(Request())
        most = max(most, Request.alive)

    youngest, older, oldest = COLLECT_AFTER
    between_looks = youngest * older // PARTS
    # Each look but the last finds those in progress in use, and they stay until the look at all.
    assert most <= (oldest + 2) * (AT_ONCE + between_looks)
    assert most < REQUESTS / 4
