"""Settled rooms on the page that checks: by the pool's vectors, and as ``rooms verify room``."""

from collections.abc import AsyncIterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rooms.proof.evidence import verify_room
from rooms.proof.fields import Malformed
from rooms.proof.verifypage import checker, verify_page
from tests.browser import opened_tab
from tests.proof.checking_page import one_browser
from tests.proof.room_files import lines_of, sealed, written
from tests.proof.test_evidence import FILES, changed, numbers_in
from tests.proof.test_evidence_forgeries import IMPOSSIBLE
from tests.proof.test_verifypage import flipped, judged_by_the_page, vectors

if TYPE_CHECKING:
    from playwright.async_api import Browser, FilePayload, Page

__all__ = ["one_browser"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def script(one_browser: "Browser") -> AsyncIterator["Page"]:
    async with opened_tab(one_browser) as tab:
        await tab.add_script_tag(content=checker())
        yield tab


DIVIDE = """(all) => all.map((v) => {
  const sum = (bets) => bets.reduce((before, bet) => before + BigInt(bet.stake), 0n);
  const handle = sum(v.bets), winning = sum(v.bets.filter((bet) => bet.side === v.outcome));
  const terms = { protocolBps: BigInt(v.protocol_bps), hostBps: BigInt(v.host_bps) };
  const fees = winning ? feesOf(handle, winning, terms) : { ...NO_FEES, net: handle };
  const due = (bet) => winning === 0n ? BigInt(bet.stake)
    : bet.side === v.outcome ? payoutOf(BigInt(bet.stake), fees.net, winning) : 0n;
  const payouts = v.bets.map((bet) => [bet.id, String(due(bet))]);
  const broken = payouts.reduce((rest, [, paid]) => rest - BigInt(paid), fees.net);
  return [...[fees.takeout, fees.hostFee, fees.protocolFee, broken].map(String),
    Object.fromEntries(payouts)];
})"""


async def test_pools_are_divided_as_in_the_vectors(script: "Page") -> None:
    known = vectors("pool")
    names = ("takeout", "host_fee", "protocol_fee", "breakage", "payouts")

    found = await script.evaluate(DIVIDE, known["vectors"])

    assert found == [[each[name] for name in names] for each in known["vectors"]]
    large = known["division"]
    asked = [large["stake"], large["net"], large["w"]]
    paid = await script.evaluate("(all) => String(payoutOf(...all.map(BigInt)))", asked)
    assert paid == large["payout"]


def bytes_of(lines: list[dict[str, Any]]) -> bytes:
    return "".join(written(lines)).encode()


def judged(file: bytes) -> tuple[Any, ...]:
    """What ``rooms verify room`` finds."""
    try:
        report = verify_room(file.splitlines(keepends=True))
    except Malformed:
        return ("malformed",)
    return report.verdict, [[step.name, step.ok] for step in report.steps]


async def test_each_way_in_which_a_room_can_end_is_verified(script: "Page") -> None:
    files = [bytes_of(make()) for make in FILES.values()]

    said = await judged_by_the_page(script, files, None)

    assert said == [judged(file) for file in files]
    assert {each[0] for each in said} == {"verified"}


@pytest.mark.parametrize("name", ["touched", "token", "no_winner"])
async def test_of_a_file_with_a_flipped_bit_both_say_the_same(script: "Page", name: str) -> None:
    files = list(flipped(bytes_of(FILES[name]()), 59))[:250]

    assert await judged_by_the_page(script, files, None) == [judged(file) for file in files]


@pytest.mark.parametrize("name", ["touched", "token", "one_sided", "met_while_queuing"])
async def test_of_a_forged_number_under_a_true_hash_both_say_the_same(
    script: "Page", name: str
) -> None:
    lines = FILES[name]()
    places = list(numbers_in(lines))[::3]
    files = [bytes_of(sealed(changed(lines, path, by))) for path in places for by in (1, -1)]

    said = await judged_by_the_page(script, files, None)

    assert said == [judged(file) for file in files]


def forged() -> list[list[dict[str, Any]]]:
    """Files that no house may write, each sealed anew by who forged it."""
    told: list[tuple[tuple[Any, ...], object]] = [
        *((("room", *path), value) for path, value in IMPOSSIBLE.values()),
        (("reason",), "constructor"),
        (("reason",), "ADMIN"),
        (("outcome",), None),
        (("outcome",), "NO"),
        (("trigger",), "close"),
        (("cutoff",), None),
        (("room", "market", "type"), "constructor"),
        (("room", "market", "target"), "0.0000000000000000000000001"),
        (("room", "market", "target"), "165.000000000000000000000000000000"),
        (("room", "market", "of"), []),
        (("room", "resolve"), "at_close"),
        (("room", "terms", "protocol_bps"), -300),
        (("room", "terms", "host_bps"), 2**60),
        (("observations", 0, "quotes", 0, "source"), "__proto__"),
        (("observations", 0, "quotes", 0, "price"), "-0"),
        (("observations", 1, "tick"), 11),
        (("winning",), "-5"),
    ]
    files = []
    for (*path, name), value in told:
        lines = deepcopy(lines_of())
        place: Any = lines[0]
        for key in path:
            place = place[key]
        place[name] = value
        files.append(lines)
    return files


async def test_of_a_forged_file_both_say_the_same(script: "Page") -> None:
    files = []
    for lines in forged():
        try:
            files.append(bytes_of(sealed(lines)))
        except ValueError:  # a number without a canonical form cannot be sealed
            files.append(bytes_of(lines))

    said = await judged_by_the_page(script, files, None)

    assert said == [judged(file) for file in files]
    assert "verified" not in {each[0] for each in said}


async def test_a_room_is_told_in_words_with_what_was_not_checked(one_browser: "Browser") -> None:
    async with opened_tab(one_browser, viewport={"width": 320, "height": 640}) as tab:
        await tab.set_content(verify_page().decode())
        room = bytes_of(lines_of())
        payload: FilePayload = {"name": "room-7.ndjson", "mimeType": "text/plain", "buffer": room}
        await tab.set_input_files("#files", payload)
        await tab.locator(".report").wait_for()

        assert await tab.get_by_role("status").inner_text() == "Room 7, YES: verified."
        assert "no signature" in await tab.locator(".open").inner_text()
        assert "transparency log" in await tab.locator(".open").inner_text()
        facts = await tab.locator(".facts").inner_text()
        assert "150,000,000,007 smallest units" in facts
        assert await tab.evaluate("document.documentElement.scrollWidth") <= 320
