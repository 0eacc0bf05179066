"""The page's files: read once, served with their types, asked for again by their hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from rooms.proof.verifypage import policy, verify_page

FOLDER: Final = Path(__file__).parent / "page"
TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


def file_routes() -> list[HTTPRouteHandler]:
    """Give the handlers of ``/``, ``/r/{id}``, ``/keno``, ``/verify`` and ``/page/{file}``."""
    files = {path.name: (path.read_bytes(), TYPES[path.suffix]) for path in FOLDER.iterdir()}

    @get("/", include_in_schema=False)
    async def house_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _answer(request, *files["index.html"])

    @get("/r/{room:str}", include_in_schema=False)
    async def room_page(request: Request[Any, Any, Any], room: FromPath[str]) -> Response[bytes]:
        if not (room.isascii() and room.isdigit()):
            raise NotFoundException(detail="A room's page is /r/ and the room's number.")
        return _answer(request, *files["room.html"])

    @get("/keno", include_in_schema=False)
    async def keno_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _answer(request, *files["keno.html"])

    @get("/page/{file:str}", include_in_schema=False)
    async def page_file(request: Request[Any, Any, Any], file: FromPath[str]) -> Response[bytes]:
        if file not in files or file.endswith(".html"):
            raise NotFoundException(detail="The page has no such file.")
        return _answer(request, *files[file])

    @get(["/verify", "/verify.html"], include_in_schema=False)
    async def checking_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        own = {"Content-Security-Policy": policy()}
        return _answer(request, verify_page(), TYPES[".html"], own)

    return [house_page, room_page, keno_page, page_file, checking_page]


def _answer(
    request: Request[Any, Any, Any],
    content: bytes,
    media_type: str,
    own: Mapping[str, str] = MappingProxyType({}),
) -> Response[bytes]:
    """Send a file, or 304 to a browser that has it: a new version shows at the next load."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", **own}
    held = request.headers.get("If-None-Match", "").split(",")
    if tag in (each.strip().removeprefix("W/") for each in held):
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    return Response(content, headers=headers, media_type=media_type)
