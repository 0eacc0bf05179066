import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.proof.checkpoint import Checkpoint, sign_checkpoint
from rooms.proof.fields import Malformed, read_object
from rooms.proof.leaves import LeafProof
from rooms.proof.merkle import Tree
from rooms.proof.records import entry_of
from rooms.proof.solvency import (
    BalanceProof,
    Statement,
    balance_json,
    parse_balance,
    path_to,
    statement_fields,
    verify_solvency,
)
from rooms.proof.sumtree import balance_leaf, sum_path, sum_root
from tests.proof.keno_files import LOG, LOG_NOTE_KEY, ORIGIN, with_key, without_key

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BALANCES = (5, 0, 7_000_000_000, 31, 2, 900)
LEAVES = [balance_leaf(bytes([place]) * 16, each) for place, each in enumerate(BALANCES)]
OTHER = entry_of("admin", AT, {"action": "a.b", "subject_hash": "00" * 32, "reason": "none"})


def statement(**changes: Any) -> Statement:
    whole = sum_root(LEAVES)
    said = Statement(
        asset="SOL",
        at=AT,
        slot=None,
        addresses=(),
        assets=0,
        liabilities=whole.sum,
        root=whole.hash,
    )
    return replace(said, **changes)


def in_the_log(said: Statement) -> LeafProof:
    entries = [OTHER, entry_of("solvency", said.at, statement_fields(said)), OTHER]
    tree = Tree.over(each.encode() for each in entries)
    note = sign_checkpoint(Checkpoint(ORIGIN, len(entries), tree.root), LOG_NOTE_KEY, LOG)
    return LeafProof(entries[1], 1, tuple(tree.path(1)), note)


def proof(place: int = 2, said: Statement | None = None) -> BalanceProof:
    return BalanceProof(
        asset="SOL",
        balance=BALANCES[place],
        salt=bytes([place]) * 16,
        path=path_to(place, len(LEAVES), sum_path(LEAVES, place)),
        record=in_the_log(said or statement()),
    )


@pytest.mark.parametrize("place", range(len(BALANCES)))
def test_every_balance_of_a_statement_is_found_in_its_sum(place: int) -> None:
    read = parse_balance(read_object(json.dumps(balance_json(proof(place)))))

    report = verify_solvency(read, with_key())

    assert read == proof(place)
    assert report.verdict == "verified"
    assert any("names no address" in each for each in report.unchecked)
    assert not any("signer" in each for each in report.unchecked)
    assert any("signer" in each for each in verify_solvency(read, without_key()).unchecked)


@given(st.data())
@settings(max_examples=300)
def test_a_flipped_bit_anywhere_is_named(data: st.DataObject) -> None:
    content = bytearray(json.dumps(balance_json(proof())).encode())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = parse_balance(read_object(bytes(content)))
    except Malformed:
        return

    report = verify_solvency(read, with_key())

    assert read == proof() or report.verdict == "mismatch"
    assert all(step.detail for step in report.steps)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"liabilities": sum(BALANCES) - 1}, "sum"),
        ({"root": bytes(32)}, "sum"),
        ({"assets": 1}, "assets"),
        ({"addresses": ("a",), "slot": 1, "assets": sum(BALANCES) - 1}, "assets"),
        ({"asset": "USDC"}, "record"),
    ],
)
def test_a_statement_that_cannot_be_is_named(changes: dict[str, Any], rule: str) -> None:
    report = verify_solvency(proof(said=statement(**changes)), with_key())

    assert report.verdict == "mismatch"
    assert [step.name for step in report.steps if not step.ok] == [rule]


def test_addresses_that_hold_enough_are_left_to_their_chain_to_confirm() -> None:
    rich = statement(addresses=("a",), slot=7, assets=sum(BALANCES))

    report = verify_solvency(proof(said=rich), with_key())

    assert report.verdict == "verified"
    assert "what lies at the addresses: ask their chain, at slot 7" in report.unchecked


def test_another_record_is_no_statement() -> None:
    leaf = replace(in_the_log(statement()), entry=OTHER)

    report = verify_solvency(replace(proof(), record=leaf), with_key())

    assert report.verdict == "mismatch"
