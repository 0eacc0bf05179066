"""Whose requests were not plain lately: one that is not sends its whole batch the slower way."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

MOST_DOUBTED: Final = 10_000
DOUBTED_REQUESTS: Final = 10


@dataclass(slots=True)
class Doubts:
    """Remembers, for some requests, who sent one that had to be looked at; the oldest go first."""

    _left: dict[Hashable, int] = field(default_factory=dict)

    def add(self, who: Hashable) -> None:
        """Remember that a request of this sender was not plain."""
        self._left.pop(who, None)
        self._left[who] = DOUBTED_REQUESTS
        if len(self._left) > MOST_DOUBTED:
            del self._left[next(iter(self._left))]

    def take(self, who: Hashable) -> bool:
        """Say whether the sender's next request should be looked at."""
        left = self._left.get(who)
        if left is None:
            return False
        if left == 1:
            del self._left[who]
        else:
            self._left[who] = left - 1
        return True
