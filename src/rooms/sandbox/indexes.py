"""Coins as the indexes and oracles tell them: CoinDesk Data, CryptoCompare, Pyth, CoinGecko."""

import re
from decimal import Decimal
from typing import Final

from aiohttp import web

from rooms.kernel.time import to_millis
from rooms.sandbox import names
from rooms.sandbox.answers import json_answer
from rooms.sandbox.world import View, World

_MILLIS: Final = 1_000
_NANOS_PER_MILLI: Final = 1_000_000
_PYTH_ID: Final = re.compile(r"(0x)?[0-9a-f]{64}")
_COIN_SUPPLY: Final = 500_000_000


def coindesk_tick(request: web.Request, world: World) -> web.Response:
    """Answer the index's latest tick of each instrument asked for."""
    asked = request.query.get("instruments", "").split(",")
    coins = {name: name.removesuffix("-USD") for name in asked if name.endswith("-USD")}
    known = world.board.coins()
    if len(coins) != len(asked) or not set(coins.values()) <= set(known):
        message = f"Instruments not found: {','.join(asked)[:100]}"
        return json_answer({"Data": {}, "Err": {"type": 2, "message": message}}, 404)
    ticks = {name: _tick(name, world.view("coindesk", coin)) for name, coin in coins.items()}
    return json_answer({"Data": ticks, "Err": {}})


def _tick(name: str, view: View) -> dict[str, object]:
    seconds, millis = divmod(to_millis(view.now), _MILLIS)
    return {
        "TYPE": "266",
        "MARKET": "cadli",
        "INSTRUMENT": name,
        "CCSEQ": to_millis(view.now),
        "VALUE": view.price(),
        "VALUE_FLAG": "UP",
        "VALUE_LAST_UPDATE_TS": seconds,
        "VALUE_LAST_UPDATE_TS_NS": millis * _NANOS_PER_MILLI,
    }


def cryptocompare_full(request: web.Request, world: World) -> web.Response:
    """Answer the legacy full price; errors with HTTP 200, unknown coins left out."""
    known = world.board.coins()
    asked = [coin for coin in request.query.get("fsyms", "").split(",") if coin in known]
    if not asked or request.query.get("tsyms") != "USD":
        return json_answer(_cryptocompare_error(request.query.get("fsyms", "")))
    raw = {coin: {"USD": _full(world.view("cryptocompare", coin))} for coin in asked}
    return json_answer({"RAW": raw, "DISPLAY": {}})


def _full(view: View) -> dict[str, object]:
    return {
        "TYPE": "5",
        "MARKET": "CCCAGG",
        "FROMSYMBOL": view.asset,
        "TOSYMBOL": "USD",
        "PRICE": view.price(),
        "LASTUPDATE": _second(view),
        "MKTCAP": view.price() * _COIN_SUPPLY,
        "VOLUME24HOUR": 0,
    }


def cryptocompare_price(request: web.Request, world: World) -> web.Response:
    """Answer the legacy price, which comes without a time."""
    coin = request.query.get("fsym", "")
    if coin not in world.board.coins() or request.query.get("tsyms") != "USD":
        return json_answer(_cryptocompare_error(coin))
    return json_answer({"USD": world.view("cryptocompare", coin).price()})


def _cryptocompare_error(asked: str) -> dict[str, object]:
    message = f"cccagg_or_exchange market does not exist for this coin pair ({asked[:50]}-USD)"
    return {
        "Response": "Error",
        "Message": message,
        "HasWarning": False,
        "Type": 2,
        "RateLimit": {},
        "Data": {},
    }


def pyth_latest(request: web.Request, world: World) -> web.Response:
    """Answer the latest update of each id; an unknown id fails all, unless told to ignore it."""
    asked = [each.lower() for each in request.query.getall("ids[]", [])]
    if not asked or not all(_PYTH_ID.fullmatch(each) for each in asked):
        return web.Response(status=400, text="Failed to deserialize query string: ids[]")
    coins = {names.pyth_id(coin): coin for coin in world.board.coins()}
    found = {each: coins.get(each.removeprefix("0x")) for each in asked}
    missing = [each for each, coin in found.items() if coin is None]
    if missing and request.query.get("ignore_invalid_price_ids") != "true":
        return web.Response(status=404, text=f"Price ids not found: {', '.join(missing)}")
    parsed = [_update(world.view("pyth", coin)) for coin in found.values() if coin]
    return json_answer({"binary": {"encoding": "hex", "data": ["504e4155"]}, "parsed": parsed})


def _update(view: View) -> dict[str, object]:
    price = view.price()
    exponent = min(-8, _exponent(price))
    at = _second(view)
    told = {
        "price": str(int(price.scaleb(-exponent))),
        "conf": str(int(price.scaleb(-exponent)) // 5_000),
        "expo": exponent,
        "publish_time": at,
    }
    slot = at * 5 // 2
    meta = {"slot": slot, "proof_available_time": at, "prev_publish_time": at - 1}
    return {
        "id": names.pyth_id(view.asset),
        "price": told,
        "ema_price": told,
        "metadata": meta,
    }


def _exponent(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    assert isinstance(exponent, int), "a play price is finite"
    return exponent


def coingecko_simple(request: web.Request, world: World) -> web.Response:
    """Answer simple prices by CoinGecko's ids; unknown ids are left out."""
    if request.query.get("vs_currencies") != "usd":
        return json_answer({"error": "Missing parameter vs_currencies"}, 422)
    asked = set(request.query.get("ids", "").split(","))
    coins = {names.coingecko_id(coin): coin for coin in world.board.coins()}
    return json_answer(
        {
            name: simple_price(world.view("coingecko", coin))
            for name, coin in coins.items()
            if name in asked
        }
    )


def simple_price(view: View) -> dict[str, object]:
    """Write one asset as the simple prices do."""
    return {
        "usd": view.price(),
        "usd_market_cap": view.price() * _COIN_SUPPLY,
        "usd_24h_vol": 1_000_000,
        "usd_24h_change": 0.5,
        "last_updated_at": _second(view),
    }


def _second(view: View) -> int:
    return to_millis(view.now) // _MILLIS
