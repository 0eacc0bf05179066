"""A verifier of the log written a second time, from the text of RFC 9162, to check the first.

It is as slow and as plain as the definitions: everything is computed by recursion over lists.
"""

import hashlib
from collections.abc import Sequence


def mth(entries: Sequence[bytes]) -> bytes:
    """2.1.1: the Merkle tree hash of a list of entries."""
    n = len(entries)
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return hashlib.sha256(bytes([0]) + entries[0]).digest()
    k = split(n)
    return hashlib.sha256(bytes([1]) + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """2.1.3.1: the inclusion proof of entry m."""
    n = len(entries)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """2.1.4.1: the consistency proof between the first m entries and all of them."""
    return subproof(m, entries, whole=True)


def subproof(m: int, entries: Sequence[bytes], *, whole: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if whole else [mth(entries)]
    k = split(n)
    if m <= k:
        return [*subproof(m, entries[:k], whole=whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), mth(entries[:k])]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root_from_path(entry: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Climb from an entry to the root, told left from right by the tree's shape alone."""
    rest = list(proof)

    def climb(low: int, high: int) -> bytes | None:
        if high - low == 1:
            return hashlib.sha256(bytes([0]) + entry).digest()
        middle = low + split(high - low)
        inner = climb(low, middle) if index < middle else climb(middle, high)
        if inner is None or not rest:
            return None
        beside = rest.pop(0)
        pair = (inner, beside) if index < middle else (beside, inner)
        return hashlib.sha256(bytes([1]) + pair[0] + pair[1]).digest()

    root = climb(0, size) if 0 <= index < size else None
    return None if rest else root
