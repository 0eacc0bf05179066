"""The Merkle sum tree of liabilities: a root over balances, and what they sum to.

docs/spec/fairness.md, section 5. Each player checks the own balance by a path; nobody can be left
out without the sum becoming smaller, because every node binds the sums below it.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

SALT_SIZE: Final = 16
LARGEST_SUM: Final = 2**64 - 1


class SumNode(NamedTuple):
    """A hash, and the sum of all balances below it."""

    hash: bytes
    sum: int


def balance_leaf(salt: bytes, balance: int) -> SumNode:
    """Make the leaf of a balance. ValueError where it is negative or exceeds 64 bits."""
    if len(salt) != SALT_SIZE:
        raise ValueError(f"a salt has {SALT_SIZE} bytes")
    return SumNode(sha256(b"\x10" + salt + _unsigned(balance)).digest(), balance)


def sum_node(left: SumNode, right: SumNode) -> SumNode:
    """Join two subtrees. ValueError where the sum exceeds 64 bits."""
    total = left.sum + right.sum
    if total > LARGEST_SUM:
        raise ValueError("the sum of balances exceeds 64 bits")
    joined = left.hash + _unsigned(left.sum) + right.hash + _unsigned(right.sum)
    return SumNode(sha256(b"\x11" + joined).digest(), total)


def sum_root(leaves: Iterable[SumNode]) -> SumNode:
    """Give the root over leaves, at least one; the split is that of RFC 9162."""
    layer = list(leaves)
    if not layer:
        raise ValueError("a sum tree has leaves")
    while len(layer) > 1:
        layer = _above(layer)
    return layer[0]


def sum_path(leaves: Sequence[SumNode], index: int) -> list[SumNode]:
    """Give the nodes beside a leaf's way up, from the leaf on."""
    path, layer = [], list(leaves)
    while len(layer) > 1:
        if index ^ 1 < len(layer):
            path.append(layer[index ^ 1])
        layer, index = _above(layer), index >> 1
    return path


def sum_root_by_path(
    leaf: SumNode, index: int, size: int, path: Sequence[SumNode]
) -> SumNode | None:
    """Give the root that a path leads to; None where the path does not fit index and size."""
    if not 0 <= index < size:
        return None
    number, last, node, steps = index, size - 1, leaf, iter(path)
    while last:
        if number & 1 or number < last:
            beside = next(steps, None)
            if beside is None or not 0 <= beside.sum <= LARGEST_SUM - node.sum:
                return None
            node = sum_node(beside, node) if number & 1 else sum_node(node, beside)
        number, last = number >> 1, last >> 1
    return node if next(steps, None) is None else None


def _above(layer: Sequence[SumNode]) -> list[SumNode]:
    above = [sum_node(left, right) for left, right in zip(layer[::2], layer[1::2], strict=False)]
    return [*above, layer[-1]] if len(layer) % 2 else above


def _unsigned(amount: int) -> bytes:
    if not 0 <= amount <= LARGEST_SUM:
        raise ValueError("a balance is negative or exceeds 64 bits")
    return amount.to_bytes(8, "big")
