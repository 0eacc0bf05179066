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
        buckets = self._buckets
        known = buckets.get(client)
        level = self.period
        if known is not None:
            left, since = known
            if millis > since:
                left -= self.rate * (millis - since)
            if left > 0:
                level += left
            buckets.move_to_end(client)
        excess = level - self.rate * self.period
        buckets[client] = (level if excess <= 0 else level - self.period, millis)
        if len(buckets) > self.most:
            buckets.popitem(last=False)
        return 0 if excess <= 0 else -(-excess // (self.rate * SECOND))
