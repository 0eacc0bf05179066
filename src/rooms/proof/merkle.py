"""The Merkle tree of RFC 9162 over SHA-256: roots, inclusion proofs, consistency proofs.

docs/spec/fairness.md, section 5. A tree of n leaves splits at the largest power of two below n.
What is made of all hashes at once stands first, then what is made leaf by leaf, then the checks,
which need nothing but a proof.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry as a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into the one above them."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree whose hashes are all at hand: ``layers`` from the leaves up to the root."""

    layers: Sequence[Sequence[bytes]]

    @classmethod
    def over(cls, entries: Iterable[bytes]) -> "Tree":
        """Make the tree over entries."""
        return cls.of([sha256(b"\x00" + entry).digest() for entry in entries])

    @classmethod
    def of(cls, leaves: Sequence[bytes]) -> "Tree":
        """Make the tree of leaf hashes."""
        layers = [leaves]
        while len(layers[-1]) > 1:
            layers.append(_above(layers[-1]))
        return cls(layers)

    @property
    def root(self) -> bytes:
        """The tree's root; of no leaves the hash of nothing."""
        return self.layers[-1][0] if self.layers[0] else EMPTY_ROOT

    def path(self, index: int) -> list[bytes]:
        """Give the inclusion proof of a leaf, from the leaf up."""
        path = []
        for layer in self.layers[:-1]:
            beside = index ^ 1
            if beside < len(layer):
                path.append(layer[beside])
            index >>= 1
        return path

    def paths(self) -> list[tuple[bytes, ...]]:
        """Give the inclusion proofs of all leaves, made from the root down: neighbours share."""
        paths: list[tuple[bytes, ...]] = [()] * len(self.layers[-1])
        for layer in reversed(self.layers[:-1]):
            size = len(layer)
            paths = [
                (layer[index ^ 1], *paths[index >> 1]) if index ^ 1 < size else paths[index >> 1]
                for index in range(size)
            ]
        return paths


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Give the root over leaf hashes, or over roots of trees of one height, the last perhaps cut.

    That height is of complete trees: the leaves of each, but for the last, are a power of two.
    """
    layer = leaves
    while len(layer) > 1:
        layer = _above(layer)
    return layer[0] if layer else EMPTY_ROOT


def _above(layer: Sequence[bytes]) -> list[bytes]:
    """Hash a layer into the one above; who has no partner goes up unhashed."""
    above = [
        sha256(b"\x01" + left + right).digest()
        for left, right in zip(layer[::2], layer[1::2], strict=False)
    ]
    if len(layer) % 2:
        above.append(layer[-1])
    return above


@dataclass(slots=True)
class Frontier:
    """A growing tree of which only the roots of its complete subtrees are kept, largest first.

    There is one for each bit of ``size``. A leaf costs one hash on average, and a root as many
    as there are bits.
    """

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        size = self.size
        while size & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Give the root over all leaves so far."""
        return fold(self.peaks) if self.peaks else EMPTY_ROOT


def fold(peaks: Sequence[bytes]) -> bytes:
    """Hash subtrees of falling height, left to right, into the root over them."""
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


# Nodes of complete subtrees: ``(height, number)`` is over the leaves from ``number << height``.
Node = tuple[int, int]


def inclusion_nodes(index: int, size: int) -> list[list[Node]]:
    """Say of which nodes each hash of an inclusion proof is folded, in the proof's order."""
    assert 0 <= index < size
    parts = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            parts.append((middle, high))
            high = middle
        else:
            parts.append((low, middle))
            low = middle
    return [_cover(*part) for part in reversed(parts)]


def consistency_nodes(first: int, second: int) -> list[list[Node]]:
    """Say of which nodes each hash of a consistency proof is folded, in the proof's order."""
    assert 0 < first <= second
    parts = []
    low, high = 0, second
    whole = True  # the older tree is one subtree from the left edge on: its root is known
    while first < high:
        middle = low + _split(high - low)
        if first <= middle:
            parts.append((middle, high))
            high = middle
        else:
            parts.append((low, middle))
            low, whole = middle, False
    if not whole:
        parts.append((low, high))
    return [_cover(*part) for part in reversed(parts)]


def root_nodes(size: int) -> list[Node]:
    """Say of which nodes the root of a tree is folded."""
    return _cover(0, size)


def _split(size: int) -> int:
    """Give the largest power of two below a size of 2 or more."""
    return 1 << (size - 1).bit_length() - 1


def _cover(low: int, high: int) -> list[Node]:
    """Cover the leaves of a subtree by complete subtrees, left to right."""
    nodes = []
    while low < high:
        height = (high - low).bit_length() - 1
        if low:
            height = min(height, (low & -low).bit_length() - 1)
        nodes.append((height, low >> height))
        low += 1 << height
    return nodes


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Give the root that an inclusion proof leads to (RFC 9162, 2.1.3.2); None if it is none."""
    if not 0 <= index < size:
        return None
    number, last, root = index, size - 1, leaf
    for beside in path:
        if last == 0:
            return None
        if number & 1 or number == last:
            root = node_hash(beside, root)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            root = node_hash(root, beside)
        number, last = number >> 1, last >> 1
    return root if last == 0 else None


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Say whether an inclusion proof shows a leaf's hash at an index under a root."""
    return root_by_inclusion(leaf, index, size, path) == root


def is_consistent(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Say whether a proof shows that a tree grew into another (RFC 9162, 2.1.4.2).

    Every tree grows out of the empty one, which needs no proof.
    """
    if first > second:
        return False
    if first == second:
        return first_root == second_root and not path
    if first == 0:
        return first_root == EMPTY_ROOT and not path
    if first & (first - 1) == 0:
        path = [first_root, *path]
    return _grow(first, second, path) == (first_root, second_root)


def _grow(first: int, second: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Give both roots that a consistency proof leads to."""
    if not path:
        return None
    number, last = first - 1, second - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    older = newer = path[0]
    for beside in path[1:]:
        if last == 0:
            return None
        if number & 1 or number == last:
            older, newer = node_hash(beside, older), node_hash(beside, newer)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            newer = node_hash(newer, beside)
        number, last = number >> 1, last >> 1
    return (older, newer) if last == 0 else None
