"""How fast one client may ask for topics: each that it asks for is a look at the database."""

from dataclasses import dataclass
from typing import Final

TOPICS_AT_ONCE: Final = 256
TOPICS_A_SECOND: Final = 20


@dataclass(slots=True)
class Pace:
    """``TOPICS_AT_ONCE`` are free, then ``TOPICS_A_SECOND``; who asks for more waits."""

    _paid_until: float = 0.0

    def wait(self, topics: int, now: float) -> float:
        """Take note of so many topics asked for at ``now`` (seconds); give the seconds to wait."""
        since = max(self._paid_until, now - TOPICS_AT_ONCE / TOPICS_A_SECOND)
        self._paid_until = since + topics / TOPICS_A_SECOND
        return max(0.0, self._paid_until - now)
