import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.fields import Malformed
from rooms.proof.receipt import (
    Receipt,
    is_receipt_of,
    parse_receipt,
    receipt_json,
    sign_batch,
)
from rooms.proof.signature import Signer, is_signed
from tests.proof import hand_merkle

SIGNER = Signer(b"\3" * 32)
entries = st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=40)


@given(entries)
def test_every_entry_of_a_batch_has_a_receipt_under_one_signature(batch: list[bytes]) -> None:
    receipts = sign_batch(batch, SIGNER)

    root = hand_merkle.mth(batch)
    assert {each.signature for each in receipts} == {SIGNER.sign(b"rooms/receipt/1|" + root)}
    assert is_signed(SIGNER.public, receipts[0].signature, b"rooms/receipt/1|" + root)
    for entry, each in zip(batch, receipts, strict=True):
        assert each.entry == entry
        by_hand = hand_merkle.root_from_path(entry, each.index, each.size, each.path)
        assert by_hand == root
        assert is_receipt_of(each, SIGNER.public)


def test_the_same_batch_has_the_same_receipts() -> None:
    batch = [b"one", b"two", b"three"]

    assert sign_batch(batch, SIGNER) == sign_batch(batch, SIGNER)


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_of_a_receipt_is_noticed(place: int, bit: int) -> None:
    receipt = sign_batch([b"one", b"two", b"three"], SIGNER)[1]
    parts = [receipt.entry, *receipt.path, receipt.signature]
    chosen = bytearray(parts[place % len(parts)])
    chosen[place % len(chosen)] ^= 1 << bit
    parts[place % len(parts)] = bytes(chosen)

    wrong = Receipt(parts[0], receipt.index, receipt.size, parts[1:-1], parts[-1])

    assert not is_receipt_of(wrong, SIGNER.public)
    assert not is_receipt_of(receipt, Signer(b"\4" * 32).public)


def test_a_receipt_is_read_as_it_was_written() -> None:
    receipt = sign_batch([b"one", b"two", b"three"], SIGNER)[2]

    assert parse_receipt(receipt_json(receipt)) == receipt


@pytest.mark.parametrize(
    "change",
    [{"path": "00"}, {"path": ["00"]}, {"entry": "x"}, {"index": "1"}, {"signature": None}],
)
def test_what_is_no_receipt_is_malformed(change: dict[str, object]) -> None:
    written = receipt_json(sign_batch([b"one", b"two"], SIGNER)[0])

    with pytest.raises(Malformed):
        parse_receipt({**written, **change})
