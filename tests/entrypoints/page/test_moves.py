"""The house's page between two snapshots: what the feed says of a room moves its card."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.entrypoints.page.scripts import ask, blank

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="module")
__all__ = ["blank"]


def room(number: int, status: str = "OPEN", *, players: int = 0, minute: int = 10) -> Any:
    return {
        "id": str(number),
        "status": status,
        "players": players,
        "locks_at": f"2026-11-20T15:{minute}:00.000Z",
        "settles_at": f"2026-11-20T16:{minute}:00.000Z",
    }


SNAPSHOT = {
    "now": "2026-11-20T15:00:00.000Z",
    "playing": 2,
    "rooms": [{**room(7, minute=10), "course": [[1, 5000]]}, {**room(8, minute=20), "course": []}],
    "results": [],
}
SHOWN = "const shown = ({ playing, rooms }) => [playing, rooms.map((r) => [r.id, r.players])];"


async def moved(page: "Page", *frames: Any, snapshot: Any = SNAPSHOT, at: str = "15:00:01") -> Any:
    code = f"""{SHOWN}
        const found = moving();
        frames.forEach((room) => found.take(`2026-11-20T${{at}}.000Z`, room));
        const made = found.onto(snapshot);
        return [shown(made), made.rooms.map((room) => room.course)];
    """
    return await ask(page, "moves.js", code, frames=list(frames), snapshot=snapshot, at=at)


async def test_a_bet_moves_its_rooms_card_and_leaves_its_course(blank: "Page") -> None:
    shown, courses = await moved(blank, room(7, players=3))

    assert shown == [2, [["7", 3], ["8", 0]]]
    assert courses == [[[1, 5000]], []]


async def test_a_room_that_opens_stands_where_its_lock_puts_it(blank: "Page") -> None:
    shown, _ = await moved(blank, room(9, "QUEUING", minute=15))

    assert shown == [3, [["7", 0], ["9", 0], ["8", 0]]]


async def test_a_room_that_ends_leaves(blank: "Page") -> None:
    assert (await moved(blank, room(7, "VOIDED")))[0] == [1, [["8", 0]]]
    assert (await moved(blank, room(6, "SETTLED")))[0] == [2, [["7", 0], ["8", 0]]]


async def test_a_locked_room_stands_by_when_it_settles(blank: "Page") -> None:
    assert (await moved(blank, room(7, "LOCKED")))[0] == [2, [["8", 0], ["7", 0]]]


async def test_what_was_told_before_a_snapshot_is_in_it(blank: "Page") -> None:
    shown, _ = await moved(blank, room(7, players=3), at="15:00:00")

    assert shown == [2, [["7", 0], ["8", 0]]]


async def test_where_more_are_in_play_than_shown_an_unknown_one_is_no_new_one(
    blank: "Page",
) -> None:
    shown, _ = await moved(blank, room(9), snapshot={**SNAPSHOT, "playing": 60})

    assert shown == [60, [["7", 0], ["8", 0]]]


async def test_the_reading_direction_is_chosen_by_a_button_and_kept(blank: "Page") -> None:
    code = """
        const make = () => document.body.appendChild(document.createElement("button"));
        const [one, other] = [make(), make()];
        const seen = () => [document.documentElement.dir, one.textContent, other.textContent];
        turnable(one);
        one.click();
        turnable(other);
        const kept = seen();
        one.click();
        return [kept, seen()[0]];
    """
    kept, after = await ask(blank, "direction.js", code)

    assert kept == ["rtl", "Read from left to right", "Read from left to right"]
    assert after == "ltr"
