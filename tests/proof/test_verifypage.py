"""The page that checks in a browser: by the vectors, as ``rooms verify`` does, and by hand."""

import base64
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyblst  # type: ignore[import-untyped]
import pytest
import pytest_asyncio

from rooms.proof.beacon import NO_ENTROPY, QUICKNET, SANDBOX, Beacon, beacon_json
from rooms.proof.daycheck import verify_day
from rooms.proof.dayfile import DayHash
from rooms.proof.fields import Malformed, read_object
from rooms.proof.findings import Report
from rooms.proof.leaves import Signers
from rooms.proof.roundcheck import verify_round
from rooms.proof.roundfile import parse_round, parse_ticket, round_json, ticket_json
from rooms.proof.ticketcheck import verify_ticket
from rooms.proof.verifypage import checker
from rooms.sandbox.drand import signed
from tests.browser import opened_tab
from tests.proof.checking_page import KEYS, changed, one_browser, short_day, written
from tests.proof.keno_files import (
    FIRST,
    STAKES,
    VOID_ROUND,
    Game,
    with_key,
    without_key,
)
from tests.proof.test_bls import SIGNED

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

__all__ = ["one_browser"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
VECTORS = Path("docs/spec/vectors")
GAME = Game()
Judged = tuple[Any, ...]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def script(one_browser: "Browser") -> AsyncIterator["Page"]:
    """The page's checker alone, to call its functions; ``bare`` makes of BigInt what JSON has."""
    async with opened_tab(one_browser) as tab:
        await tab.add_script_tag(content=checker())
        await tab.add_script_tag(
            content="const bare = (value) => JSON.parse(JSON.stringify(value, "
            "(_, each) => typeof each === 'bigint' ? Number(each) : each));"
        )
        yield tab


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


async def test_draws_and_commits_are_those_of_the_vectors(script: "Page") -> None:
    known = vectors("draw")["vectors"]
    found = await script.evaluate(
        "(all) => all.map((v) => [commitOf(unhex(v.server_seed)),"
        " draw(unhex(v.server_seed), v.game, BigInt(v.round), v.entropy)])",
        known,
    )
    assert found == [[each["commit"], each["draw"]] for each in known]


async def test_links_and_the_last_seed_are_those_of_the_vectors(script: "Page") -> None:
    for known in vectors("chain")["vectors"]:
        links = [int(link) for link in known["seeds"]]
        found = await script.evaluate(
            "([key, message, seeds, links]) => [hex(new Hmac(unhex(key)).digest(utf8(message))),"
            " seeds.map((seed, at) => hex(walk(unhex(seed), links[at]))),"
            " seeds.map((seed) => commitOf(unhex(seed)))]",
            [
                known["master_key"],
                f"rooms/chain/1|{known['game']}|{known['chain']}",
                list(known["seeds"].values()),
                links,
            ],
        )
        last = known["seeds"][str(known["length"])]
        assert found == [last, [known["terminal"]] * len(links), list(known["commits"].values())]


async def test_beacons_are_those_of_the_vectors(script: "Page") -> None:
    known = vectors("beacon")["vectors"]
    found = await script.evaluate(
        "(all) => all.map((v) => { const drand = {genesis: BigInt(v.genesis), period: BigInt(v.period)};"
        " const round = roundAfter(drand, BigInt(v.locks_at_ms), BigInt(v.guard_ms));"
        " return bare([round, appearsAt(drand, round)]) })",
        known,
    )
    assert found == [[each["beacon_round"], each["time"]] for each in known]


async def test_signatures_of_beacons_are_those_of_their_chain_round_and_key(script: "Page") -> None:
    genuine = [(QUICKNET, number, bytes.fromhex(known)) for number, known in SIGNED.items()]
    genuine += [(SANDBOX, number, signed(number).signature) for number in (1, 2**63 - 1)]
    _, number, signature = genuine[0]
    point = pyblst.BlstP1Element().uncompress(signature)
    forged = [
        (QUICKNET, number + 1, signature),
        (SANDBOX, number, signature),
        (QUICKNET, number, bytes((-point).compress())),
        (QUICKNET, number, bytes((point + point).compress())),
        (QUICKNET, number, b"\xc0" + bytes(47)),
        (QUICKNET, number, b"\x80" + bytes(46) + b"\x04"),  # on the curve, not in the group
        (QUICKNET, number, bytes([signature[0] & 0x7F]) + signature[1:]),
        (QUICKNET, number, b"\x9f" + b"\xff" * 47),
    ]
    asked = [
        [drand.public_key.hex(), str(number), raw.hex()]
        for drand, number, raw in (*genuine, *forged)
    ]
    found = await script.evaluate(
        "(all) => all.map(([key, round, signature]) => isBeaconSigned(key, BigInt(round), signature))",
        asked,
    )
    assert found == [True] * len(genuine) + [False] * len(forged)


async def test_the_log_is_that_of_the_vectors(script: "Page") -> None:
    known = vectors("log")
    hashes, roots, included, grown = await script.evaluate(
        "(v) => { const entries = v.entries.map(utf8);"
        " return [entries.map(leafHash), Object.keys(v.roots).map((n) => rootOf(entries.slice(0, n))),"
        " v.inclusion.map((each) => rootByInclusion(v.leaf_hashes[each.index], BigInt(each.index),"
        "   BigInt(each.size), each.proof)),"
        " v.consistency.map((each) => isConsistent(BigInt(each.from), BigInt(each.to),"
        "   v.roots[each.from], v.roots[each.to], each.proof))] }",
        known,
    )
    assert hashes == known["leaf_hashes"]
    assert roots == list(known["roots"].values())
    assert included == [known["roots"][str(each["size"])] for each in known["inclusion"]]
    assert all(grown)


async def test_accepted_entries_are_those_of_the_vectors(script: "Page") -> None:
    known = vectors("accepted")
    found = await script.evaluate(
        "(items) => { const entries = items.map((v) => v.kind === 'ticket'"
        " ? ticketEntry(v.ref, v.accepted_at, v.stake, v.round, v.picks, v.game)"
        " : betEntry(v.ref, v.accepted_at, v.stake, v.side === 'YES', v.room));"
        " return [entries.map(hex), rootOf(entries)] }",
        known["items"],
    )
    assert found == [[each["entry"] for each in known["items"]], known["root"]]


async def test_the_paytable_and_its_prizes_are_those_of_the_vectors(script: "Page") -> None:
    known = vectors("paytable")
    found = await script.evaluate(
        "(v) => [canonical(v.spots), parseSpots(v.spots).hash, v.prizes.map((each) =>"
        " { const [units, scale] = multiplier(each.multiplier);"
        " return bare((BigInt(each.stake) * units) / scale) })]",
        known,
    )
    prizes = [each["prize"] for each in known["prizes"]]
    assert found == [known["jcs"], known["paytable_hash"], prizes]


JUDGE = """async ([files, keys]) => Promise.all(files.map(async (raw) => {
  const bytes = Uint8Array.from(atob(raw), (letter) => letter.charCodeAt(0));
  try {
    const found = await check(new Blob([bytes]), keys, () => {});
    return [found.verdict, found.steps.map(({name, ok}) => [name, ok])];
  } catch (problem) {
    if (!(problem instanceof Malformed)) throw problem;
    return ["malformed"];
  }
}))"""


async def judged_by_the_page(script: "Page", files: list[bytes], keys: str | None) -> list[Judged]:
    encoded = [base64.b64encode(each).decode() for each in files]
    found = await script.evaluate(JUDGE, [encoded, keys])
    return [tuple(each) for each in found]


def judged(verify: Callable[[bytes, Signers], Report], file: bytes, keys: str | None) -> Judged:
    """What ``rooms verify`` finds."""
    try:
        report = verify(file, with_key() if keys else without_key())
    except Malformed:
        return ("malformed",)
    return report.verdict, [[step.name, step.ok] for step in report.steps]


def a_round(file: bytes, signers: Signers) -> Report:
    return verify_round(parse_round(read_object(file)), signers)


def a_ticket(file: bytes, signers: Signers) -> Report:
    return verify_ticket(parse_ticket(read_object(file)), signers)


def a_day(file: bytes, signers: Signers) -> Report:
    return verify_day(io.BytesIO(file), signers)


def flipped(file: bytes, step: int) -> Iterator[bytes]:
    yield file
    for place in range(step // 2, len(file), step):
        raw = bytearray(file)
        raw[place] ^= 1 << place % 8
        yield bytes(raw)


VOID_TICKET = GAME.ticket(
    number=VOID_ROUND, prize=STAKES[0], refund="VOID", round=GAME.void_round()
)


@pytest.mark.parametrize("keys", [None, KEYS], ids=["without keys", "with keys"])
@pytest.mark.parametrize(
    ("verify", "file", "step"),
    [
        (a_round, written(round_json(GAME.round(FIRST + 7))), 67),
        (a_round, written(round_json(Game(NO_ENTROPY).round(FIRST + 7))), 211),
        (a_round, written(round_json(GAME.void_round())), 211),
        (a_round, written(round_json(GAME.skipped_round())), 211),
        (a_ticket, written(ticket_json(GAME.ticket())), 101),
        (a_ticket, written(ticket_json(VOID_TICKET)), 311),
        (a_day, short_day(), 1499),
    ],
    ids=["round", "no entropy", "void", "skipped", "ticket", "void ticket", "day"],
)
async def test_what_rooms_verify_says_of_a_file_and_of_flipped_bits_the_page_says(
    script: "Page",
    verify: Callable[[bytes, Signers], Report],
    file: bytes,
    step: int,
    keys: str | None,
) -> None:
    files = list(flipped(file, step))

    said = await judged_by_the_page(script, files, keys)

    assert said == [judged(verify, each, keys) for each in files]
    assert said[0][0] == "verified"


def forged_days() -> Iterator[bytes]:
    """Days that somebody wrote anew, with their hash: each with one round changed."""
    lines = [json.loads(line) for line in short_day().splitlines()[:-1]]
    drawn = lines[8]
    for name, other in (
        ("round", 5),
        ("commit", "00" * 32),
        ("server_seed", lines[9]["server_seed"]),
        ("server_seed", None),
        ("beacon", None),
        ("beacon", lines[12]["beacon"]),
        ("draw", drawn["draw"][::-1]),
        ("draw", None),
        ("tickets", [{**lines[2]["tickets"][0], "prize": "1"}]),
        ("tickets", [{**lines[2]["tickets"][0], "refund": "VOID"}]),
    ):
        running = DayHash()
        wrong = [*lines[:8], {**drawn, name: other}, *lines[9:]]
        yield b"".join([running.write(each) for each in wrong]) + running.line()


async def test_forged_days_are_judged_alike_with_the_same_steps(script: "Page") -> None:
    files = list(forged_days())

    said = await judged_by_the_page(script, files, None)

    assert said == [judged(a_day, each, None) for each in files]
    assert {each[0] for each in said} == {"mismatch"}


async def test_forged_rounds_and_tickets_are_judged_alike_with_the_same_steps(
    script: "Page",
) -> None:
    round_, ticket = round_json(GAME.round(FIRST + 7)), ticket_json(GAME.ticket())
    entry, number = round_["chain"]["entry"], round_["beacon"]["round"]
    rounds = [
        changed(round_, "draw", to=round_["draw"][::-1]),
        changed(round_, "draw", to=None),
        changed(round_, "round", to=FIRST - 1),
        changed(round_, "round", to=2**70),
        changed(round_, "game", to="keno-fast"),
        changed(round_, "drand", to=None),
        changed(round_, "beacon", to=None),
        changed(round_, "beacon", to=beacon_json(Beacon(number, signed(5).signature))),
        changed(round_, "void", to=ticket["round"]["paytable"]),
        changed(round_, "chain", "index", to=0),
        changed(round_, "chain", "entry", to=entry.replace("80", str(2**60))),
        changed(round_, "chain", "entry", to=entry.replace("keno-main", "\\ud800")),
        changed(round_, "chain", "note", to="\ud800"),
        changed(round_, "draw", 0, to=2**53),
    ]
    tickets = [
        changed(ticket, "stake", to="1000001"),
        changed(ticket, "prize", to="7"),
        changed(ticket, "prize", to=None),
        changed(ticket, "refund", to="LATE_BINDING"),
        changed(ticket, "refund", to="CANCELLED"),
        changed(ticket, "picks", to=[1, 2, 81]),
        changed(ticket, "picks", to=[1] * 3),
        changed(ticket, "binding", to=None),
        changed(ticket, "binding", "accepted", "note", to="nonsense"),
        changed(ticket, "round", "game", to="kéno"),
        changed(ticket, "receipt", "signature", to="00" * 64),
    ]
    for verify, values in ((a_round, rounds), (a_ticket, tickets)):
        files = [written(each) for each in values]
        said = await judged_by_the_page(script, files, KEYS)
        assert said == [judged(verify, each, KEYS) for each in files]
        assert "verified" not in {each[0] for each in said}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        '{"a":1,"a":2}',
        '{"a":1.5}',
        '{"a":1e3}',
        '{"a":NaN}',
        '{"a":01}',
        '{"a":"\t"}',
        '{"a":1,}',
        '{"a":1}}',
        '{"a":' + "[" * 5000,
    ],
)
async def test_json_that_could_be_read_in_two_ways_is_refused(script: "Page", text: str) -> None:
    said = await script.evaluate(
        "(text) => { try { readObject(text); return null } catch (problem)"
        " { return problem instanceof Malformed ? problem.message : String(problem) } }",
        text,
    )
    assert said is not None
    assert "Error" not in said


async def test_whole_numbers_stay_exact(script: "Page") -> None:
    found = await script.evaluate(
        """() => canonical(["10", "9007199254740993"].map((text) => String(readObject(`{"n":${text}}`).n)))"""
    )
    assert found == '["10","9007199254740993"]'
