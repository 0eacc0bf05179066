"""Where what was accepted stands in the log: its place under an ``accepted`` record.

A bet and a ticket are bound in the same way: docs/spec/fairness.md, section 5.
"""

from dataclasses import dataclass
from typing import Any

from rooms.kernel.time import Instant
from rooms.proof.fields import Fields, Malformed, octets, table, whole
from rooms.proof.findings import Findings, Unreadable, readable
from rooms.proof.leaves import (
    LeafProof,
    Record,
    Signers,
    check_leaf,
    leaf_json,
    parse_leaf,
    parse_path,
    read_record,
    require_names,
)
from rooms.proof.merkle import HASH_SIZE, leaf_hash, root_by_inclusion
from rooms.proof.receipt import Receipt, is_receipt_of, parse_receipt, receipt_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Where an entry stands under an ``accepted`` record, and that record in the log."""

    index: int
    size: int
    path: tuple[bytes, ...]
    accepted: LeafProof


def bound_json(bound: Bound) -> dict[str, Any]:
    """Write where an entry stands."""
    return {
        "index": bound.index,
        "size": bound.size,
        "path": [each.hex() for each in bound.path],
        "accepted": leaf_json(bound.accepted),
    }


def parse_bound(value: Fields) -> Bound:
    """Read what ``bound_json`` wrote; Malformed for anything else."""
    require_names(value, {"index", "size", "path", "accepted"})
    return Bound(
        index=whole(value, "index"),
        size=whole(value, "size"),
        path=parse_path(value),
        accepted=parse_leaf(table(value, "accepted")),
    )


def parse_exact_receipt(value: Fields) -> Receipt:
    """Read a receipt; Malformed also where it is not written as receipts are."""
    receipt = parse_receipt(value)
    if receipt_json(receipt) != value:
        raise Malformed("the receipt is not written as receipts are")
    return receipt


def check_bound(
    findings: Findings,
    rule: str,
    what: str,
    entry: bytes,
    bound: Bound,
    accepted_at: Instant,
    signers: Signers,
) -> Record | None:
    """Check that an entry is under its record; give the record, None where it cannot be read."""
    try:
        record = _read_accepted(findings, rule, bound, signers)
    except Unreadable:
        return None
    root = root_by_inclusion(leaf_hash(entry), bound.index, bound.size, bound.path)
    findings.expect(rule, "its batch", says=bound.size, gives=record.fields["count"])
    if root is None or root.hex() != record.fields["root"]:
        findings.note(rule, f"the {what}'s entry is not under the record's root")
    if record.at < accepted_at:
        findings.note(rule, f"the record is older than the {what}")
    return record


def _read_accepted(findings: Findings, rule: str, bound: Bound, signers: Signers) -> Record:
    with readable(findings, rule):
        record = read_record(bound.accepted.entry, "accepted", {"count", "root"})
        whole(record.fields, "count")
        octets(record.fields, "root", HASH_SIZE)
        check_leaf(findings, rule, "the record", bound.accepted, signers)
    return record


def check_receipt(
    findings: Findings,
    rule: str,
    what: str,
    receipt: Receipt,
    entry: bytes | None,
    signers: Signers,
) -> None:
    """Check that a receipt is for this very entry, and the house's where its key is known."""
    if receipt.entry != entry:
        findings.note(rule, f"it is for another {what}")
    if signers.keys and not is_receipt_of(receipt, signers.keys.receipts):
        findings.note(rule, "it is not signed by the receipts' key")
