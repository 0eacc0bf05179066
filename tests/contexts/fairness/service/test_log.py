import base64
import itertools
from datetime import timedelta

import pytest

from rooms.contexts.fairness.api import Accepted
from rooms.kernel.refusal import Refusal
from rooms.proof.checkpoint import (
    Checkpoint,
    cosign,
    parse_note,
    sign_checkpoint,
    with_signatures,
)
from rooms.proof.merkle import is_consistent, is_included, leaf_hash
from rooms.proof.tiles import TileName
from tests.contexts.fairness.grown_log import (
    AT,
    KEYS,
    WITNESS,
    WITNESS_NAME,
    TestLog,
    entry_of_number,
)
from tests.proof import hand_merkle


async def grown(log: TestLog, *sizes: int) -> list[bytes]:
    """Let the log grow to each of these sizes and give its entries."""
    one = log.sequencing()
    for before, size in itertools.pairwise((0, *sizes)):
        for begin in range(before, size, 1_000):
            await log.record(*range(begin, min(begin + 1_000, size)))
            await log.append(one)
    entries: list[bytes] = []
    while len(entries) < sizes[-1]:
        found = await log.face.entries(len(entries), sizes[-1])
        entries += [each.encode() for each in found]
    return entries


async def test_every_leaf_of_every_head_is_proved_and_every_head_grew_from_those_before(
    log: TestLog,
) -> None:
    sizes = (1, 2, 5, 7, 8, 13)
    entries = await grown(log, *sizes)

    for size in sizes:
        root = hand_merkle.mth(entries[:size])
        for index in range(size):
            path = await log.face.inclusion(index, size)
            assert hand_merkle.root_from_path(entries[index], index, size, path) == root
        for first in range(size + 1):
            proof = await log.face.consistency(first, size)
            older = hand_merkle.mth(entries[:first])
            assert is_consistent(first, size, older, root, proof)
            if first:
                assert proof == hand_merkle.proof(first, entries[:size])


async def test_proofs_of_a_log_of_many_tiles_are_true(log: TestLog) -> None:
    entries = await grown(log, 700, 1_300)
    roots = {size: hand_merkle.mth(entries[:size]) for size in (256, 512, 700, 1_000, 1_300)}

    for size, root in roots.items():
        for index in (0, 1, 255, size // 2, size - 1):
            path = await log.face.inclusion(index, size)
            assert is_included(leaf_hash(entries[index]), index, size, path, root)
    for first, second in itertools.combinations(roots, 2):
        proof = await log.face.consistency(first, second)
        assert is_consistent(first, second, roots[first], roots[second], proof)


async def test_tiles_have_the_hashes_that_the_definition_gives(log: TestLog) -> None:
    entries = await grown(log, 700)
    leaves = [hand_merkle.mth([entry]) for entry in entries]
    above = [hand_merkle.mth(entries[at : at + 256]) for at in (0, 256)]

    assert await log.face.tile(TileName(0, 0)) == b"".join(leaves[:256])
    assert await log.face.tile(TileName(0, 1, 7)) == b"".join(leaves[256:263])
    assert await log.face.tile(TileName(0, 2, 188)) == b"".join(leaves[512:])
    assert await log.face.tile(TileName(1, 0, 2)) == b"".join(above)
    bundle = await log.face.entry_tile(TileName(0, 2, 3))
    lengths = [len(entry).to_bytes(2, "big") + entry for entry in entries[512:515]]
    assert bundle == b"".join(lengths)


async def test_what_the_log_does_not_have_is_refused(log: TestLog) -> None:
    with pytest.raises(Refusal, match="E-LOG-EMPTY"):
        await log.face.head()
    await grown(log, 5)

    for name in (TileName(0, 0), TileName(0, 0, 6), TileName(0, 1, 1), TileName(1, 0, 1)):
        with pytest.raises(Refusal, match="E-LOG-TILE"):
            await log.face.tile(name)
        with pytest.raises(Refusal, match="E-LOG-TILE"):
            await log.face.entry_tile(name)
    for index, size in ((5, 5), (0, 6), (-1, 5), (0, 0)):
        with pytest.raises(Refusal, match="E-LOG-RANGE"):
            await log.face.inclusion(index, size)
    for first, second in ((3, 2), (0, 6), (-1, 3)):
        with pytest.raises(Refusal, match="E-LOG-RANGE"):
            await log.face.consistency(first, second)
    for start, end in ((5, 9), (2, 1), (-1, 3)):
        with pytest.raises(Refusal, match="E-LOG-RANGE"):
            await log.face.entries(start, end)


async def test_entries_are_given_from_the_first_to_the_last_asked_for(log: TestLog) -> None:
    await grown(log, 5)

    assert len(await log.face.entries(1, 3)) == 3
    assert len(await log.face.entries(4, 4)) == 1
    assert len(await log.face.entries(0, 10**12)) == 5


async def test_a_cosignature_of_a_known_witness_is_kept_and_served(log: TestLog) -> None:
    await grown(log, 3)
    head = await log.face.head()
    note = parse_note(head.checkpoint)
    line = cosign(note.checkpoint, WITNESS_NAME, WITNESS, 1_763_650_000)
    cosigned = with_signatures(head.checkpoint, [line.text()])

    assert await log.face.witnessed() is None
    assert await log.face.cosign(cosigned) == 1
    assert await log.face.cosign(cosigned) == 1

    head = await log.face.head()
    assert head.cosignatures == (line.text(),)
    assert head.note == cosigned
    await grown(log, 3, 4)
    witnessed = await log.face.witnessed()
    assert witnessed is not None
    assert witnessed.note == cosigned


async def test_cosignatures_of_strangers_and_of_other_heads_are_refused(log: TestLog) -> None:
    await grown(log, 3)
    head = await log.face.head()
    told = parse_note(head.checkpoint).checkpoint
    fork = Checkpoint(told.origin, told.size, bytes(32))
    larger = Checkpoint(told.origin, told.size + 1, told.root)
    stranger = cosign(told, WITNESS_NAME, KEYS.head_signer, 1_763_650_000).text()
    notes = [
        head.checkpoint,
        "nothing",
        with_signatures(head.checkpoint, [stranger]),
        *(
            with_signatures(
                sign_checkpoint(each, KEYS.key, KEYS.head_signer),
                [cosign(each, WITNESS_NAME, WITNESS, 1_763_650_000).text()],
            )
            for each in (fork, larger)
        ),
    ]

    for note in notes:
        with pytest.raises(Refusal, match="E-COSIGNATURE"):
            await log.face.cosign(note)
    assert await log.face.witnessed() is None


async def test_an_accepted_row_is_shown_under_its_leaf_and_that_under_its_head(
    log: TestLog,
) -> None:
    one = log.sequencing()
    await log.accept(5, 6, 4)
    await log.accept(7, kind=Accepted.TICKET, at=AT + timedelta(milliseconds=3))
    await log.append(one)
    bound = await log.face.head()
    await log.record(1)
    await log.accept(8)
    await log.append(one)
    leaves = await log.entries()

    binding = await log.face.binding(Accepted.BET, 4, AT)

    assert binding is not None
    assert (binding.entry, binding.index, binding.size) == (entry_of_number(4), 2, 4)
    assert binding.head == bound
    root = bytes.fromhex(leaves[binding.leaf]["root"])
    path = binding.path
    assert hand_merkle.root_from_path(binding.entry, binding.index, binding.size, path) == root


async def test_a_row_that_waits_or_was_never_accepted_is_not_bound(log: TestLog) -> None:
    await log.accept(5)

    assert await log.face.binding(Accepted.BET, 5, AT) is None
    await log.append()
    assert await log.face.binding(Accepted.BET, 5, AT) is not None
    assert await log.face.binding(Accepted.BET, 6, AT) is None
    assert await log.face.binding(Accepted.TICKET, 5, AT) is None


async def test_the_public_keys_are_those_that_sign(log: TestLog) -> None:
    keys = await log.face.keys()

    assert keys.head.text().startswith("rooms.example/log+")
    encoded = keys.head.text().split("+", 2)[2]
    assert base64.b64decode(encoded) == b"\x01" + KEYS.head_signer.public
    assert keys.receipts == KEYS.receipt_signer.public
    assert keys.witnesses == (WITNESS_NAME,)


async def test_a_leaf_is_proved_under_the_first_head_that_a_witness_cosigned(log: TestLog) -> None:
    await grown(log, 3, 5, 8, 9)
    async with log.database.snapshot() as tx:
        heads = await tx.fetch("SELECT size, checkpoint FROM fairness.heads ORDER BY size")
    notes = {row["size"]: row["checkpoint"] for row in heads}

    async def proved(index: int) -> int:
        return parse_note((await log.face.leaf_at(index)).note).checkpoint.size

    assert [await proved(index) for index in (0, 4, 8)] == [3, 5, 9]
    for size in (9, 8):
        head = parse_note(notes[size]).checkpoint
        line = cosign(head, WITNESS_NAME, WITNESS, 1_763_650_000)
        await log.face.cosign(with_signatures(notes[size], [line.text()]))

    assert [await proved(index) for index in (0, 4, 8)] == [8, 8, 9]
    leaf = await log.face.leaf_at(4)
    told = parse_note(leaf.note).checkpoint
    assert is_included(leaf_hash(leaf.entry.encode()), 4, told.size, leaf.path, told.root)
    assert len(parse_note(leaf.note).signatures) == 2
