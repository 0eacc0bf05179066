"""Files for the page that checks, and the browser in which it does."""

import json
from collections.abc import AsyncIterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from rooms.proof.fields import Fields
from tests.browser import browsing
from tests.proof.keno_files import Game, day_lines, keys_json

if TYPE_CHECKING:
    from playwright.async_api import Browser

KEYS = json.dumps(dict(keys_json()))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_browser(chromium: str) -> AsyncIterator["Browser"]:
    async with browsing(chromium) as browser:
        yield browser


def written(value: Fields) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def short_day() -> bytes:
    head, rounds = Game().day(24)
    return b"".join(day_lines(head, rounds))


def changed(value: Any, *path: Any, to: Any) -> Any:
    value = deepcopy(value)
    within = value
    for name in path[:-1]:
        within = within[name]
    within[path[-1]] = to
    return value
