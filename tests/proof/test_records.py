import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from rooms.kernel.time import from_millis
from rooms.proof.merkle import Tree
from rooms.proof.records import (
    LONGEST_ENTRY,
    accepted_entry,
    bet_entry,
    entry_of,
    payout_entry,
    ref,
    salted_hash,
    ticket_entry,
)
from tests.proof import hand_merkle

VECTORS = json.loads(Path("docs/spec/vectors/accepted.json").read_text())
KEY = bytes.fromhex(VECTORS["ref_key"])
ITEMS: list[dict[str, Any]] = VECTORS["items"]
AT = datetime(2026, 11, 20, 15, tzinfo=UTC)

instants = st.integers(0, 4_102_444_800_000).map(from_millis)


def written(item: dict[str, Any]) -> bytes:
    reference = ref(KEY, item["kind"], int(item["id"]))
    times = (reference, item["accepted_at"], item["stake"])
    if item["kind"] == "bet":
        return bet_entry(*times, yes=item["side"] == "YES", room=item["room"])
    return ticket_entry(*times, item["round"], item["picks"], item["game"])


def by_hand(item: dict[str, Any]) -> bytes:
    """Write an entry again, from the page of the specification."""
    message = f"rooms/ref/1|{item['kind']}|{item['id']}".encode()
    reference = hmac.new(KEY, message, hashlib.sha256).digest()[:16]
    begin: bytes = (
        reference + item["accepted_at"].to_bytes(8, "big") + item["stake"].to_bytes(8, "big")
    )
    if item["kind"] == "bet":
        return b"\x02" + begin + bytes([item["side"] == "YES"]) + str(item["room"]).encode()
    picks: bytes = sum(2 ** (pick - 1) for pick in item["picks"]).to_bytes(10, "big")
    return (
        b"\x01" + begin + int(item["round"]).to_bytes(8, "big") + picks + str(item["game"]).encode()
    )


@pytest.mark.parametrize("item", ITEMS)
def test_binary_entries_and_references_are_those_of_the_vectors(item: dict[str, Any]) -> None:
    assert ref(KEY, item["kind"], int(item["id"])).hex() == item["ref"]
    assert written(item).hex() == item["entry"]
    assert by_hand(item).hex() == item["entry"]


@given(st.binary(max_size=130), st.sampled_from(["bet", "ticket"]), st.integers(0, 2**63 - 1))
def test_a_reference_is_the_half_of_an_hmac_under_any_key(
    key: bytes, kind: str, number: int
) -> None:
    message = f"rooms/ref/1|{kind}|{number}".encode()

    assert ref(key, kind, number) == hmac.new(key, message, hashlib.sha256).digest()[:16]


def test_the_root_over_accepted_entries_is_that_of_the_vectors() -> None:
    entries = [written(item) for item in ITEMS]

    assert Tree.over(entries).root.hex() == VECTORS["root"]
    assert hand_merkle.mth(entries).hex() == VECTORS["root"]


@given(instants, st.integers(1, 10**9), st.binary(min_size=32, max_size=32))
def test_the_accepted_template_writes_what_the_canonical_library_writes(
    at: datetime, count: int, root: bytes
) -> None:
    fields = {"count": count, "root": root.hex()}

    assert accepted_entry(at, count, root) == entry_of("accepted", at, fields)


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
values = st.recursive(
    names | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(instants, st.dictionaries(names, values, max_size=6))
def test_an_entry_is_canonical_json_and_has_kind_version_and_time(
    at: datetime, fields: dict[str, Any]
) -> None:
    entry = entry_of("room.opened", at, fields)

    read = json.loads(entry)
    assert rfc8785.dumps(read) == entry.encode()
    assert (read["kind"], read["v"]) == ("room.opened", 1)
    assert read["at"].endswith("Z")
    assert len(read["at"]) == len("2026-11-20T15:00:00.000Z")


def test_an_entry_longer_than_a_tile_can_tell_is_refused() -> None:
    room = LONGEST_ENTRY - len(entry_of("admin", AT, {"reason": ""}))

    assert len(entry_of("admin", AT, {"reason": "x" * room})) == LONGEST_ENTRY
    with pytest.raises(ValueError, match="too long for the log"):
        entry_of("admin", AT, {"reason": "x" * (room + 1)})


def test_a_payout_is_a_reference_and_an_amount() -> None:
    assert payout_entry(b"r" * 16, 258) == b"r" * 16 + b"\0\0\0\0\0\0\1\2"


def test_a_salted_hash_is_of_salt_and_text() -> None:
    assert salted_hash(b"salt", "Title") == hashlib.sha256(b"saltTitle").hexdigest()
