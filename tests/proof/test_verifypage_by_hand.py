"""The page that checks in a browser, as a person uses it: from disk, by hand and by link."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rooms.proof.roundfile import round_json, ticket_json
from rooms.proof.verifypage import script_of, verify_page
from tests.browser import opened_tab
from tests.proof.checking_page import KEYS, changed, one_browser, short_day, written
from tests.proof.keno_files import FIRST, Game

if TYPE_CHECKING:
    from playwright.async_api import Browser, FilePayload, Page

__all__ = ["one_browser"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
GAME = Game()


@pytest.fixture
def on_disk(tmp_path: Path) -> str:
    page = tmp_path / "verify.html"
    page.write_bytes(verify_page())
    return page.as_uri()


async def give(tab: "Page", *files: tuple[str, bytes]) -> None:
    payloads: list[FilePayload] = [
        {"name": name, "mimeType": "application/json", "buffer": content} for name, content in files
    ]
    await tab.set_input_files("#files", payloads)


async def test_from_disk_the_page_checks_a_ticket_against_the_keys_and_asks_nobody(
    one_browser: "Browser", on_disk: str
) -> None:
    async with opened_tab(one_browser) as tab:
        asked: list[str] = []
        tab.context.on("request", lambda request: asked.append(request.url))
        await tab.goto(on_disk)
        ticket = written(ticket_json(GAME.ticket()))
        await give(tab, ("ticket.json", ticket), ("keys.json", KEYS.encode()))
        await tab.locator(".report").wait_for()

        assert await tab.get_by_role("heading", level=2).inner_text() == "Verified"
        assert await tab.locator(".steps li").count() == 8
        assert "not given" not in await tab.locator(".open").inner_text()
        assert await tab.evaluate("document.activeElement.tagName") == "H2"
        assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []


async def test_the_step_that_fails_is_named_on_the_page_and_to_screen_readers(
    one_browser: "Browser", on_disk: str
) -> None:
    proof = round_json(GAME.round(FIRST + 7))
    async with opened_tab(one_browser) as tab:
        await tab.goto(on_disk)
        await give(tab, ("round.json", written(changed(proof, "draw", to=proof["draw"][::-1]))))
        await tab.locator(".report").wait_for()

        assert await tab.locator(".wrong strong").all_inner_texts() == ["(d) draw"]
        status = await tab.get_by_role("status").inner_text()
        assert status == "keno-main, round 1,007: does not match, at (d) draw."


async def test_what_is_no_such_file_is_told_in_a_sentence(
    one_browser: "Browser", on_disk: str
) -> None:
    async with opened_tab(one_browser) as tab:
        await tab.goto(on_disk)
        await give(tab, ("photo.json", b"\xff\xd8"))
        status = tab.get_by_role("status")
        await status.get_by_text("photo.json").wait_for()

        assert await status.inner_text() == "photo.json: this cannot be read, it is not JSON."
        assert await tab.locator(".report").count() == 0


async def test_a_day_is_checked_off_the_page_with_its_progress(
    one_browser: "Browser", on_disk: str
) -> None:
    async with opened_tab(one_browser) as tab:
        await tab.goto(on_disk)
        await give(tab, ("day.ndjson", short_day()))
        await tab.locator(".report").wait_for()

        assert await tab.locator(".report").get_attribute("data-verdict") == "verified"
        assert "24 rounds" in await tab.get_by_role("status").inner_text()
        assert not await tab.locator("#busy").is_visible()


async def test_a_damaged_link_is_told(one_browser: "Browser", on_disk: str) -> None:
    async with opened_tab(one_browser) as tab:
        await tab.goto(f"{on_disk}#proof=A")
        await tab.get_by_text("The link is damaged").wait_for()


async def test_on_the_narrowest_screen_nothing_runs_over(
    one_browser: "Browser", on_disk: str
) -> None:
    async with opened_tab(one_browser, viewport={"width": 320, "height": 640}) as tab:
        await tab.goto(on_disk)
        await give(tab, ("ticket.json", written(ticket_json(GAME.ticket()))))
        await tab.locator(".report").wait_for()

        assert await tab.evaluate("document.documentElement.scrollWidth") <= 320


async def test_two_modules_that_declare_one_name_are_not_joined(tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("export function same() {}\n")
    (tmp_path / "two.js").write_text('import { same } from "./one.js";\nconst same = 1;\n')

    with pytest.raises(ValueError, match="same"):
        script_of("two.js", tmp_path)


async def test_the_page_allows_itself_no_request() -> None:
    page = verify_page().decode()

    assert "default-src 'none'; script-src 'sha256-" in page
    assert "connect-src" not in page
    assert "{{" not in page
