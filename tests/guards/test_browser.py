"""The browser that the tests of pages stand on."""

from typing import TYPE_CHECKING

import pytest

from tests.browser import opened_tab

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page


async def test_a_tab_runs_scripts(tab: "Page") -> None:
    await tab.set_content(
        "<p></p><script>document.querySelector('p').textContent = 1n + 2n</script>"
    )
    assert await tab.inner_text("p") == "3"


async def test_each_tab_begins_with_an_empty_profile(browser: "Browser") -> None:
    async with opened_tab(browser) as one, opened_tab(browser) as two:
        assert one.context is not two.context


async def test_a_script_that_fails_fails_the_test(browser: "Browser") -> None:
    with pytest.raises(AssertionError, match="lost its mind"):
        await open_what_fails(browser)


async def open_what_fails(browser: "Browser") -> None:
    async with opened_tab(browser) as page, page.expect_event("pageerror"):
        await page.set_content("<script>throw new Error('lost its mind')</script>")
