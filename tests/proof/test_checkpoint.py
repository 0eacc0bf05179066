import base64
import hashlib
import itertools

import pytest

from rooms.proof.checkpoint import (
    LOG_KEY,
    WITNESS_KEY,
    Checkpoint,
    NoteKey,
    cosign,
    cosigned_at,
    is_signed_by,
    parse_key,
    parse_note,
    sign_checkpoint,
    with_signatures,
)
from rooms.proof.fields import Malformed
from rooms.proof.signature import Signer, is_signed

SIGNER = Signer(b"\1" * 32)
KEY = NoteKey("rooms.example/log", LOG_KEY, SIGNER.public)
OTHER = Signer(b"\2" * 32)
WITNESS = NoteKey("witness.example/w1", WITNESS_KEY, OTHER.public)
HEAD = Checkpoint("rooms.example/log", 20_852_163, hashlib.sha256(b"root").digest())


def test_a_checkpoint_is_a_note_of_origin_size_and_root() -> None:
    note = sign_checkpoint(HEAD, KEY, SIGNER)

    origin, size, root, gap, line, end = note.split("\n")
    assert (origin, size, gap, end) == ("rooms.example/log", "20852163", "", "")
    assert base64.b64decode(root) == HEAD.root
    dash, name, encoded = line.split(" ")
    assert (dash, name) == ("\u2014", "rooms.example/log")
    raw = base64.b64decode(encoded)
    assert raw[:4] == hashlib.sha256(b"rooms.example/log\n\x01" + SIGNER.public).digest()[:4]
    signed = note.partition("\n\n")[0] + "\n"
    assert is_signed(SIGNER.public, raw[4:], signed.encode())


def test_a_note_is_read_as_it_was_written_and_its_signer_is_known() -> None:
    note = parse_note(sign_checkpoint(HEAD, KEY, SIGNER))

    assert note.checkpoint == HEAD
    assert is_signed_by(note, KEY)
    assert not is_signed_by(note, NoteKey(KEY.name, LOG_KEY, OTHER.public))


def test_every_flipped_bit_of_a_note_is_noticed() -> None:
    whole = sign_checkpoint(HEAD, KEY, SIGNER).encode()
    for place, bit in itertools.product(range(len(whole)), range(8)):
        raw = bytearray(whole)
        raw[place] ^= 1 << bit
        try:
            note = parse_note(raw.decode())
        except (Malformed, UnicodeDecodeError):
            continue
        assert not is_signed_by(note, KEY), (place, bit)


def test_a_witness_cosigns_with_its_time() -> None:
    line = cosign(HEAD, WITNESS, OTHER, 1_763_650_000)
    note = parse_note(with_signatures(sign_checkpoint(HEAD, KEY, SIGNER), [line.text()]))
    seen = note.signatures[1]

    assert seen == line
    assert seen.signature[:8] == (1_763_650_000).to_bytes(8, "big")
    text = f"cosignature/v1\ntime 1763650000\n{HEAD.text()}".encode()
    assert is_signed(OTHER.public, seen.signature[8:], text)
    assert cosigned_at(HEAD, seen, WITNESS) == 1_763_650_000
    assert is_signed_by(note, KEY)


def test_a_cosignature_of_another_head_or_witness_does_not_count() -> None:
    line = cosign(HEAD, WITNESS, OTHER, 1_763_650_000)
    larger = Checkpoint(HEAD.origin, HEAD.size + 1, HEAD.root)
    stranger = NoteKey(WITNESS.name, WITNESS_KEY, SIGNER.public)

    assert cosigned_at(larger, line, WITNESS) is None
    assert cosigned_at(HEAD, line, stranger) is None


def test_a_key_is_read_as_it_was_written() -> None:
    for key in (KEY, WITNESS):
        assert parse_key(key.text()) == key


# The example of the Go library that the form comes from.
PETER_NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def test_the_published_example_key_is_read() -> None:
    key = parse_key(PETER_NEUMANN)

    assert (key.name, key.kind, key.id.hex()) == ("PeterNeumann", LOG_KEY, "c74f20a3")
    assert key.text() == PETER_NEUMANN


def test_the_signature_of_the_published_example_is_true() -> None:
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    encoded = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    raw = base64.b64decode(encoded)
    key = parse_key(PETER_NEUMANN)

    assert raw[:4] == key.id
    assert is_signed(key.public, raw[4:], text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AQ==",
        KEY.text().replace("+", " "),
        KEY.text()[:-4] + "AAAA",
        "other" + KEY.text(),
    ],
)
def test_what_is_no_key_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_key(text)


@pytest.mark.parametrize(
    "change",
    [
        ("20852163", "020852163"),
        ("20852163", "-1"),
        ("20852163\n", "20852163\n\n"),
        ("\u2014 ", "- "),
        ("\n\n", "\nextension\n\n"),
        ("rooms.example/log\n2", "\n2"),
    ],
)
def test_what_is_no_checkpoint_is_malformed(change: tuple[str, str]) -> None:
    with pytest.raises(Malformed):
        parse_note(sign_checkpoint(HEAD, KEY, SIGNER).replace(*change))
