import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.merkle import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    consistency_nodes,
    inclusion_nodes,
    is_consistent,
    is_included,
    leaf_hash,
    root_by_inclusion,
    root_nodes,
    root_of,
)
from rooms.proof.tiles import Edge, hash_of, tile_of
from tests.proof import hand_merkle

VECTORS = json.loads(Path("docs/spec/vectors/log.json").read_text())
ENTRIES = [entry.encode() for entry in VECTORS["entries"]]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]

lists_of_entries = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def hashes(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def test_leaf_hashes_are_those_of_the_vectors() -> None:
    assert [leaf.hex() for leaf in LEAVES] == VECTORS["leaf_hashes"]


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 13])
def test_a_root_may_be_made_of_subtrees_of_one_height_and_a_last_one(size: int) -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    subtrees = [root_of(leaves[start : start + 4]) for start in range(0, size, 4)]

    assert root_of(subtrees) == root_of(leaves)


@pytest.mark.parametrize("size", range(len(ENTRIES) + 1))
def test_roots_are_those_of_the_vectors(size: int) -> None:
    wanted = VECTORS["roots"][str(size)]
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)

    assert Tree.over(ENTRIES[:size]).root.hex() == wanted
    assert root_of(LEAVES[:size]).hex() == wanted
    assert frontier.root().hex() == wanted
    assert hand_merkle.mth(ENTRIES[:size]).hex() == wanted


@pytest.mark.parametrize("vector", VECTORS["inclusion"])
def test_inclusion_proofs_are_those_of_the_vectors(vector: dict[str, object]) -> None:
    index, size, proof = vector["index"], vector["size"], vector["proof"]
    assert isinstance(index, int)
    assert isinstance(size, int)
    assert isinstance(proof, list)
    root = bytes.fromhex(VECTORS["roots"][str(size)])

    assert [each.hex() for each in Tree.of(LEAVES[:size]).path(index)] == proof
    assert [each.hex() for each in hand_merkle.path(index, ENTRIES[:size])] == proof
    assert is_included(LEAVES[index], index, size, hashes(proof), root)
    assert hand_merkle.root_from_path(ENTRIES[index], index, size, hashes(proof)) == root


@pytest.mark.parametrize("vector", VECTORS["consistency"])
def test_consistency_proofs_are_those_of_the_vectors(vector: dict[str, object]) -> None:
    first, second, proof = vector["from"], vector["to"], vector["proof"]
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert isinstance(proof, list)
    older, newer = (bytes.fromhex(VECTORS["roots"][str(size)]) for size in (first, second))

    assert [each.hex() for each in hand_merkle.proof(first, ENTRIES[:second])] == proof
    assert is_consistent(first, second, older, newer, hashes(proof))


@given(lists_of_entries, st.data())
def test_a_proof_shows_its_entry_and_no_other(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(st.binary(max_size=40).filter(lambda each: each != entries[index]))
    tree = Tree.over(entries)
    path = tree.path(index)
    size = len(entries)

    assert tree.root == hand_merkle.mth(entries)
    assert path == hand_merkle.path(index, entries)
    assert tree.paths() == [tuple(tree.path(each)) for each in range(size)]
    assert is_included(leaf_hash(entries[index]), index, size, path, tree.root)
    assert not is_included(leaf_hash(other), index, size, path, tree.root)
    assert hand_merkle.root_from_path(other, index, size, path) != tree.root


@given(lists_of_entries, st.data())
def test_both_verifiers_say_the_same_of_any_altered_inclusion_proof(
    entries: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    path = altered(Tree.over(entries).path(index), data)
    claimed = data.draw(st.integers(-1, len(entries) + 3))
    size = data.draw(st.integers(0, len(entries) + 3))

    by_hand = hand_merkle.root_from_path(entries[index], claimed, size, path)

    assert root_by_inclusion(leaf_hash(entries[index]), claimed, size, path) == by_hand


@given(lists_of_entries, st.data())
def test_a_log_that_grew_is_consistent_and_one_that_was_altered_is_not(
    entries: list[bytes], data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, len(entries)))
    at = data.draw(st.integers(0, first - 1))
    other = [*entries[:at], entries[at] + b"!", *entries[at + 1 :]]
    older, newer = hand_merkle.mth(entries[:first]), hand_merkle.mth(entries)
    proof = hand_merkle.proof(first, entries)
    forked = hand_merkle.proof(first, other)

    assert is_consistent(first, len(entries), older, newer, proof)
    assert not is_consistent(first, len(entries), older, hand_merkle.mth(other), forked)
    assert not is_consistent(first, len(entries), older, hand_merkle.mth(other), proof)


@given(lists_of_entries, st.data())
def test_an_altered_consistency_proof_shows_nothing(
    entries: list[bytes], data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, len(entries)))
    proof = hand_merkle.proof(first, entries)
    wrong = altered(proof, data)
    older, newer = hand_merkle.mth(entries[:first]), hand_merkle.mth(entries)

    assert is_consistent(first, len(entries), older, newer, wrong) == (wrong == proof)


def altered(path: list[bytes], data: st.DataObject) -> list[bytes]:
    """Leave a proof as it is, or drop, add, swap or change a hash of it."""
    path = list(path)
    place = data.draw(st.integers(0, len(path)))
    match data.draw(st.sampled_from(("as it is", "drop", "add", "swap", "change"))):
        case "drop":
            del path[place : place + 1]
        case "add":
            path.insert(place, hashlib.sha256(bytes([place])).digest())
        case "swap":
            path.reverse()
        case "change" if path:
            place %= len(path)
            path[place] = bytes([path[place][0] ^ 1]) + path[place][1:]
    return path


def test_the_empty_tree_grows_into_any_other_and_shrinks_from_none() -> None:
    root = Tree.over(ENTRIES).root

    assert hashlib.sha256(b"").digest() == EMPTY_ROOT
    assert is_consistent(0, len(ENTRIES), EMPTY_ROOT, root, [])
    assert is_consistent(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert not is_consistent(0, len(ENTRIES), root, root, [])
    assert not is_consistent(len(ENTRIES), 0, root, EMPTY_ROOT, [])


@given(st.integers(1, 1500), st.data())
def test_proofs_from_tiles_are_those_of_the_definition(size: int, data: st.DataObject) -> None:
    leaves = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    tiles = tiles_of(leaves)
    root = hash_of(root_nodes(size), tiles)

    path = [hash_of(nodes, tiles) for nodes in inclusion_nodes(index, size)]
    older = hash_of(root_nodes(first), tiles)
    proof = [hash_of(nodes, tiles) for nodes in consistency_nodes(first, size)]

    assert root == root_of(leaves)
    assert path == Tree.of(leaves).path(index)
    assert older == root_of(leaves[:first])
    assert is_consistent(first, size, older, root, proof)


def tiles_of(leaves: list[bytes]) -> dict[tuple[int, int], list[bytes]]:
    edge, tiles = Edge(), {}
    for leaf in leaves:
        for tile in edge.append(leaf):
            tiles[tile.level, tile.number] = list(tile.hashes)
            assert tile.root == root_of(tile.hashes)
    assert edge.root() == root_of(leaves)
    for level, hashed in enumerate(edge.levels):
        tiles[level, len(leaves) >> 8 * (level + 1)] = hashed
    return tiles


def test_a_proof_in_a_log_of_millions_reads_a_few_tiles() -> None:
    size = 5_000_000
    read = {tile_of(node) for nodes in inclusion_nodes(1_234_567, size) for node in nodes}
    grown = {tile_of(node) for nodes in consistency_nodes(3_333_333, size) for node in nodes}

    assert len(read) <= 6
    assert len(grown) <= 6
