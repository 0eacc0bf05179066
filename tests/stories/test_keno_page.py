"""Keno as somebody plays it in a browser: the page, the house, and what may happen between them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.accessibility import look_at, violations
from tests.browser import browsing
from tests.stories.running import RunningHouse

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

SECONDS: Final = 1000
FAST: Final = "/keno?game=keno-fast"
DECIDED: Final = '.ticket[data-came="up"], .ticket[data-came="down"]'


@asynccontextmanager
async def player(browser: "Browser", house: RunningHouse, **options: Any) -> AsyncIterator["Page"]:
    """Somebody who has play money, in a browser of their own; no script of the page fails."""
    context = await browser.new_context(**options)
    failures: list[str] = []
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.set_default_timeout(60 * SECONDS)
        await page.goto(house.base + FAST)
        await page.get_by_role("button", name="Play with 100 SOL").click()
        await page.get_by_text("Balance").wait_for()
        yield page
        assert failures == []
    finally:
        await context.close()


async def mark(page: "Page", *numbers: int) -> None:
    for number in numbers:
        await page.locator("#board button").nth(number - 1).click()


async def buy(page: "Page", *, rounds: int = 1) -> None:
    await (
        page.get_by_role("group", name="Consecutive rounds")
        .get_by_text(str(rounds), exact=True)
        .click()
    )
    await page.locator("button.buy").click()
    await page.locator(".ticket").first.wait_for()


async def in_the_api(page: "Page", path: str) -> Any:
    """Ask the house what this page's player would be told."""
    code = """async (path) => {
        const { get } = await import("/page/player.js");
        return get(path, { own: true });
    }"""
    return await page.evaluate(code, path)


async def test_a_ticket_is_bought_drawn_told_in_one_sentence_and_can_be_checked(
    house: RunningHouse, browser: "Browser"
) -> None:
    async with player(browser, house) as page:
        await mark(page, 3, 17)
        await buy(page)
        await page.locator(DECIDED).wait_for()

        (ticket,) = (await in_the_api(page, "/v1/keno/tickets"))["items"]
        prize, catches = int(ticket["prize"]["amount"]), ticket["catches"]
        said = (await page.locator("#said").inner_text()).replace("\xa0", " ")
        assert said.startswith(f"Round {ticket['round']}: {catches} of 2 drawn, ")
        celebrated = await page.locator("#said").get_attribute("data-net") == "up"
        assert celebrated == (prize > int(ticket["stake"]["amount"]))
        wallet = await in_the_api(page, "/v1/wallet")
        left = int(wallet["balances"][0]["available"]["amount"])
        assert left == 100 * 10**9 - 10_000_000 + prize
        shown = await page.locator("#session dd").first.inner_text()
        assert shown.replace("\xa0", " ") == f"{left // 10**9}.{left % 10**9 // 10**5:04} SOL"
        async with page.context.expect_page() as opened:
            await page.locator(".ticket .verify").click()
        checker = await opened.value
        assert checker.url.startswith(f"{house.base}/verify#proof=")
        await checker.locator('.report[data-verdict="verified"]').wait_for()


async def test_who_loses_the_connection_in_mid_round_sees_what_came_of_it(
    house: RunningHouse, browser: "Browser"
) -> None:
    async with player(browser, house) as page:
        await mark(page, 5)
        await buy(page)
        await page.context.set_offline(offline=True)
        await page.get_by_text("Connection lost").wait_for()
        await page.context.set_offline(offline=False)

        await page.locator(DECIDED).wait_for()

        (ticket,) = (await in_the_api(page, "/v1/keno/tickets"))["items"]
        assert ticket["status"] in ("WON", "LOST")
        told = await page.locator(".ticket .ticket-words").inner_text()
        assert told.replace("\xa0", " ").startswith(f"{ticket['catches']} of 1 drawn")
        assert await page.locator("body").get_attribute("data-lost") is None


async def test_two_tabs_have_one_player_and_show_the_same(
    house: RunningHouse, browser: "Browser"
) -> None:
    async with player(browser, house) as first:
        second = await first.context.new_page()
        await second.goto(house.base + FAST)
        await second.get_by_text("Balance").wait_for()
        await mark(first, 7, 8)
        await first.locator("button.buy").dblclick()  # one purchase, as by a single one

        await second.locator(DECIDED).wait_for(timeout=60 * SECONDS)
        await first.locator(DECIDED).wait_for()

        for place in (".ticket .ticket-words", ".ticket .came", "#session dd >> nth=0"):
            assert await first.locator(place).inner_text() == (
                await second.locator(place).inner_text()
            )
        assert len((await in_the_api(first, "/v1/keno/tickets"))["items"]) == 1
        assert "token" not in second.url


async def test_a_house_that_is_killed_and_comes_back_is_followed_again(
    chromium: str, tmp_path: Path
) -> None:
    async with (
        own_house(tmp_path) as house,
        browsing(chromium) as browser,
        player(browser, house) as page,
    ):
        await mark(page, 1, 2, 3)
        await buy(page, rounds=5)
        house.kill()
        await page.get_by_text("Connection lost").wait_for()
        await page.locator("button.buy").click()  # a purchase that nobody answers
        await page.get_by_text("Checking").wait_for()

        house.start()
        await page.get_by_text("Connection lost").wait_for(state="detached")

        await page.wait_for_function(
            """() => document.querySelectorAll('.ticket[data-came="open"]').length === 0
                && document.querySelectorAll('.order[data-state="checking"]').length === 0"""
        )
        tickets = (await in_the_api(page, "/v1/keno/tickets"))["items"]
        assert all(each["status"] != "ACCEPTED" for each in tickets)
        assert len(tickets) in (5, 10)
        # What the log had too late is refunded.
        kept = [each for each in tickets if each["status"] != "REFUNDED"]
        staked = sum(int(each["stake"]["amount"]) for each in kept)
        back = sum(int(each["prize"]["amount"]) for each in kept)
        balances = (await in_the_api(page, "/v1/wallet"))["balances"]
        assert int(balances[0]["available"]["amount"]) == 100 * 10**9 - staked + back


@asynccontextmanager
async def own_house(folder: Path) -> AsyncIterator[RunningHouse]:
    """A house that comes back where it was: on the same port."""
    house = RunningHouse(folder / "data")
    house.start()
    house.port = house.base.rpartition(":")[2]
    try:
        yield house
    finally:
        assert house.stop() == 0


async def test_no_rule_of_accessibility_is_broken_at_any_width_in_any_light(
    house: RunningHouse, browser: "Browser"
) -> None:
    async with player(browser, house, reduced_motion="reduce") as page:
        await mark(page, 3, 17)
        await buy(page, rounds=5)
        await page.locator(DECIDED).first.wait_for()
        await look_at(page)
        await page.evaluate("document.getElementById('reality').showModal()")
        assert await violations(page, "{}") == []
