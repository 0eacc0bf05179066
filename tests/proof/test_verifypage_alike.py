"""The page and ``rooms verify`` say the same of whatever a forger might write."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rooms.proof.betproof import bet_proof_json
from rooms.proof.evidence import verify_room
from rooms.proof.fields import Malformed
from rooms.proof.leaves import LeafProof, leaf_json
from rooms.proof.settledrecord import NAMES
from rooms.proof.verifypage import checker
from tests.browser import opened_tab
from tests.proof.checking_page import KEYS, one_browser
from tests.proof.keno_files import with_key
from tests.proof.mutants import as_line, forged, mutant, other
from tests.proof.test_betproof import a_bet
from tests.proof.test_evidence import FILES
from tests.proof.test_settledrecord import LINES, leaf_of, true_record
from tests.proof.test_verifypage import judged, judged_by_the_page
from tests.proof.test_verifypage_bets import said_of_a_bet

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

__all__ = ["one_browser"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = 120
WITH_RECORDS = """(all) => Promise.all(all.map(async ([room, keys, record]) => {
  try {
    const found = await check(new Blob([room]), keys, () => {}, [record]);
    return [found.verdict, found.steps.map(({name, ok}) => [name, ok])];
  } catch (problem) {
    if (!(problem instanceof Malformed)) throw problem;
    return ["malformed"];
  }
}))"""
Said = tuple[Any, ...]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def script(one_browser: "Browser") -> AsyncIterator["Page"]:
    async with opened_tab(one_browser) as tab:
        await tab.add_script_tag(content=checker())
        yield tab


def of_a_room(file: bytes, record: LeafProof | None = None) -> Said:
    """What ``rooms verify room`` finds, reading the file as it does."""
    try:
        report = verify_room(io.BytesIO(file), record, with_key())
    except Malformed:
        return ("malformed",)
    return report.verdict, [[step.name, step.ok] for step in report.steps]


def rooms(seed: int, many: int) -> list[bytes]:
    chance = Random(seed)
    kinds = [make() for make in FILES.values()]
    return [forged(chance, chance.choice(kinds)) for _ in range(many)]


def records(seed: int, many: int) -> list[tuple[bytes, LeafProof]]:
    """Files and records, of which one is the true one; the record is of its form in any case."""
    chance, true, names = Random(seed), true_record(), sorted(NAMES - {"room"})
    file = b"".join(json.dumps(line).encode() + b"\n" for line in LINES)
    made: list[tuple[bytes, LeafProof]] = []
    while len(made) < many:
        if chance.random() < 0.5:
            made.append((forged(chance, LINES), leaf_of(true)))
            continue
        name = chance.choice(names)
        with suppress(ValueError):  # what has no canonical form is no record
            made.append((file, leaf_of({**true, name: other(chance, true[name])})))
    return made


def bets(seed: int, many: int) -> list[bytes]:
    chance, true = Random(seed), bet_proof_json(a_bet())
    return [as_line(chance, mutant(chance, true)) for _ in range(many)]


def alike(files: Sequence[object], ours: Sequence[Said], theirs: Sequence[Said]) -> None:
    differ = [each for each in zip(files, ours, theirs, strict=True) if each[1] != each[2]]
    assert not differ, f"{len(differ)} of {len(files)}, the first: {differ[0]}"


async def compare_rooms(script: "Page", seed: int, many: int) -> list[Said]:
    files = rooms(seed, many)
    ours = [of_a_room(each) for each in files]
    alike(files, ours, await judged_by_the_page(script, files, KEYS))
    return ours


async def compare_records(script: "Page", seed: int, many: int) -> list[Said]:
    # The page compares a record with the file of its own room only.
    own = f'"id": "{LINES[0]["room"]["id"]}"'.encode()
    given = [each for each in records(seed, many) if each[0].isascii() and own in each[0]]
    ours = [of_a_room(*each) for each in given]
    asked = [[file.decode(), KEYS, json.dumps(leaf_json(leaf))] for file, leaf in given]
    alike(given, ours, [tuple(each) for each in await script.evaluate(WITH_RECORDS, asked)])
    return ours


async def compare_bets(script: "Page", seed: int, many: int) -> list[Said]:
    files = bets(seed, many)
    ours = [judged(said_of_a_bet, each, KEYS) for each in files]
    alike(files, ours, await judged_by_the_page(script, files, KEYS))
    return ours


@pytest.mark.parametrize("compare", [compare_rooms, compare_records, compare_bets])
async def test_of_files_changed_by_chance_both_say_the_same(
    script: "Page", compare: Callable[["Page", int, int], Awaitable[list[Said]]]
) -> None:
    said = await compare(script, 1, MANY)

    assert len({each[0] for each in said}) > 1
