import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from rooms.entrypoints.catalogue import catalogue
from rooms.entrypoints.gateway.app import ROUTES, SANDBOX
from tests.entrypoints.conftest import Web

CONTRACT = {
    ("post", "/v1/sandbox/players"),
    ("post", "/v1/rooms"),
    ("get", "/v1/rooms"),
    ("get", "/v1/rooms/{room}"),
    ("get", "/v1/rooms/{room}/quote"),
    ("post", "/v1/rooms/{room}/bets"),
    ("get", "/v1/rooms/{room}/settlement"),
    ("get", "/v1/rooms/{room}/settlement/file"),
    ("get", "/v1/rooms/{room}/settlement/record"),
    ("get", "/v1/bets"),
    ("get", "/v1/bets/{bet}/proof"),
    ("get", "/v1/wallet"),
    ("get", "/v1/wallet/entries"),
    ("get", "/v1/referrals"),
    ("get", "/v1/wallet/solvency"),
    ("get", "/v1/solvency"),
    ("get", "/v1/log/key"),
    ("get", "/v1/log/head"),
    ("get", "/v1/log/entries"),
    ("get", "/v1/log/proofs/inclusion"),
    ("get", "/v1/log/proofs/consistency"),
    ("put", "/v1/log/cosignatures"),
    ("get", "/log/checkpoint"),
    ("get", "/log/tile/{level}/{name}"),
    ("get", "/v1/keno/games"),
    ("get", "/v1/keno/games/{game}"),
    ("get", "/v1/keno/games/{game}/rounds"),
    ("get", "/v1/keno/games/{game}/rounds/{number}"),
    ("get", "/v1/keno/paytables/{digest}"),
    ("get", "/v1/keno/games/{game}/rounds/{number}/proof"),
    ("get", "/v1/keno/games/{game}/days/{day}"),
    ("get", "/v1/keno/tickets/{ticket}/proof"),
    ("post", "/v1/keno/games/{game}/tickets"),
    ("get", "/v1/keno/tickets"),
    ("get", "/v1/keno/tickets/{ticket}"),
    ("delete", "/v1/keno/tickets/{ticket}"),
    ("post", "/v1/admin/keno/games"),
    ("patch", "/v1/admin/keno/games/{game}"),
    ("post", "/v1/admin/keno/games/{game}/status"),
    ("get", "/v1/admin/keno/bankrolls"),
    ("post", "/v1/admin/keno/bankrolls"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/version"),
}


OWN = (
    *("/v1/bets", "/v1/wallet", "/v1/wallet/entries", "/v1/referrals"),
    *("/v1/bets/{bet}/proof", "/v1/wallet/solvency"),
    *("/v1/keno/tickets", "/v1/keno/tickets/{ticket}"),
    "/v1/keno/tickets/{ticket}/proof",
)


async def described(web: Web) -> dict[str, Any]:
    answer = await web.get("/api/docs")
    document: dict[str, Any] = answer.json()
    assert answer.content == (await web.get("/api/docs/openapi.json")).content
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


async def test_every_route_of_the_contract_is_described(web: Web) -> None:
    document = await described(web)
    assert document["openapi"].startswith("3.1.")
    assert {(method, path) for method, path, _ in operations(document)} == CONTRACT
    assert len(ROUTES) + len(SANDBOX) == len(CONTRACT) + 7  # and the pages that explain


async def test_every_command_documents_its_key_and_every_own_route_its_token(web: Web) -> None:
    for method, path, operation in operations(await described(web)):
        names = {each["name"] for each in operation["parameters"]}
        commands = method in ("post", "patch", "delete")
        assert ("Idempotency-Key" in names) == commands
        assert ("requestBody" in operation) == (method in ("post", "patch", "put"))
        if "/admin/" in path:
            assert operation["security"] == [{"staff": []}]
            continue
        acts = commands and "sandbox" not in path
        assert operation.get("security", []) == ([{"bearer": []}] if path in OWN or acts else [])
        assert ("401" in operation["responses"]) == (path in OWN or acts)


async def test_every_problem_is_documented_with_an_example_of_a_known_code(web: Web) -> None:
    for _, _, operation in operations(await described(web)):
        for status, response in operation["responses"].items():
            if int(status) < 300:
                continue
            examples = response["content"]["application/problem+json"]["examples"]
            for code, example in examples.items():
                assert str(catalogue()[code].status) == status
                assert example["value"]["code"] == code
        assert {"429", "500"} <= operation["responses"].keys()


async def test_every_reference_of_the_description_leads_somewhere(web: Web) -> None:
    document = await described(web)
    text = (await web.get("/api/docs")).text
    names = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', text))
    assert names
    assert names <= document["components"]["schemas"].keys()


async def test_the_examples_are_what_the_schemas_describe(web: Web) -> None:
    document = await described(web)
    schemas = document["components"]["schemas"]
    for _, _, operation in operations(document):
        contents = [operation["responses"].get("200") or operation["responses"]["201"]]
        contents += [operation["requestBody"]] if "requestBody" in operation else []
        for content in contents:
            (media,) = content["content"].values()
            reference = media["schema"].get("$ref", "").removeprefix("#/components/schemas/")
            if reference:
                known = schemas[reference]
                assert set(known["required"]) <= media["example"].keys() <= set(known["properties"])


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


async def test_the_pages_need_nothing_from_elsewhere_and_their_links_lead_somewhere(
    web: Web,
) -> None:
    for path in ("/api/docs", "/errors", "/errors/e-bet-locked"):
        answer = await web.get(path, Accept="text/html,application/xhtml+xml")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        page = Links()
        page.feed(answer.text)
        assert not page.tags & {"script", "style", "iframe"}
        assert page.found
        for link in set(page.found):
            assert link.startswith("/")
            assert (await web.get(link)).status_code == 200


async def test_each_code_has_a_page_in_words_and_in_json(web: Web) -> None:
    for code, entry in catalogue().items():
        explained = (await web.get(f"/errors/{code}")).json()
        assert (explained["code"], explained["status"]) == (code, entry.status)
        page = (await web.get(f"/errors/{code}", Accept="text/html")).text
        assert entry.title.replace("'", "&#x27;") in page
        assert "<stake>" not in page
