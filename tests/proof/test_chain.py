import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof import chain as chains
from rooms.proof.chain import (
    SPACING,
    ChainTerms,
    SeedChain,
    last_seed,
    link_hash,
    parse_terms,
    terms_json,
    terms_problem,
    walk,
)
from rooms.proof.draw import commit
from rooms.proof.fields import Malformed
from tests.proof import hand_draw

VECTORS = json.loads(Path("docs/spec/vectors/chain.json").read_text())["vectors"]
LENGTH = 300
MASTER = bytes(range(32))

TERMS = ChainTerms(
    game="keno-main",
    chain=3,
    length=20_000,
    terminal=bytes(32),
    first_round=40_001,
    epoch_ms=1_763_650_000_000,
    interval_ms=5_000,
    lead_ms=1_000,
    guard_ms=2_000,
    numbers=80,
    drawn=20,
    entropy="drand:" + "52" * 32,
    paytable_hash=bytes(32),
)


@cache
def a_chain(length: int = LENGTH) -> SeedChain:
    return SeedChain.walked(last_seed(MASTER, "k", 1), length)


@cache
def by_hand() -> list[bytes]:
    return hand_draw.seeds(MASTER, "k", 1, LENGTH)


@pytest.mark.parametrize("vector", VECTORS)
def test_the_published_vectors_hold(vector: dict[str, Any]) -> None:
    last = last_seed(bytes.fromhex(vector["master_key"]), vector["game"], vector["chain"])
    chain = SeedChain.walked(last, vector["length"])

    assert chain.terminal.hex() == vector["terminal"]
    for link, seed in vector["seeds"].items():
        assert chain.seed(int(link)).hex() == seed
        assert [each.hex() for each in chain.commits(int(link), int(link))] == [
            vector["commits"][link]
        ]


def test_there_are_two_vectors() -> None:
    assert len(VECTORS) == 2


@given(st.integers(1, LENGTH))
def test_a_seed_is_what_the_rules_give_by_hand_and_leads_to_the_terminal(link: int) -> None:
    seed = a_chain().seed(link)

    assert seed == by_hand()[link]
    assert walk(seed, link) == a_chain().terminal == by_hand()[0]
    assert link_hash(seed) == by_hand()[link - 1]


@given(st.integers(1, 3 * SPACING))
def test_chains_of_every_length_have_all_their_links(length: int) -> None:
    chain = SeedChain.walked(bytes(32), length)

    assert chain.seed(length) == bytes(32)
    assert chain.seed(1) == walk(bytes(32), length - 1)
    assert chain.terminal == link_hash(chain.seed(1))


@given(st.integers(1, LENGTH), st.integers(0, LENGTH))
def test_commits_are_the_hashes_of_the_seeds_in_order(first: int, last: int) -> None:
    shown = a_chain().commits(first, last)

    assert shown == [hashlib.sha256(by_hand()[link]).digest() for link in range(first, last + 1)]


def test_a_commit_is_never_a_link_or_it_would_give_the_seed_before_away() -> None:
    assert all(commit(seed) not in by_hand() for seed in by_hand())


def test_giving_any_seed_of_a_long_chain_takes_at_most_150_hashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = SeedChain.walked(bytes(32), 20_000)
    taken = [0]

    def counted(seed: bytes) -> bytes:
        taken[-1] += 1
        return link_hash(seed)

    monkeypatch.setattr(chains, "link_hash", counted)

    for link in (*range(1, 20_001, 7), *range(20_000, 1, -777)):
        chain.seed(link)
        taken.append(0)

    assert max(taken) <= 150
    assert sum(taken) <= 25_000  # neighbours share the walk


def test_no_trace_shows_a_seed() -> None:
    chain = a_chain()

    assert chain.seed(LENGTH).hex() not in repr(chain)
    assert repr(chain.seed(LENGTH)) not in f"{chain!r} {chain}"


def test_the_schedule_follows_from_the_terms() -> None:
    assert TERMS.slot(40_001) == 1_763_650_000_000
    assert TERMS.slot(40_003) == 1_763_650_010_000
    assert TERMS.locks_at(40_003) == 1_763_650_014_000
    assert TERMS.due_at(40_003) == 1_763_650_016_000
    assert (TERMS.link(40_001), TERMS.link(40_003), TERMS.last_round) == (1, 3, 60_000)


def test_terms_are_read_as_they_are_written() -> None:
    assert parse_terms(json.loads(json.dumps(terms_json(TERMS)))) == TERMS
    assert terms_problem(TERMS) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"game": "Keno"},
        {"game": ""},
        {"length": 0},
        {"chain": -1},
        {"first_round": -1},
        {"lead_ms": 5_000},
        {"lead_ms": -1},
        {"guard_ms": -1},
        {"drawn": 81},
        {"drawn": 0},
        {"entropy": "drand:52"},
        {"entropy": ""},
        {"terminal": bytes(31)},
        {"paytable_hash": b""},
    ],
)
def test_impossible_terms_are_refused(changed: dict[str, Any]) -> None:
    terms = replace(TERMS, **changed)

    assert terms_problem(terms)
    with pytest.raises(Malformed):
        parse_terms(terms_json(terms))


@pytest.mark.parametrize("name", list(terms_json(TERMS)))
def test_terms_with_a_field_missing_or_of_another_kind_are_refused(name: str) -> None:
    wrongs: tuple[object, ...] = (None, [], "x" * 65)
    for wrong in wrongs:
        with pytest.raises(Malformed):
            parse_terms({**terms_json(TERMS), name: wrong})
