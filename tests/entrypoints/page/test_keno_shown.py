"""What the keno page shows and says: the draw, the sentence, the clock, the session, choosing."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.entrypoints.page.scripts import ORIGIN, ask, blank

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="module")
__all__ = ["blank"]

TERMS = {
    "epoch": "2023-11-14T22:13:20.000Z",
    "first_round": 10,
    "interval_ms": 5000,
    "lead_ms": 1000,
    "numbers": 80,
    "drawn": 20,
    "spots": [1, 2, 3],
}
EPOCH = 1_700_000_000_000
ONE = 10**9


def ticket(number: int, *, stake: int, prize: int) -> Any:
    return {
        "id": str(number),
        "round": number,
        "picks": [3],
        "stake": {"amount": str(stake)},
        "status": "WON" if prize else "LOST",
        "prize": {"amount": str(prize)},
    }


async def place(page: "Page", *names: str) -> None:
    """An empty page with elements of these ids."""
    await page.goto(ORIGIN)
    markup = "".join(f'<div id="{name}"></div>' for name in names)
    await page.set_content(f"<!doctype html><body>{markup}</body>")


async def test_a_draw_is_shown_as_far_as_it_is_told_each_catch_marked(blank: "Page") -> None:
    await place(blank, "tray", "heading")
    code = """
        const [list, heading] = ["tray", "heading"].map((id) => document.getElementById(id));
        const shown = tray(list, heading, { drawn: 4 });
        shown.update({ number: 7, draw: [5, 3, 9, 1] }, 2, new Set([3, 9]));
        return [...list.children].map((each) => [each.textContent, each.dataset.drawn]);
    """

    assert await ask(blank, "stage.js", code) == [
        ["5", "yes"],
        ["3", "caught"],
        ["", "no"],
        ["", "no"],
    ]
    assert await blank.locator("#heading").inner_text() == "Draw of round 7"


async def said(blank: "Page", *turns: list[Any]) -> list[list[str | None]]:
    """What is said after each turn, of rounds with these tickets."""
    await place(blank, "said")
    code = """
        const node = document.getElementById("said");
        const voice = saying(node);
        voice.skip([1]);
        return turns.map((tickets) => {
            voice.update(tickets.map((each) => [{ number: each.round, status: "SETTLED", draw: [3] }, [each]]));
            return [node.textContent.replaceAll("\\u00a0", " "), node.dataset.net ?? null];
        });
    """
    found: list[list[str | None]] = await ask(blank, "stage.js", code, turns=list(turns))
    return found


async def test_each_round_is_said_once_and_only_a_gain_is_celebrated(blank: "Page") -> None:
    won = ticket(2, stake=ONE, prize=3 * ONE)
    less = ticket(3, stake=ONE, prize=ONE // 2)

    silent, first, second, again = await said(
        blank, [ticket(1, stake=ONE, prize=0)], [won], [won, less], [won, less]
    )

    assert silent == ["", None]
    assert first == ["Round 2: 1 of 1 drawn, win 3.0000 SOL, net plus 2.0000 SOL.", "up"]
    assert second == ["Round 3: 1 of 1 drawn, 0.5000 SOL back, net minus 0.5000 SOL.", "even"]
    assert again == second


async def test_rounds_that_were_missed_are_said_together(blank: "Page") -> None:
    missed = [ticket(number, stake=ONE, prize=0) for number in range(2, 7)]

    assert await said(blank, missed) == [
        ["5 of your rounds were drawn, net minus 5.0000 SOL.", "even"]
    ]


@pytest.mark.parametrize(
    ("since", "lost", "left", "words"),
    [
        (0, False, "0:04", "Round 10 takes tickets."),
        (3700, False, "0:01", "Round 10 is closing: your next ticket is for round 11."),
        (4500, False, "0:01", "Round 10 is locked. Tickets are for round 11 now."),
        (0, True, "0:04", "No connection to the house; trying again."),
    ],
)
async def test_the_clock_says_where_the_round_is_or_that_nobody_knows(
    blank: "Page", *, since: int, lost: bool, left: str, words: str
) -> None:
    await place(blank, "clock")
    code = """
        const { phase } = await import("/page/schedule.js");
        const shown = clock(document.getElementById("clock"));
        shown.update(terms, phase(terms, now), "RUNNING", now, lost);
        return [".left", ".phase"].map((each) => document.querySelector(each).textContent);
    """

    found = await ask(blank, "session.js", code, terms=TERMS, now=EPOCH + since, lost=lost)
    assert found == [left, words]


async def test_balance_stake_net_and_time_are_figures_of_one_glance(blank: "Page") -> None:
    await place(blank, "session")
    code = """
        const figures = session(document.getElementById("session"));
        figures.update({ available: 5000000000n, waiting: 0n, net: -20000000n, since: 0, now: 5400000 });
        return [...document.querySelectorAll("dd")].map((each) => each.textContent.replaceAll("\\u00a0", " "));
    """

    assert await ask(blank, "session.js", code) == [
        *("5.0000 SOL", "0.0000 SOL", "\u22120.0200 SOL"),
        "1 h 30 min",
    ]


async def choose(blank: "Page") -> None:
    """The board with its tools; ``window.picks`` is what is chosen."""
    await place(blank, "grid", "tools", "label")
    code = """
        const [grid, tools, label] = ["grid", "tools", "label"].map((id) => document.getElementById(id));
        localStorage.clear();
        const part = choosing({ grid, tools, label }, terms, {
            chosen(picks) {
                window.picks = [...picks];
                part.update({ shown: [], caught: new Set() });
            },
            repeat: () => [70, 71],
        });
        part.update({ shown: [], caught: new Set() });
    """
    await ask(blank, "choosing.js", code, terms=TERMS)


async def picks(blank: "Page") -> list[int]:
    found: list[int] = await blank.evaluate("window.picks")
    return found


async def test_numbers_are_chosen_by_chance_by_typing_and_as_the_last_time(blank: "Page") -> None:
    await choose(blank)
    await blank.get_by_label("How many numbers").select_option("2")
    await blank.get_by_role("button", name="Quick pick").click()
    assert len(set(await picks(blank))) == 2

    await blank.get_by_label("Or type them").fill("5, 6 99")
    await blank.keyboard.press("Enter")
    assert await picks(blank) == [5, 6]
    assert await blank.get_by_text("numbers go from 1 to 80").is_visible()

    await blank.get_by_role("button", name="Repeat last").click()
    assert await picks(blank) == [70, 71]
    await blank.get_by_role("button", name="Clear").click()
    assert await picks(blank) == []


async def test_one_number_too_many_is_not_taken_and_it_is_said_why(blank: "Page") -> None:
    await choose(blank)
    for number in ("1", "2", "3", "4"):
        await blank.locator("#grid").get_by_text(number, exact=True).click()

    assert await picks(blank) == [1, 2, 3]
    assert await blank.get_by_text("at most 3 numbers. Take one off first").is_visible()


async def test_numbers_are_kept_in_the_browser_and_forgotten_again(blank: "Page") -> None:
    await choose(blank)
    await blank.get_by_label("Or type them").fill("8 9")
    await blank.keyboard.press("Enter")
    await blank.get_by_role("button", name="Save these").click()
    await blank.get_by_role("button", name="Clear").click()
    await blank.get_by_role("button", name="Play saved numbers 8 9").click()
    assert await picks(blank) == [8, 9]

    await blank.get_by_role("button", name="Forget 8 9").click()

    assert await blank.locator(".saved li").count() == 0


async def test_the_pay_table_is_of_the_numbers_marked(blank: "Page") -> None:
    await place(blank, "pays")
    code = """
        const table = paytable(document.getElementById("pays"), terms, { 2: ["0", "0.5", "12.5"] });
        table.update({ count: 2, stake: 10000000n, caught: 1 });
        const read = (node) => [...node.children].map((cell) => cell.textContent.replaceAll("\\u00a0", " "));
        return [...document.querySelectorAll("tbody")[0].rows].map((row) => [...read(row), row.dataset.caught]);
    """

    assert await ask(blank, "paytable.js", code, terms=TERMS) == [
        ["2", "\u00d7 12.5", "0.125", "1 in 16.63", "no"],
        ["1", "\u00d7 0.5", "0.005", "1 in 2.63", "yes"],
        ["0", "none", "\u2013", "1 in 1.79", "no"],
    ]
