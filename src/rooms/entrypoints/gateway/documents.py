"""Pages that explain: the description of the routes, and every code."""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from rooms.entrypoints.catalogue import Entry, catalogue
from rooms.entrypoints.gateway.answers import answer
from rooms.entrypoints.gateway.calls import Call
from rooms.kernel.refusal import Refusal

STYLE: Final = Path(__file__).with_name("documents.css")
Json = Mapping[str, Any]


@get("/api/docs")
async def docs(request: Call) -> Response[bytes]:
    """Show the description: to a browser as a page, to a program as OpenAPI 3.1."""
    described = request.app.state.openapi()
    return _by_accept(request, described, lambda: _page("ROOMS: the API", _api(described)))


@get("/api/docs/openapi.json")
async def openapi_json(request: Call) -> Response[bytes]:
    """Give the description as OpenAPI 3.1."""
    return answer(request.app.state.openapi())


@get("/api/docs/live")
async def live_docs(request: Call) -> Response[bytes]:
    """Show the description of the feed: to a browser as a page, to a program as AsyncAPI 3."""
    described = request.app.state.asyncapi()
    return _by_accept(request, described, lambda: _page("ROOMS: the live feed", _live(described)))


@get("/api/docs/asyncapi.json")
async def asyncapi_json(request: Call) -> Response[bytes]:
    """Give the description of the feed as AsyncAPI 3."""
    return answer(request.app.state.asyncapi())


@get("/api/docs/style.css")
async def style() -> Response[bytes]:
    """Give the pages their looks."""
    return Response(STYLE.read_bytes(), media_type="text/css")


@get("/errors")
async def codes(request: Call) -> Response[bytes]:
    """List every code."""
    titles = {entry.code: entry.title for entry in catalogue().values()}
    return _by_accept(request, titles, lambda: _page("ROOMS: codes", _codes(titles)))


@get("/errors/{code:str}")
async def code_page(request: Call, code: FromPath[str]) -> Response[bytes]:
    """Explain a code. Refuses E-ROUTE where there is none."""
    entry = catalogue().get(code.upper())
    if entry is None:
        raise Refusal("E-ROUTE")
    words = entry.explained()
    said = {"detail": words.detail, "money": words.money, "next": words.next}
    about = {"code": entry.code, "status": entry.status, "title": words.title, **said}
    return _by_accept(request, about, lambda: _page(f"{entry.code}: {entry.title}", _code(entry)))


def _by_accept(request: Call, data: object, page: Callable[[], str]) -> Response[bytes]:
    if "text/html" in request.headers.get("accept", ""):
        return Response(page().encode(), media_type="text/html")
    return answer(data)


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        '<link rel="stylesheet" href="/api/docs/style.css"></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def _codes(titles: Mapping[str, str]) -> str:
    rows = (f"<dt>{_link(code)}</dt><dd>{escape(title)}</dd>" for code, title in titles.items())
    return f"<dl>{''.join(rows)}</dl>"


def _code(entry: Entry) -> str:
    words = entry.explained()
    rows = {
        "What happened": words.detail,
        "Your money": words.money,
        "What to do": words.next,
        "HTTP status": str(entry.status),
    }
    said = (f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f'<dl>{"".join(said)}</dl><p><a href="/errors">All codes</a></p>'


def _api(described: Json) -> str:
    routes = (
        _route(method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    )
    about = escape(described["info"]["description"])
    links = (
        '<p><a href="/api/docs/openapi.json">OpenAPI 3.1</a> '
        '<a href="/api/docs/live">The live feed</a> <a href="/errors">All codes</a></p>'
    )
    return f"<p>{about}</p>{links}{''.join(routes)}"


def _live(described: Json) -> str:
    about = escape(described["info"]["description"])
    links = (
        '<p><a href="/api/docs/asyncapi.json">AsyncAPI 3</a> <a href="/api/docs">The API</a> '
        '<a href="/errors">All codes</a></p>'
    )
    messages = "".join(map(_message, described["components"]["messages"].values()))
    return f"<p>{about}</p>{links}{messages}"


def _message(message: Json) -> str:
    example = message.get("examples", [{"payload": message["payload"]}])[0]["payload"]
    text = msgspec.json.format(msgspec.json.encode(example), indent=2).decode()
    return (
        f"<section><h2>{escape(message['name'])}</h2>"
        f"<p>{escape(message['summary'])}</p><pre>{escape(text)}</pre></section>"
    )


def _route(method: str, path: str, operation: Json) -> str:
    who = "<p>Needs Authorization: Bearer.</p>" if "security" in operation else ""
    parameters = "".join(
        f"<li><code>{escape(each['name'])}</code> in {each['in']}"
        f"{', required' if each['required'] else ''}</li>"
        for each in operation["parameters"]
    )
    return (
        f"<section><h2><b>{method.upper()}</b> {escape(path)}</h2>"
        f"<p>{escape(operation['summary'])}</p>{who}<ul>{parameters}</ul>"
        f"{_sent(operation)}{''.join(_answered(operation['responses']))}</section>"
    )


def _sent(operation: Json) -> str:
    if "requestBody" not in operation:
        return ""
    return f"<h3>Send</h3>{_example(operation['requestBody']['content'])}"


def _answered(responses: Mapping[str, Json]) -> Iterable[str]:
    for status, response in responses.items():
        examples = next(iter(response["content"].values())).get("examples")
        if examples is None:
            yield f"<h3>Answer {status}</h3>{_example(response['content'])}"
        else:
            links = " ".join(map(_link, examples))
            yield f"<p>{status}: {links}</p>"


def _example(content: Mapping[str, Json]) -> str:
    media_type, described = next(iter(content.items()))
    if "example" not in described:
        return f"<p>{escape(media_type)}</p>"
    text = msgspec.json.format(msgspec.json.encode(described["example"]), indent=2).decode()
    return f"<pre>{escape(text)}</pre>"


def _link(code: str) -> str:
    return f'<a href="/errors/{escape(code)}">{escape(code)}</a>'
