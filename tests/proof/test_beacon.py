import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.beacon import (
    QUICKNET,
    Beacon,
    DrandChain,
    beacon_json,
    info_json,
    parse_beacon,
    parse_info,
)
from rooms.proof.fields import Malformed
from tests.proof import hand_draw

VECTORS = json.loads(Path("docs/spec/vectors/beacon.json").read_text())["vectors"]


def chain(genesis: int, period: int) -> DrandChain:
    return replace(QUICKNET, genesis=genesis, period=period)


QUICKNET_HASH = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"


@pytest.mark.parametrize("vector", VECTORS)
def test_the_published_vectors_hold(vector: dict[str, int]) -> None:
    drand = chain(vector["genesis"], vector["period"])

    found = drand.round_after(vector["locks_at_ms"], vector["guard_ms"])

    assert (found, drand.appears_at(found)) == (vector["beacon_round"], vector["time"])


def test_there_are_twelve_vectors() -> None:
    assert len(VECTORS) == 12


@given(
    since=st.integers(0, 10**12),
    genesis=st.integers(0, 2 * 10**9),
    guard=st.integers(0, 60_000),
    period=st.integers(1, 60),
)
def test_the_beacon_is_the_first_one_later_than_the_lock_and_its_guard(
    since: int, genesis: int, guard: int, period: int
) -> None:
    drand, locks_at = chain(genesis, period), 1000 * genesis + since

    found = drand.round_after(locks_at, guard)

    assert found == hand_draw.beacon_round(locks_at, guard, genesis, period)
    assert 1000 * drand.appears_at(found) > locks_at + guard >= 1000 * drand.appears_at(found - 1)
    assert drand.round_at(1000 * drand.appears_at(found)) == found
    assert drand.round_at(1000 * drand.appears_at(found) - 1) == found - 1


def test_nothing_is_known_before_the_first_beacon() -> None:
    assert chain(1_000, 3).round_at(999_999) == 0
    assert chain(1_000, 3).round_at(1_000_000) == 1


def test_randomness_is_the_hash_of_the_signature() -> None:
    signature = bytes.fromhex(
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
        "e342b73a8dd2bacbe47e4b6b63ed5e39"
    )

    assert (
        Beacon(1000, signature).entropy
        == "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
    )


def test_the_hash_of_quicknet_is_the_one_it_is_known_by() -> None:
    assert QUICKNET.hash == QUICKNET_HASH
    assert QUICKNET.entropy == f"drand:{QUICKNET_HASH}"
    assert parse_info(json.loads(json.dumps(info_json(QUICKNET)))) == QUICKNET


@pytest.mark.parametrize(
    "changed",
    [
        {"public_key": "83" * 96},
        {"period": 30},
        {"period": 0},
        {"period": 3.0},
        {"genesis_time": 1_692_803_366},
        {"genesis_time": -1},
        {"hash": "52" * 32},
        {"groupHash": "52" * 32},
        {"schemeID": "pedersen-bls-chained"},
        {"metadata": {"beaconID": "default"}},
        {"metadata": None},
    ],
)
def test_a_chain_that_is_not_the_one_of_its_hash_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse_info({**info_json(QUICKNET), **changed})


def test_a_beacon_is_read_as_it_is_written() -> None:
    beacon = Beacon(1000, bytes(range(48)))

    assert parse_beacon(json.loads(json.dumps(beacon_json(beacon)))) == beacon


@pytest.mark.parametrize(
    "changed",
    [{"round": 0}, {"round": "1"}, {"round": 2**63}, {"randomness": "00" * 32}, {"signature": ""}],
)
def test_what_is_no_beacon_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse_beacon({**beacon_json(Beacon(1000, bytes(48))), **changed})
