"""What this process has signed a moment ago: the sequencer need not read and hash it again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rooms.contexts.fairness.api import Accepted

# Where another process leads, nobody takes them: the oldest make room.
MOST_HASHES: Final = 40_000


@dataclass(slots=True)
class Fresh:
    """Leaf hashes of batches that were committed here, until they are taken or make room."""

    _batches: dict[tuple[Accepted, int], tuple[Sequence[int], Sequence[bytes]]] = field(
        default_factory=dict
    )
    _kept: int = 0

    def keep(self, kind: Accepted, ids: Sequence[int], hashes: Sequence[bytes]) -> None:
        """Keep the hashes of a committed batch: of each id its entry's, in the batch's order."""
        self.take(kind, ids)
        self._batches[kind, ids[0]] = (ids, hashes)
        self._kept += len(ids)
        while self._kept > MOST_HASHES:
            old, _ = self._batches.pop(next(iter(self._batches)))
            self._kept -= len(old)

    def take(self, kind: Accepted, ids: Sequence[int]) -> Sequence[bytes] | None:
        """Give up the hashes of this very batch; None where they are not here."""
        kept = self._batches.pop((kind, ids[0]), None)
        if kept is None:
            return None
        self._kept -= len(kept[0])
        return kept[1] if list(kept[0]) == list(ids) else None
