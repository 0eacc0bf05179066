"""A bet from a room's page: the quote before it, the bet, and what came of it."""

from typing import TYPE_CHECKING, Final

from tests.accessibility import look_at
from tests.browser import opened_tab
from tests.stories.running import Api, RunningHouse, coin, new_asset

if TYPE_CHECKING:
    from playwright.async_api import Browser

SECONDS: Final = 1000
ONE: Final = 10**9


async def test_somebody_sees_the_quote_bets_from_the_page_and_reads_what_came_of_it(
    house: RunningHouse, api: Api, browser: "Browser"
) -> None:
    asset = new_asset("P")
    await api.set_feed(asset, price="100")
    ada = await api.player("Ada")
    long = await ada.open_room(coin(asset, "120"), resolve="at_close", settles_in="10m")
    async with opened_tab(browser, reduced_motion="reduce") as page:
        page.set_default_timeout(60 * SECONDS)
        await page.goto(f"{house.base}/")  # a browser takes its time, a room does not wait for it
        await page.locator(".card").first.wait_for()
        room = await ada.open_room(coin(asset, "110"), resolve="at_close", settles_in="15s")
        await ada.must_bet(room, "NO", ONE)
        await page.goto(f"{house.base}/r/{room['id']}")
        await page.get_by_role("button", name="Bet with 100 SOL").dblclick()
        await page.get_by_label("Stake in SOL").fill("1")
        await page.get_by_text("If YES came out now you would get 1.9").wait_for()
        await page.get_by_role("button", name="on YES").dblclick()
        await page.get_by_text("You hold 1.0000").wait_for()

        await api.set_feed(asset, price="111")
        beside = await page.context.new_page()  # looked at while the first room waits for its end
        await beside.goto(f"{house.base}/r/{long['id']}")
        await beside.locator(".bet-form").wait_for()
        await look_at(beside)
        await page.get_by_text("net plus").wait_for()

        said = (await page.locator(".bet .said").inner_text()).replace("\xa0", " ")
        assert await page.locator(".bet-form").is_hidden()
        async with page.context.expect_page() as opened:
            await page.get_by_role("button", name="Derive it all in this browser").click()
        checker = await opened.value
        await checker.locator('.report[data-verdict="verified"]').wait_for()
        assert f"Room {room['id']}, YES" in await checker.get_by_role("status").inner_text()
        for each in (checker, page):
            await look_at(each)
        await page.goto(f"{house.base}/")
        await page.locator(".result").first.wait_for()
        await page.locator(".card").first.wait_for()
        await look_at(page)
    settlement = await api.settlement(room["id"])
    assert settlement["outcome"] == "YES"
    paid = 2 * ONE - int(settlement["takeout"]) - int(settlement["breakage"])
    assert said == (
        f"You staked 1.0000 SOL on YES and were paid {paid // ONE}.{paid % ONE // 10**5:04} SOL: "
        f"net plus 0.{(paid - ONE) // 10**5:04} SOL."
    )
