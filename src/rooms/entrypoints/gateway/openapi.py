"""The description of the routes as an OpenAPI 3.1 document, made from the routes themselves."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from rooms.entrypoints.catalogue import catalogue
from rooms.entrypoints.gateway.described import OPT, Described
from rooms.entrypoints.gateway.messages import Problem
from rooms.entrypoints.gateway.problems import MEDIA_TYPE, ProblemAnswer

Json = dict[str, Any]

REF: Final = "#/components/schemas/{name}"
IN_PATH: Final = re.compile(r"{(\w+)}")
ALWAYS: Final = ("E-RATE", "E-INPUT", "E-BUG")
COMMAND: Final = (
    *("E-KEY-MISSING", "E-KEY-FORM", "E-KEY-REUSED", "E-TOO-LARGE"),
    *("E-UNKNOWN", "E-BUSY"),
)
ABOUT: Final = (
    "Amounts are whole numbers of the asset's smallest unit, as text. Every command carries an "
    "Idempotency-Key; sending it twice does it once and gives the same answer with "
    "Idempotent-Replay: true. Bad news is application/problem+json with a code: what happened, "
    "where the money is, what to do."
)
KEY_PARAMETER: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "1 to 255 printable ASCII characters, new for each command, kept for ever.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "example": "5f0c4a52-7d0e-4b6c-9a35-1a8f3a0d9e11",
}
REPLAY_HEADER: Final[Json] = {
    "description": "true where an earlier sending of this command did the work.",
    "schema": {"type": "string", "enum": ["true"]},
}
SCHEMES: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A player's access token."},
    "staff": {"type": "http", "scheme": "bearer", "description": "Of `rooms staff token`."},
}


def document(app: Litestar, version: str) -> Json:
    """Describe every route that says what it is."""
    found = list(_described(app))
    types = [Problem, *(one for _, _, each in found for one in _types(each))]
    _, components = msgspec.json.schema_components(types, ref_template=REF)
    paths: dict[str, Json] = defaultdict(dict)
    for path, handler, described in sorted(found, key=lambda each: each[0]):
        for method in sorted(handler.http_methods - {"OPTIONS"}):
            paths[path][method.lower()] = _operation(path, handler, described)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ROOMS", "version": version, "description": ABOUT},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": SCHEMES},
    }


def _described(app: Litestar) -> Iterable[tuple[str, HTTPRouteHandler, Described]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if OPT in handler.opt:
                    yield route.path_format, handler, handler.opt[OPT]


def _types(described: Described) -> Iterable[Any]:
    return (each for each in (described.answer, described.body, described.query) if each)


def _operation(path: str, handler: HTTPRouteHandler, described: Described) -> Json:
    operation: Json = {
        "operationId": handler.handler_name,
        "summary": described.summary,
        "tags": [described.tag],
        "parameters": list(_parameters(path, described)),
        "responses": _answers(handler, described),
    }
    if described.body is not None:
        example = described.body_example
        content = {"schema": _schema(described.body), "example": example}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    if described.player:
        operation["security"] = [{"bearer": []}]
    if described.staff:
        operation["security"] = [{"staff": []}]
    return operation


def _parameters(path: str, described: Described) -> Iterable[Json]:
    for name in IN_PATH.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if described.changes:
        yield KEY_PARAMETER
    if described.query is not None:
        _, components = msgspec.json.schema_components([described.query], ref_template=REF)
        fields = components[described.query.__name__]
        for name, schema in fields["properties"].items():
            required = name in fields["required"]
            yield {"name": name, "in": "query", "required": required, "schema": schema}


def _answers(handler: HTTPRouteHandler, described: Described) -> Json:
    content: Json = {"schema": _schema(described.answer)}
    if described.example is not None:
        content["example"] = described.example
    good: Json = {"description": described.summary, "content": {described.media_type: content}}
    if described.changes:
        good["headers"] = {"Idempotent-Replay": REPLAY_HEADER}
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in _codes(described):
        by_status[catalogue()[code].status].append(code)
    problems = {str(status): _problems(codes) for status, codes in sorted(by_status.items())}
    return {str(handler.status_code): good, **problems}


def _codes(described: Described) -> Iterable[str]:
    own = described.codes + (("E-AUTH",) if described.player else ())
    own += ("E-STAFF",) if described.staff else ()
    common = COMMAND if described.changes else ("E-UNAVAILABLE",)
    return dict.fromkeys((*own, *common, *ALWAYS))


def _problems(codes: Iterable[str]) -> Json:
    return {
        "description": "; ".join(f"{code}: {catalogue()[code].title}" for code in codes),
        "content": {
            MEDIA_TYPE: {
                "schema": _schema(Problem),
                "examples": {
                    code: {"value": msgspec.json.decode(ProblemAnswer(code).body())}
                    for code in codes
                },
            }
        },
    }


def _schema(kind: Any) -> Json:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return schema
