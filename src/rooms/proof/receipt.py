"""Receipts: a signature over everything that was accepted together.

docs/spec/fairness.md, section 5. A receipt whose entry does not come under an ``accepted`` leaf
of the log is proof of fraud; nobody but the house could have signed it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rooms.proof.fields import Fields, Malformed, text, whole
from rooms.proof.merkle import HASH_SIZE, Tree, leaf_hash, root_by_inclusion
from rooms.proof.records import REF_SIZE
from rooms.proof.signature import Signer, is_signed

PREFIX: Final = b"rooms/receipt/1|"


class Receipt(NamedTuple):
    """The entry, its path to the root of its batch, and the signature over that root."""

    entry: bytes
    index: int  # type: ignore[assignment]  # a tuple has a method of this name
    size: int
    path: Sequence[bytes]
    signature: bytes


def ref_of(receipt: Receipt) -> str:
    """Give the public reference of the bet or ticket that a receipt is for."""
    return receipt.entry[1 : 1 + REF_SIZE].hex()


def sign_batch(entries: Sequence[bytes], signer: Signer) -> list[Receipt]:
    """Give a receipt for each entry of a batch: one signature, one pass over the tree."""
    return sign_tree(entries, Tree.over(entries), signer)


def sign_tree(entries: Sequence[bytes], tree: Tree, signer: Signer) -> list[Receipt]:
    """Give the same where the tree over the entries is at hand."""
    signature = signer.sign(PREFIX + tree.root)
    size = len(entries)
    return [
        Receipt(entry, index, size, path, signature)
        for index, (entry, path) in enumerate(zip(entries, tree.paths(), strict=True))
    ]


def is_receipt_of(receipt: Receipt, public: bytes) -> bool:
    """Say whether the house's receipt key has signed for this entry."""
    root = root_by_inclusion(leaf_hash(receipt.entry), receipt.index, receipt.size, receipt.path)
    return root is not None and is_signed(public, receipt.signature, PREFIX + root)


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """Write a receipt as it is answered."""
    return {
        "entry": receipt.entry.hex(),
        "index": receipt.index,
        "size": receipt.size,
        "path": [each.hex() for each in receipt.path],
        "signature": receipt.signature.hex(),
    }


def parse_receipt(value: Fields) -> Receipt:
    """Read what ``receipt_json`` wrote; Malformed otherwise."""
    path = value.get("path")
    if not isinstance(path, list):
        raise Malformed('"path" is not a list')
    return Receipt(
        entry=_hex(value, "entry"),
        index=whole(value, "index"),
        size=whole(value, "size"),
        path=tuple(_hash({"path": each}) for each in path),
        signature=_hex(value, "signature"),
    )


def _hash(value: Mapping[str, Any]) -> bytes:
    hashed = _hex(value, "path")
    if len(hashed) != HASH_SIZE:
        raise Malformed('"path" is not of SHA-256 hashes')
    return hashed


def _hex(value: Fields, name: str) -> bytes:
    try:
        return bytes.fromhex(text(value, name))
    except ValueError as error:
        raise Malformed(f'"{name}" is not hexadecimal') from error
