"""The sandbox's own controls: set a price, a script or a fault; look; delete."""

import re
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from rooms.kernel.time import from_millis, rfc3339, to_millis
from rooms.sandbox import names
from rooms.sandbox.answers import WORLD, json_answer
from rooms.sandbox.board import FAULTS, Fault, Setting
from rooms.sandbox.prices import Script
from rooms.sandbox.world import World

MOST_MAGNITUDE: Final = 18
MOST_STEPS: Final = 10_000
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)")
Steps = tuple[tuple[int, Decimal], ...]

_MILLIS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a PUT may hold: one way to set the price, and a source with its fault or null."""

    price: Decimal | None = None
    market_cap: Decimal | None = None
    path: tuple[tuple[str, Decimal], ...] | None = None
    source: str | None = None
    fault: str | msgspec.UnsetType | None = msgspec.UNSET


class MalformedError(ValueError):
    """The body of a PUT cannot be understood; its text is the sentence to answer with."""


async def put_feed(request: web.Request) -> web.Response:
    """Merge a change into what was set for an asset, which becomes known by it."""
    world, asset = request.app[WORLD], request.match_info["asset"]
    if not (names.is_ticker(asset) or names.is_mint(asset)):
        return _refused(422, f"{asset[:60]} is neither a ticker (A-Z, 0-9) nor a Solana address.")
    try:
        change = msgspec.json.decode(await request.read(), type=Change)
        setting = merged(world, asset, change)
    except (msgspec.MsgspecError, MalformedError) as malformed:
        return _refused(422, str(malformed))
    world.board.put(asset, setting)
    return json_answer(_state(world, asset))


async def get_feed(request: web.Request) -> web.Response:
    """Show an asset's true price and what was set for it."""
    world, asset = request.app[WORLD], request.match_info["asset"]
    if not world.board.knows(asset):
        return _refused(404, f"No source knows {asset[:60]}; PUT makes it known.")
    return json_answer(_state(world, asset))


async def get_feeds(request: web.Request) -> web.Response:
    """Show every known asset."""
    world = request.app[WORLD]
    return json_answer({"items": [_state(world, asset) for asset in world.board.assets()]})


async def delete_feed(request: web.Request) -> web.Response:
    """Forget what was set for an asset."""
    request.app[WORLD].board.delete(request.match_info["asset"])
    return web.Response(status=204)


def merged(world: World, asset: str, change: Change) -> Setting:
    """Put a change on top of what was set before. MalformedError says what is wrong with it."""
    now, setting = world.clock.now(), world.board.setting(asset)
    steps = _steps(change, asset, world.price(asset, now))
    script = Script(to_millis(now), steps) if steps else setting.script
    faults = dict(setting.faults)
    if (change.source is None) != (change.fault is msgspec.UNSET):
        raise MalformedError("A fault needs both its source and its fault (null clears it).")
    if change.source is None and not steps:
        raise MalformedError("Give a price, a market_cap, a path, or a source with its fault.")
    if change.source is not None:
        faults.pop(_source(change.source), None)
        if isinstance(change.fault, str):
            faults[change.source] = Fault(_fault(change.fault), to_millis(now))
    return Setting(script, faults)


def _steps(change: Change, asset: str, before: Decimal) -> Steps:
    """Give the steps that the change asks for; none if it is not about the price."""
    ways = [way for way in (change.price, change.market_cap, change.path) if way is not None]
    if len(ways) > 1:
        raise MalformedError("Give only one of price, market_cap and path.")
    if change.price is not None:
        return ((0, _positive(change.price)),)
    if change.market_cap is not None:
        if names.is_ticker(asset):
            raise MalformedError("A coin has no market_cap here: give a price.")
        return ((0, _positive(change.market_cap) / names.SUPPLY),)
    return _path(change.path, before) if change.path is not None else ()


def _path(path: tuple[tuple[str, Decimal], ...], before: Decimal) -> Steps:
    if not 1 <= len(path) <= MOST_STEPS:
        raise MalformedError(f"A path has 1 to {MOST_STEPS} steps.")
    steps = tuple((after(begins), _positive(price)) for begins, price in path)
    times = [begins for begins, _ in steps]
    if times != sorted(times):
        raise MalformedError("The steps of a path come in the order of their times.")
    return steps if times[0] == 0 else ((0, before), *steps)


def after(duration: str) -> int:
    """Read a duration such as ``500ms`` in milliseconds. MalformedError for anything else."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise MalformedError(f"{duration[:40]!r} is not a duration such as 500ms, 5s or 2m.")
    return int(Decimal(found[1]) * _MILLIS[found[2]])


def _positive(price: Decimal) -> Decimal:
    if not price.is_finite() or price <= 0 or abs(price.adjusted()) > MOST_MAGNITUDE:
        raise MalformedError("A price is a positive number of US dollars.")
    return price


def _source(source: str) -> str:
    if source not in names.SOURCES:
        raise MalformedError(f"A source is one of {', '.join(names.SOURCES)}.")
    return source


def _fault(fault: str) -> str:
    if fault not in FAULTS:
        raise MalformedError(f"A fault is one of {', '.join(FAULTS)}, or null.")
    return fault


def _state(world: World, asset: str) -> dict[str, Any]:
    now, setting = world.clock.now(), world.board.setting(asset)
    price, script = world.price(asset, now), setting.script
    kind: Literal["coin", "token"] = "coin" if names.is_ticker(asset) else "token"
    return {
        "asset": asset,
        "kind": kind,
        "at": rfc3339(now),
        "price": f"{price:f}",
        **({"market_cap": f"{price * names.SUPPLY:f}"} if kind == "token" else {}),
        "path": script and [[f"{after}ms", f"{step:f}"] for after, step in script.steps],
        "path_from": script and rfc3339(from_millis(script.starts)),
        "faults": {source: placed.fault for source, placed in setting.faults.items()},
    }


def _refused(status: int, sentence: str) -> web.Response:
    return json_answer({"detail": sentence}, status)
