import base64
from typing import TYPE_CHECKING

from rooms.proof.roundfile import round_json
from rooms.proof.verifypage import policy, verify_page
from tests.entrypoints.page.conftest import Served
from tests.proof.checking_page import written
from tests.proof.keno_files import FIRST, Game

if TYPE_CHECKING:
    from playwright.async_api import Page


async def test_the_checking_page_is_served_whole_under_both_names(served: Served) -> None:
    for path in ("/verify", "/verify.html"):
        answer = await served.get(path)
        assert answer.status == 200
        assert answer.content_type == "text/html"
        assert answer.headers.getall("Content-Security-Policy") == [policy()]
        assert await answer.read() == verify_page()


async def test_a_link_hands_a_proof_to_the_checking_page_without_a_request(
    served: Served, tab: "Page"
) -> None:
    proof = written(round_json(Game().round(FIRST + 7)))
    link = f"{served.address}/verify#proof={base64.urlsafe_b64encode(proof).decode().rstrip('=')}"
    asked: list[str] = []
    tab.context.on("request", lambda request: asked.append(request.url))

    await tab.goto(link)
    await tab.locator(".report").wait_for()

    assert await tab.locator(".report").get_attribute("data-verdict") == "verified"
    assert [url for url in asked if url.startswith("http")] == [f"{served.address}/verify"]
