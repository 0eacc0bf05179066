"""Bets, and the log's records of rooms, on the page that checks: as ``rooms verify`` says."""

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rooms.proof.betproof import bet_proof_json, parse_bet_proof, verify_bet
from rooms.proof.evidence import verify_room
from rooms.proof.fields import read_object
from rooms.proof.findings import Report
from rooms.proof.leaves import LeafProof, Signers, leaf_json
from rooms.proof.settledrecord import NAMES
from rooms.proof.verifypage import checker
from tests.browser import opened_tab
from tests.proof.checking_page import KEYS, one_browser, written
from tests.proof.keno_files import with_key
from tests.proof.room_files import lines_of
from tests.proof.room_files import written as lines_written
from tests.proof.test_betproof import a_bet
from tests.proof.test_settledrecord import leaf_of, true_record
from tests.proof.test_verifypage import flipped, judged, judged_by_the_page

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

__all__ = ["one_browser"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOM = "".join(lines_written(lines_of()))
WITH_RECORDS = """([room, keys, records]) => Promise.all(records.map(async (record) => {
  const found = await check(new Blob([room]), keys, () => {}, [record]);
  return [found.verdict, found.steps.map(({name, ok}) => [name, ok])];
}))"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def script(one_browser: "Browser") -> AsyncIterator["Page"]:
    async with opened_tab(one_browser) as tab:
        await tab.add_script_tag(content=checker())
        yield tab


def said_of_a_bet(file: bytes, signers: Signers) -> Report:
    return verify_bet(parse_bet_proof(read_object(file)), signers)


@pytest.mark.parametrize("keys", [None, KEYS], ids=["without keys", "with keys"])
async def test_what_rooms_verify_says_of_a_bet_and_of_flipped_bits_the_page_says(
    script: "Page", keys: str | None
) -> None:
    files = list(flipped(written(bet_proof_json(a_bet())), 23))

    said = await judged_by_the_page(script, files, keys)

    assert said == [judged(said_of_a_bet, each, keys) for each in files]
    assert said[0][0] == "verified"


def other_records() -> list[LeafProof]:
    """The true record, and others that say something else in one field; all of this room."""
    true = true_record()
    other = [leaf_of({**true, name: "another"}) for name in sorted(NAMES - {"room"})]
    return [leaf_of(true), *other]


async def test_the_page_compares_a_rooms_file_with_the_logs_record(script: "Page") -> None:
    leaves = other_records()
    records = [json.dumps(leaf_json(each)) for each in leaves]

    said = await script.evaluate(WITH_RECORDS, [ROOM, KEYS, records])

    reports = [verify_room(ROOM.splitlines(keepends=True), each, with_key()) for each in leaves]
    assert said == [as_judged(each) for each in reports]
    assert [each[0] for each in said] == ["verified", *["mismatch"] * (len(leaves) - 1)]


def as_judged(report: Report) -> list[Any]:
    return [report.verdict, [[step.name, step.ok] for step in report.steps]]


async def test_a_record_of_another_room_is_not_compared(script: "Page") -> None:
    record = json.dumps(leaf_json(leaf_of({**true_record(), "room": "another"})))

    ((verdict, steps),) = await script.evaluate(WITH_RECORDS, [ROOM, KEYS, [record]])

    assert verdict == "verified"
    assert "log record" not in dict(steps)
