import asyncio

import pytest

from rooms.proof.pool import Side
from tests.entrypoints.page.conftest import Served
from tests.houses import ONE

HOSTILE = "</script><script>alert('hello')</script> \"and\" & more"


async def test_a_new_listener_hears_at_once_and_again_when_a_bet_is_placed(served: Served) -> None:
    house = served.house
    host, ada = await house.player(), await house.player()
    room = await house.open_room(host)

    async with served.stream("/live/rooms") as stream:
        first = await stream.snapshot()
        await house.bet(room.id, ada, Side.YES, 3 * ONE)
        while not (latest := await stream.snapshot())["rooms"][0]["players"]:
            pass

    assert [each["id"] for each in first["rooms"]] == [str(room.id)]
    assert first["rooms"][0]["pools"]["YES"]["amount"] == "0"
    assert latest["rooms"][0]["pools"]["YES"] == {"amount": str(3 * ONE), "asset": "SOL"}
    assert latest["rooms"][0]["course"][0][1] == 10_000
    assert latest["now"] > first["now"]


async def test_a_strangers_title_arrives_as_data_on_one_line(served: Served) -> None:
    room = await served.house.open_room(await served.house.player(), title=HOSTILE)

    async with served.stream("/live/rooms") as stream:
        snapshot = await stream.snapshot()
    async with served.stream(f"/live/rooms/{room.id}") as stream:
        own = await stream.snapshot()
    page = await (await served.get(f"/r/{room.id}")).text()

    assert snapshot["rooms"][0]["title"] == HOSTILE
    assert own["room"]["title"] == HOSTILE
    assert "alert(" not in page


async def test_results_say_how_a_room_came_out_and_why_another_is_void(served: Served) -> None:
    house = served.house
    host, ada, bob = [await house.player() for _ in range(3)]
    settled, void = [await house.open_room(host) for _ in range(2)]
    for room in (settled, void):
        await house.bet(room.id, ada, Side.NO, 2 * ONE)
    await house.bet(settled.id, bob, Side.YES, ONE)
    await house.bet(void.id, bob, Side.NO, ONE)
    await house.settle(settled.id, Side.NO)
    await house.settle(void.id, Side.YES)

    async with served.stream("/live/rooms") as stream:
        snapshot = await stream.snapshot()

    assert snapshot["rooms"] == []
    latest, earlier = snapshot["results"]
    assert (latest["id"], latest["settlement"]["reason"]) == (str(void.id), "NO_WINNER")
    assert (earlier["id"], earlier["settlement"]["outcome"]) == (str(settled.id), "NO")
    assert earlier["settlement"]["takeout"] == str(3 * ONE * 300 // 10_000)


async def test_a_room_that_ends_while_it_is_watched_moves_to_the_results(served: Served) -> None:
    house = served.house
    host, ada, bob = [await house.player() for _ in range(3)]
    room = await house.open_room(host)
    await house.bet(room.id, ada, Side.NO, ONE)
    await house.bet(room.id, bob, Side.YES, ONE)

    async with served.stream("/live/rooms") as stream:
        first = await stream.snapshot()
        await house.settle(room.id, Side.NO)
        while (latest := await stream.snapshot())["rooms"]:
            pass

    assert (len(first["rooms"]), first["results"]) == (1, [])
    assert [each["id"] for each in latest["results"]] == [str(room.id)]


async def test_a_rooms_own_stream_ends_with_its_evidence(served: Served) -> None:
    house = served.house
    host, ada, bob = [await house.player() for _ in range(3)]
    room = await house.open_room(host)
    await house.bet(room.id, ada, Side.NO, ONE)
    await house.bet(room.id, bob, Side.YES, ONE)

    async with served.stream(f"/live/rooms/{room.id}") as stream:
        first = await stream.snapshot()
        await house.settle(room.id, Side.NO)
        while (latest := await stream.snapshot())["settlement"] is None:
            pass

    assert first["room"]["status"] == "OPEN"
    assert latest["room"]["status"] == "SETTLED"
    assert latest["settlement"]["observations"][0]["quotes"]
    causes = [step["to"] for step in latest["room"]["transitions"]]
    assert causes == ["QUEUING", "OPEN", "LOCKED", "SETTLING", "SETTLED"]


@pytest.mark.parametrize("room", ["7", "0", "99999999999999999999", "seven"])
async def test_a_room_that_is_not_there_has_no_stream(served: Served, room: str) -> None:
    answer = await served.get(f"/live/rooms/{room}")

    assert (answer.status, (await answer.json())["code"]) == (404, "E-ROOM-UNKNOWN")


async def test_the_server_stops_while_browsers_listen(served: Served) -> None:
    async with served.stream("/live/rooms") as house, served.stream("/live/rooms") as other:
        await house.snapshot()
        await other.snapshot()

        await served.stop()

        assert [await house.line(), await other.line()] == [None, None]


async def test_nothing_is_read_for_listeners_that_have_left(served: Served) -> None:
    async with served.stream("/live/rooms") as stream, served.stream("/live/rooms") as other:
        await stream.snapshot()
        await other.snapshot()
        looking = [task for task in asyncio.all_tasks() if task.get_name() == "page None"]

    assert len(looking) == 1
    done, _ = await asyncio.wait(looking, timeout=20)
    assert done == set(looking)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/r/7", "text/html; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/page/house.js", "text/javascript; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_sent_with_its_type_and_only_once(
    served: Served, path: str, media_type: str
) -> None:
    first = await served.get(path)
    again = await served.get(path, **{"If-None-Match": first.headers["ETag"]})

    assert (first.status, first.headers["Content-Type"]) == (200, media_type)
    assert first.headers["Cache-Control"] == "no-cache"
    assert first.headers["Content-Security-Policy"] == "default-src 'self'"
    assert (again.status, await again.read()) == (304, b"")


@pytest.mark.parametrize("path", ["/page/index.html", "/page/nothing.js", "/r/seven"])
async def test_what_is_no_page_is_not_found(served: Served, path: str) -> None:
    assert (await served.get(path)).status == 404
