"""The page's scripts in a real browser, without a house: each is imported and asked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest_asyncio

from rooms.entrypoints.gateway import pagefiles
from tests.browser import browsing

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

ORIGIN: Final = "http://rooms.test"
EMPTY: Final = '<!doctype html><html lang="en"><title>Scripts</title><body></body></html>'


async def from_the_folder(route: "Route") -> None:
    """Answer with a file of the page; anything else is an empty page."""
    path = Path(urlsplit(route.request.url).path)
    if path.parent.name == "page":
        body = (pagefiles.FOLDER / path.name).read_bytes()
        await route.fulfill(body=body, content_type=pagefiles.TYPES[path.suffix])
    else:
        await route.fulfill(body=EMPTY, content_type="text/html")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def blank(chromium: str) -> AsyncIterator["Page"]:
    """A page of this module's tests, empty, from which the page's files can be imported."""
    async with browsing(chromium) as browser, await browser.new_context() as context:
        page = await context.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        await page.route(f"{ORIGIN}/**", from_the_folder)
        await page.goto(ORIGIN)
        yield page
        assert failures == []


async def ask(page: "Page", script: str, code: str, **given: Any) -> Any:
    """Run code with the names that a script of the page exports; ``given`` are its variables."""
    names = ", ".join(given) or "_"
    exported = await page.evaluate(f"import('/page/{script}').then((all) => Object.keys(all))")
    return await page.evaluate(
        f"""async ({{ {names} }}) => {{
            const {{ {", ".join(exported)} }} = await import("/page/{script}");
            {code}
        }}""",
        given,
    )
