import json
from pathlib import Path

from rooms.cli.main import run
from rooms.kernel.ids import RoomId
from rooms.proof.pool import Side
from tests.entrypoints.conftest import Web, is_problem
from tests.houses import ONE


async def settled(web: Web) -> str:
    room: str = (await web.room(resolve="at_close"))["id"]
    await web.bet(room, await web.token(), "YES", 10 * ONE)
    await web.bet(room, await web.token(), "NO", 30 * ONE)
    await web.house.settle(RoomId(int(room)), Side.YES)
    return room


async def test_a_settlement_is_published_with_its_sums_and_evidence(web: Web) -> None:
    room = await settled(web)

    head = (await web.get(f"/v1/rooms/{room}/settlement")).json()

    assert head == await web.house.rooms.settlement(RoomId(int(room)))
    assert (head["outcome"], head["handle"], head["takeout"]) == (
        "YES",
        "40000000000",
        "1200000000",
    )
    assert (await web.get(f"/v1/rooms/{room}")).json()["outcome"] == "YES"


async def test_the_file_is_the_head_and_a_line_per_bet(web: Web, tmp_path: Path) -> None:
    room = await settled(web)

    answer = await web.get(f"/v1/rooms/{room}/settlement/file")

    assert answer.headers["Content-Type"] == "application/x-ndjson"
    head, *bets = map(json.loads, answer.text.splitlines())
    assert head == (await web.get(f"/v1/rooms/{room}/settlement")).json()
    assert [sorted(bet) for bet in bets] == [
        ["accepted_at", "counted", "payout", "ref", "side", "stake"]
    ] * 2
    file = tmp_path / "room.ndjson"
    file.write_bytes(answer.content)
    assert run(["verify", "room", str(file)]) == 0


async def test_a_room_that_is_not_settled_has_no_settlement_yet(web: Web) -> None:
    room = (await web.room())["id"]
    for path in ("settlement", "settlement/file", "settlement/record"):
        problem = is_problem(await web.get(f"/v1/rooms/{room}/{path}"), 409, "E-ROOM-UNSETTLED")
        assert "QUEUING" in problem["detail"]


async def test_the_file_is_checked_against_the_logs_record_of_the_room(
    web: Web, tmp_path: Path
) -> None:
    room, other = await settled(web), await settled(web)
    is_problem(await web.get(f"/v1/rooms/{room}/settlement/record"), 409, "E-PROOF-WAITS")
    await web.house.append()
    file, key = tmp_path / "room.ndjson", tmp_path / "key.json"
    file.write_bytes((await web.get(f"/v1/rooms/{room}/settlement/file")).content)
    key.write_bytes((await web.get("/v1/log/key")).content)
    records = {each: tmp_path / f"{each}.json" for each in (room, other)}
    for each, path in records.items():
        path.write_bytes((await web.get(f"/v1/rooms/{each}/settlement/record")).content)

    asked = ["verify", "room", str(file), "--key", str(key), "--record"]

    assert run([*asked, str(records[room])]) == 0
    assert run([*asked, str(records[other])]) == 3
