"""A circuit breaker: who keeps failing is left alone for a while, then tried once."""

from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """CLOSED lets calls through, OPEN none, HALF_OPEN waits for the one it let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Counts failures in a row; ``threshold`` of them open it for ``cool_off`` seconds."""

    def __init__(self, *, threshold: int, cool_off: float, now: Callable[[], float]) -> None:
        assert threshold > 0
        assert cool_off > 0
        self.state = BreakerState.CLOSED
        self._threshold = threshold
        self._cool_off = cool_off
        self._now = now
        self._failures = 0
        self._next_trial = 0.0

    def admits(self) -> bool:
        """Say whether a call may be made now; whoever is admitted reports how it went."""
        if self.state is BreakerState.CLOSED:
            return True
        if self._now() < self._next_trial:
            return False
        # A trial that was cancelled never reports: the next one is due after another cool-off.
        self._turn(BreakerState.HALF_OPEN)
        return True

    def succeeded(self) -> None:
        """Take note of an answer: the circuit closes."""
        self._failures = 0
        self.state = BreakerState.CLOSED

    def failed(self) -> None:
        """Take note of a failure: too many in a row, or a failed trial, open the circuit."""
        if self.state is BreakerState.OPEN:
            return  # a late report of a call from before; it must not prolong the wait
        self._failures += 1
        if self.state is BreakerState.HALF_OPEN or self._failures >= self._threshold:
            self._turn(BreakerState.OPEN)

    def _turn(self, state: BreakerState) -> None:
        self.state = state
        self._next_trial = self._now() + self._cool_off
