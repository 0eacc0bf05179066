"""How often one client may ask: a bucket per client that fills by requests and drains by time."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND


@dataclass(slots=True)
class Limiter:
    """Admits ``rate`` requests a period from each client, and as many at once after a pause.

    A period is a second unless ``period`` says otherwise, in milliseconds. Knows the ``most``
    latest clients only, so that its size is bounded; one that is forgotten begins anew.
    """

    rate: int
    most: int = 10_000
    period: int = SECOND
    _buckets: "OrderedDict[bytes, tuple[int, int]]" = field(default_factory=OrderedDict)

    def wait(self, client: bytes, millis: int) -> int:
        """Admit a request and give 0, or give the whole seconds after which it is admitted.

        ``millis`` is the time, Unix milliseconds.
        """
        # A request fills the bucket by as much as ``period`` and drains by ``rate`` a millisecond.
        level, since = self._buckets.get(client, (0, millis))
        level = max(0, level - self.rate * max(0, millis - since)) + self.period
        excess = level - self.rate * self.period
        if excess > 0:
            level -= self.period
        self._remember(client, level, millis)
        return -(-excess // (self.rate * SECOND)) if excess > 0 else 0

    def _remember(self, client: bytes, level: int, millis: int) -> None:
        self._buckets[client] = (level, millis)
        self._buckets.move_to_end(client)
        if len(self._buckets) > self.most:
            self._buckets.popitem(last=False)
