"""The log's tree in tiles (C2SP tlog-tiles): 256 hashes of complete subtrees of one height.

A tile of level L has subtrees of 256**L leaves each; the hash above a full tile is one hash of a
tile of level L + 1. So a log is kept and served in rows that never change once they are full.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rooms.proof.merkle import EMPTY_ROOT, HASH_SIZE, Node, fold, root_of

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
_NUMBER: Final = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}")
_PARTIAL: Final = re.compile(r"(.+)\.p/([1-9][0-9]{0,2})")


class TileName(NamedTuple):
    """Where a tile is in the tree; ``width`` below 256 asks for the beginning of it."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def first_leaf(self) -> int:
        """The first leaf below the tile."""
        return self.number * WIDTH << HEIGHT * self.level


@dataclass(frozen=True, slots=True)
class Tile:
    """A full tile."""

    level: int
    number: int
    hashes: Sequence[bytes]
    root: bytes


@dataclass(slots=True)
class Edge:
    """The right edge of a growing tree: of each level the hashes that fill no tile yet."""

    size: int = 0
    levels: list[list[bytes]] = field(default_factory=lambda: [[]])

    def append(self, leaf: bytes) -> Iterator[Tile]:
        """Add a leaf's hash; gives the tiles that it fills, lowest first."""
        self.size += 1
        hashed = leaf
        for level in range(len(self.levels)):
            self.levels[level].append(hashed)
            if len(self.levels[level]) < WIDTH:
                return
            full, self.levels[level] = self.levels[level], []
            hashed = root_of(full)
            number = (self.size >> HEIGHT * (level + 1)) - 1
            yield Tile(level, number, full, hashed)
        self.levels.append([hashed])

    def root(self) -> bytes:
        """Give the root over all leaves so far."""
        peaks = []
        for level in reversed(self.levels):
            begin = 0
            for height in reversed(range(HEIGHT)):
                if len(level) >> height & 1:
                    peaks.append(root_of(level[begin : begin + (1 << height)]))
                    begin += 1 << height
        return fold(peaks) if peaks else EMPTY_ROOT


def width_of(level: int, number: int, size: int) -> int:
    """Say how many hashes a tile has in a tree of this size; none where it has not begun."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - number * WIDTH))


def tile_of(node: Node) -> tuple[int, int]:
    """Say in which tile, by level and number, the hashes below a node (or its own) are."""
    height, number = node
    level, above = divmod(height, HEIGHT)
    return level, number >> HEIGHT - above


def hash_of(nodes: Sequence[Node], tiles: Mapping[tuple[int, int], Sequence[bytes]]) -> bytes:
    """Fold nodes into one hash, each read from its tile."""
    return fold([_node(node, tiles[tile_of(node)]) for node in nodes])


def _node(node: Node, tile: Sequence[bytes]) -> bytes:
    height, number = node
    above = height % HEIGHT
    begin = (number << above) % WIDTH
    return root_of(tile[begin : begin + (1 << above)])


def split_hashes(joined: bytes) -> list[bytes]:
    """Split what is stored or served of a tile into its hashes."""
    return [joined[at : at + HASH_SIZE] for at in range(0, len(joined), HASH_SIZE)]


def parse_tile(level: str, rest: str) -> TileName | None:
    """Read ``<L>`` and ``<N>[.p/<W>]`` of a tile's path; None where that is no tile's."""
    if not re.fullmatch(r"[0-9]|[1-5][0-9]|6[0-3]", level):
        return None
    partial = _PARTIAL.fullmatch(rest)
    number, width = (partial[1], int(partial[2])) if partial else (rest, WIDTH)
    if not _NUMBER.fullmatch(number) or width > WIDTH or (partial and width == WIDTH):
        return None
    found = int(number.replace("x", "").replace("/", ""))
    return TileName(int(level), found, width) if written_number(found) == number else None


def written_number(number: int) -> str:
    """Write a tile's number as its path does: 1234067 is ``x001/x234/067``."""
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *above, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    return "/".join([*(f"x{group}" for group in above), last])


def entry_bundle(entries: Sequence[bytes]) -> bytes:
    """Join entries as an entry tile is served: each after its length, 2 bytes big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
