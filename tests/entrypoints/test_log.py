import base64
import json
from typing import Any

from rooms.proof.checkpoint import (
    cosign,
    is_signed_by,
    parse_key,
    parse_note,
    with_signatures,
)
from tests.contexts.fairness.grown_log import WITNESS, WITNESS_NAME, TestLog
from tests.entrypoints.conftest import Web, is_problem
from tests.proof import hand_merkle


async def asked(web: Web, path: str) -> Any:
    answer = await web.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def grown(web: Web, size: int) -> TestLog:
    log = TestLog(web.house.database)
    await log.record(*range(size))
    await log.append()
    return log


async def test_the_newest_head_is_signed_by_the_published_key(web: Web) -> None:
    await grown(web, 3)

    key = await asked(web, "/v1/log/key")
    head = await asked(web, "/v1/log/head")

    own, note = parse_key(key["key"]), parse_note(head["checkpoint"])
    assert is_signed_by(note, own)
    assert (note.checkpoint.size, note.checkpoint.root.hex()) == (head["size"], head["root"])
    assert note.signatures[0].signature.hex() == head["signature"]
    assert head["key_id"] == key["key_id"] == own.id.hex()
    assert (key["origin"], key["public_key"]) == ("rooms.example/log", own.public.hex())
    assert head["at"].endswith("Z")
    assert head["witnessed"] is None
    answer = await web.get("/log/checkpoint")
    assert answer.text == head["checkpoint"]
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_entries_and_proofs_are_enough_to_check_the_head_by_hand(web: Web) -> None:
    log = await grown(web, 7)
    older = await asked(web, "/v1/log/head")
    await log.record(*range(7, 12))
    await log.append()

    head = await asked(web, "/v1/log/head")
    listed = await asked(web, f"/v1/log/entries?start=0&end={head['size']}")
    entries = [each.encode() for each in listed["entries"]]
    shown = await asked(web, "/v1/log/proofs/inclusion?index=5&size=12")
    grew = await asked(web, "/v1/log/proofs/consistency?from=7&to=12")

    assert (listed["start"], head["size"]) == (0, 12)
    assert hand_merkle.mth(entries).hex() == head["root"]
    assert hand_merkle.mth(entries[:7]).hex() == older["root"]
    path = [bytes.fromhex(each) for each in shown["path"]]
    assert hand_merkle.root_from_path(entries[5], 5, 12, path) == hand_merkle.mth(entries)
    assert [bytes.fromhex(each) for each in grew["path"]] == hand_merkle.proof(7, entries)
    assert (shown["index"], shown["size"], grew["from"], grew["to"]) == (5, 12, 7, 12)
    assert json.loads(listed["entries"][4])["from"] == 4


async def test_tiles_are_served_as_any_client_of_them_asks(web: Web) -> None:
    await grown(web, 300)
    listed = await asked(web, "/v1/log/entries?start=0&end=299")
    entries = [each.encode() for each in listed["entries"]]

    full = await web.get("/log/tile/0/000")
    partial = await web.get("/log/tile/0/001.p/44")
    above = await web.get("/log/tile/1/000.p/1")
    bundle = await web.get("/log/tile/entries/001.p/2")

    assert full.content == b"".join(hand_merkle.mth([entry]) for entry in entries[:256])
    assert "immutable" in full.headers["cache-control"]
    assert full.headers["content-type"] == "application/octet-stream"
    assert partial.content == b"".join(hand_merkle.mth([entry]) for entry in entries[256:])
    assert "immutable" not in partial.headers["cache-control"]
    assert above.content == hand_merkle.mth(entries[:256])
    assert bundle.content == b"".join(
        len(entry).to_bytes(2, "big") + entry for entry in entries[256:258]
    )


async def test_what_the_log_does_not_have_is_a_problem(web: Web) -> None:
    for path in ("/v1/log/head", "/log/checkpoint", "/v1/log/entries?start=0&end=1"):
        is_problem(await web.get(path), 503, "E-LOG-EMPTY")
    await grown(web, 2)

    for path in ("0/000", "0/000.p/3", "1/000.p/1", "x/000", "0/0", "entries/000", "0/x000/001"):
        is_problem(await web.get(f"/log/tile/{path}"), 404, "E-LOG-TILE")
    for path in (
        "entries?start=2&end=3",
        "entries?start=1&end=0",
        "proofs/inclusion?index=2&size=2",
        "proofs/inclusion?index=0&size=3",
        "proofs/consistency?from=2&to=1",
        "proofs/consistency?from=1&to=3",
    ):
        is_problem(await web.get(f"/v1/log/{path}"), 422, "E-LOG-RANGE")
    for path in (
        "entries",
        "entries?start=-1&end=1",
        "entries?start=a&end=1",
        "proofs/inclusion?index=1",
        "proofs/consistency?from=1&to=99999999999999999999",
    ):
        is_problem(await web.get(f"/v1/log/{path}"), 422, "E-INPUT")


async def test_a_witness_hands_in_its_cosignature_and_it_is_served(web: Web) -> None:
    log = await grown(web, 2)
    note = (await web.get("/log/checkpoint")).text
    line = cosign(parse_note(note).checkpoint, WITNESS_NAME, WITNESS, 1_763_650_000).text()
    cosigned = with_signatures(note, [line])

    taken = await web.client.put("/v1/log/cosignatures", json={"note": cosigned})
    refused = await web.client.put("/v1/log/cosignatures", json={"note": note})

    assert (taken.status_code, taken.json()) == (200, {"cosignatures": 1})
    is_problem(refused, 422, "E-COSIGNATURE")
    assert (await web.get("/log/checkpoint")).text == cosigned
    await log.record(9)
    await log.append()
    head = await asked(web, "/v1/log/head")
    assert (head["size"], head["cosignatures"]) == (3, [])
    assert head["witnessed"]["checkpoint"] == cosigned
    assert base64.b64decode(line.split(" ")[2])[:4] == WITNESS_NAME.id
