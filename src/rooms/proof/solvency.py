"""What the house says that it owes, and that a balance is in the sum.

docs/spec/fairness.md, sections 5 and 8; docs/spec/verification.md, section 6, says how the file is
written. Read ``verify_solvency`` first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from rooms.kernel.time import Instant
from rooms.proof.fields import (
    Fields,
    Malformed,
    amount,
    octets,
    optional,
    table,
    tables,
    text,
    whole,
)
from rooms.proof.findings import Findings, Report
from rooms.proof.leaves import (
    LONGEST_PATH,
    LeafProof,
    Signers,
    check_leaf,
    leaf_json,
    parse_leaf,
    require_names,
)
from rooms.proof.leaves import read_record as read_leaf_record
from rooms.proof.merkle import HASH_SIZE
from rooms.proof.sumtree import LARGEST_SUM, SALT_SIZE, SumNode, balance_leaf, sum_node

KIND: Final = "solvency"
FIELDS: Final = {"asset", "slot", "addresses", "assets", "liabilities", "liabilities_root"}
SIDES: Final = ("right", "left")
RULES: Final = {
    "record": "the solvency record is in the log, under a head",
    "sum": "the balance is under the root of liabilities, and counted in their sum",
    "assets": "what is said to be owned is named, and covers what is owed",
}
NO_ADDRESSES: Final = "what the house owns: the record names no address"
NOT_LOOKED_UP: Final = "what lies at the addresses: ask their chain, at slot {slot}"
ONE_LEAF_EACH: Final = "that nobody else was shown this leaf: compare its salt with others"
NO_ANCHOR: Final = "an anchor of the head on a public chain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A ``solvency`` record: what is owed and what is owned of an asset, in its smallest unit.

    ``root`` is that of the sum tree over all that is owed. ``slot`` says when the addresses were
    read on their chain; None where there are none.
    """

    asset: str
    at: Instant
    slot: int | None
    addresses: tuple[str, ...]
    assets: int
    liabilities: int
    root: bytes


class Beside(NamedTuple):
    """A subtree beside the way up, on its left or on its right."""

    left: bool
    node: SumNode


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceProof:
    """That a balance is under the root of a statement; ``path`` leads there."""

    asset: str
    balance: int
    salt: bytes
    path: tuple[Beside, ...]
    record: LeafProof


def statement_fields(statement: Statement) -> dict[str, Any]:
    """Write the fields of a ``solvency`` record."""
    return {
        "asset": statement.asset,
        "slot": statement.slot,
        "addresses": list(statement.addresses),
        "assets": str(statement.assets),
        "liabilities": str(statement.liabilities),
        "liabilities_root": statement.root.hex(),
    }


def parse_statement(fields: Mapping[str, Any], at: Instant) -> Statement:
    """Read the fields of a ``solvency`` record; Malformed for anything else."""
    given = dict(fields)
    addresses = given.get("addresses")
    if not isinstance(addresses, list) or not all(isinstance(each, str) for each in addresses):
        raise Malformed('"addresses" is not a list of texts')
    liabilities, assets = amount(given, "liabilities"), amount(given, "assets")
    if not 0 <= liabilities <= LARGEST_SUM or assets < 0:
        raise Malformed("an amount is out of range")
    return Statement(
        asset=text(given, "asset"),
        at=at,
        slot=optional(whole, given, "slot"),
        addresses=tuple(addresses),
        assets=assets,
        liabilities=liabilities,
        root=octets(given, "liabilities_root", HASH_SIZE),
    )


def read_statement(leaf: LeafProof) -> Statement:
    """Read the record out of a leaf; Malformed where it is no ``solvency`` record."""
    record = read_leaf_record(leaf.entry, KIND, FIELDS)
    return parse_statement(record.fields, record.at)


def verify_solvency(proof: BalanceProof, signers: Signers) -> Report:
    """Check that a balance is in the sum that the house published, and that it published it."""
    findings = Findings(RULES)
    unchecked = [ONE_LEAF_EACH, NO_ANCHOR]
    try:
        check_leaf(findings, "record", "the solvency record", proof.record, signers)
        said = read_statement(proof.record)
    except Malformed as problem:
        findings.note("record", str(problem))
        return findings.report((*signers.unchecked, *unchecked))
    findings.expect("record", "the asset", says=proof.asset, gives=said.asset)
    _check_sum(findings, proof, said)
    check_assets(findings, "assets", said)
    unchecked.append(NOT_LOOKED_UP.format(slot=said.slot) if said.addresses else NO_ADDRESSES)
    return findings.report((*signers.unchecked, *unchecked))


def _check_sum(findings: Findings, proof: BalanceProof, said: Statement) -> None:
    root = balance_leaf(proof.salt, proof.balance)
    try:
        for left, node in proof.path:
            root = sum_node(node, root) if left else sum_node(root, node)
    except ValueError as problem:
        findings.note("sum", str(problem))
        return
    findings.expect("sum", "the root", says=said.root.hex(), gives=root.hash.hex())
    findings.expect("sum", "the sum", says=said.liabilities, gives=root.sum)


def check_assets(findings: Findings, rule: str, said: Statement) -> None:
    """Compare what is owned with what is owed, where the house names where it lies."""
    if not said.addresses:
        findings.expect(rule, "what lies at no address", says=said.assets, gives=0)
    elif said.assets < said.liabilities:
        findings.note(rule, f"{said.assets} owned do not cover {said.liabilities} owed")


def balance_json(proof: BalanceProof) -> dict[str, Any]:
    """Write the file of ``rooms verify solvency``."""
    return {
        "asset": proof.asset,
        "balance": str(proof.balance),
        "salt": proof.salt.hex(),
        "path": [
            {"side": SIDES[left], "hash": node.hash.hex(), "sum": str(node.sum)}
            for left, node in proof.path
        ],
        "record": leaf_json(proof.record),
    }


def parse_balance(value: Fields) -> BalanceProof:
    """Read what ``balance_json`` wrote; Malformed for anything else."""
    require_names(value, {"asset", "balance", "salt", "path", "record"})
    path = tables(value, "path")
    balance = amount(value, "balance")
    if len(path) > LONGEST_PATH:
        raise Malformed("its tree is larger than any")
    if not 0 <= balance <= LARGEST_SUM:
        raise Malformed('"balance" is out of range')
    return BalanceProof(
        asset=text(value, "asset"),
        balance=balance,
        salt=octets(value, "salt", SALT_SIZE),
        path=tuple(_beside(each) for each in path),
        record=parse_leaf(table(value, "record")),
    )


def _beside(value: Fields) -> Beside:
    require_names(value, {"side", "hash", "sum"})
    if value["side"] not in SIDES:
        raise Malformed('"side" is neither left nor right')
    found = SumNode(octets(value, "hash", HASH_SIZE), amount(value, "sum"))
    if not 0 <= found.sum <= LARGEST_SUM:
        raise Malformed('a "sum" of the path is out of range')
    return Beside(value["side"] == SIDES[True], found)


def path_to(index: int, size: int, nodes: Sequence[SumNode]) -> tuple[Beside, ...]:
    """Say on which side of the way up from a leaf each node of its path stands."""
    sides, number, last = [], index, size - 1
    while last:
        if number & 1 or number < last:
            sides.append(bool(number & 1))
        number, last = number >> 1, last >> 1
    return tuple(Beside(*each) for each in zip(sides, nodes, strict=True))
