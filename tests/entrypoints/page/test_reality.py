"""The reality check of the keno page: when it comes, what it says, and that it cannot be put off."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.entrypoints.page.scripts import ORIGIN, ask, blank

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="module")
__all__ = ["blank"]

START = """
    localStorage.clear();
    sessionStorage.clear();
    document.body.replaceChildren(document.createElement("dialog"));
    const place = document.querySelector("dialog");
    let left = 0;
    const check = realityCheck(place, { leave: () => (left += 1) });
    const outcome = { staked: 3000000000n, waiting: 0n, net: -1000000000n };
    const since = 1_700_000_000_000;
    const at = (minutes, playing = true) => {
        check.update({ playing, since, now: since + minutes * 60000, outcome });
        return place.open;
    };
    const press = (words) =>
        [...place.querySelectorAll("button")].find((each) => each.textContent === words).click();
"""


async def run(page: "Page", code: str) -> Any:
    await page.goto(ORIGIN)
    return await ask(page, "reality.js", START + code)


async def test_it_comes_after_half_an_hour_says_what_came_and_again_after_another(
    blank: "Page",
) -> None:
    code = """
        const first = [at(29), at(30), place.querySelector("p").textContent];
        press("Go on playing");
        return [...first, place.open, at(59), at(60), left];
    """

    early, due, words, *after = await run(blank, code)

    assert (early, due, after) == (False, True, [False, False, True, 0])
    assert words.replace("\xa0", " ") == (
        "You have played for 30 min. Your tickets here cost 3.0000 SOL and came to "
        "net minus 1.0000 SOL."
    )


async def test_who_watches_only_is_not_asked(blank: "Page") -> None:
    assert await run(blank, "return [at(90, false), at(91)]") == [False, True]


async def test_escape_does_not_answer_it_and_stopping_leaves(blank: "Page") -> None:
    code = """
        at(30);
        const escaped = place.dispatchEvent(new Event("cancel", { cancelable: true }));
        const still = place.open;
        press("Stop for now");
        return [escaped, still, place.open, left];
    """

    assert await run(blank, code) == [False, True, False, 1]


async def test_how_often_it_comes_is_chosen_and_kept_and_a_page_loaded_anew_does_not_ask_again(
    blank: "Page",
) -> None:
    code = """
        at(30);
        const choice = place.querySelector("select");
        choice.value = "15";
        choice.dispatchEvent(new Event("change"));
        press("Go on playing");
        const anew = document.body.appendChild(document.createElement("dialog"));
        const other = realityCheck(anew, { leave() {} });
        const then = (minutes) => {
            other.update({ playing: true, since, now: since + minutes * 60000, outcome });
            return anew.open;
        };
        return [then(44), then(45)];
    """

    assert await run(blank, code) == [False, True]
