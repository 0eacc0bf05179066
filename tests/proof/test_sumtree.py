import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.sumtree import (
    LARGEST_SUM,
    SumNode,
    balance_leaf,
    sum_path,
    sum_root,
    sum_root_by_path,
)
from tests.proof.hand_merkle import split

VECTOR = json.loads(Path("docs/spec/vectors/sumtree.json").read_text())
balances = st.lists(
    st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, 2**56)), min_size=1
)


def by_hand(leaves: list[tuple[bytes, int]]) -> tuple[bytes, int]:
    """Compute the root again, from the page of the specification."""
    if len(leaves) == 1:
        salt, balance = leaves[0]
        return hashlib.sha256(b"\x10" + salt + balance.to_bytes(8, "big")).digest(), balance
    k = split(len(leaves))
    (left, less), (right, more) = by_hand(leaves[:k]), by_hand(leaves[k:])
    joined = left + less.to_bytes(8, "big") + right + more.to_bytes(8, "big")
    return hashlib.sha256(b"\x11" + joined).digest(), less + more


def test_the_root_and_total_are_those_of_the_vector() -> None:
    leaves = [(bytes.fromhex(each["salt"]), int(each["balance"])) for each in VECTOR["leaves"]]

    root = sum_root(balance_leaf(*each) for each in leaves)

    assert (root.hash.hex(), str(root.sum)) == (VECTOR["root"], VECTOR["total"])
    assert by_hand(leaves) == root


@given(balances, st.data())
def test_each_balance_is_shown_by_its_path(
    leaves: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    nodes = [balance_leaf(*each) for each in leaves]
    root = sum_root(nodes)
    index = data.draw(st.integers(0, len(nodes) - 1))
    path = sum_path(nodes, index)
    salt, balance = leaves[index]
    more = balance_leaf(salt, balance + 1)

    assert by_hand(leaves) == root
    assert sum_root_by_path(nodes[index], index, len(nodes), path) == root
    assert sum_root_by_path(more, index, len(nodes), path) != root
    assert sum_root_by_path(nodes[index], index, len(nodes), [*path, root]) is None


def test_a_path_whose_sums_do_not_fit_is_refused() -> None:
    one = balance_leaf(b"s" * 16, 1)

    assert sum_root_by_path(one, 0, 2, [SumNode(one.hash, LARGEST_SUM)]) is None
    assert sum_root_by_path(one, 0, 2, [SumNode(one.hash, -1)]) is None
    assert sum_root_by_path(one, 0, 2, []) is None
    assert sum_root_by_path(one, 2, 2, [one]) is None


def test_a_sum_that_exceeds_64_bits_is_refused() -> None:
    largest, one = balance_leaf(b"s" * 16, LARGEST_SUM), balance_leaf(b"t" * 16, 1)

    with pytest.raises(ValueError, match="exceeds 64 bits"):
        sum_root([largest, one])
    with pytest.raises(ValueError, match="exceeds 64 bits"):
        balance_leaf(b"s" * 16, LARGEST_SUM + 1)
    with pytest.raises(ValueError, match="negative"):
        balance_leaf(b"s" * 16, -1)
    with pytest.raises(ValueError, match="16 bytes"):
        balance_leaf(b"s" * 15, 1)
    with pytest.raises(ValueError, match="has leaves"):
        sum_root([])
