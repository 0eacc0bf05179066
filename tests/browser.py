"""A real browser for tests: Debian's Chromium, driven by Playwright, never downloaded by it.

``chromium`` is one process for all tests of a worker, because it takes long to start. ``browser``
is a connection of the test's own, on the test's own event loop, so that the page and the house that
serves it run side by side; ``tab`` is a page in a profile of its own.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, ConsoleMessage, Page

CHROMIUM: Final = "/usr/bin/chromium"
INSTALL: Final = "apt-get install -y --no-install-recommends chromium"
OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",  # root may not run without, and only pages of this project are opened
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--remote-debugging-port=0",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """The address at which the browser of this worker is driven; skips where there is none."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"needs {CHROMIUM}: {INSTALL}")
    with running_chromium() as address:
        yield address


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator["Browser"]:
    """The worker's Chromium, on the loop of this test."""
    async with browsing(chromium) as connected:
        yield connected


@pytest.fixture
async def tab(browser: "Browser") -> AsyncIterator["Page"]:
    """An empty page in a fresh profile; the test fails if a script of the page failed."""
    async with opened_tab(browser) as page:
        yield page


@contextmanager
def running_chromium() -> Iterator[str]:
    """Run Chromium with a fresh profile, which is also its home: a user may have none."""
    with tempfile.TemporaryDirectory(prefix="rooms-chromium-", ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={Path(home) / 'profile'}", "about:blank"],
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "TMPDIR": home},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        with process, process.stderr as said:
            address = _address(said)
            # What it says later is read too: a full pipe would stop it.
            reader = Thread(target=said.read)
            reader.start()
            try:
                yield address
            finally:
                process.terminate()
                process.wait(timeout=20)
                reader.join(timeout=20)


def _address(said: IO[str]) -> str:
    lines = []
    for line in said:
        lines.append(line)
        if listening := re.search(r"DevTools listening on (ws://\S+)", line):
            return listening[1]
    raise AssertionError("Chromium did not start:\n" + "".join(lines))


@asynccontextmanager
async def browsing(chromium: str) -> AsyncIterator["Browser"]:
    """Connect to a running Chromium: about half a second, of which most is Playwright's own start.

    A module with many small tests of pages that need no house connects once, in a fixture with
    ``scope="module", loop_scope="module"``, and marks its tests
    ``pytest.mark.asyncio(loop_scope="module")``.
    """
    from playwright.async_api import async_playwright  # noqa: PLC0415  (few tests need it)

    async with async_playwright() as playwright:
        connected = await playwright.chromium.connect_over_cdp(chromium)
        try:
            yield connected
        finally:
            await connected.close()


@asynccontextmanager
async def opened_tab(browser: "Browser", **options: object) -> AsyncIterator["Page"]:
    """Open a page in a fresh profile; ``options`` as of ``Browser.new_context``."""
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    failures: list[str] = []

    def on_console(message: "ConsoleMessage") -> None:
        if message.type == "error":
            failures.append(message.text)

    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", on_console)
        yield page
        assert not failures, failures
    finally:
        await context.close()
