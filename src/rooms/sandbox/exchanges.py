"""Coins as the exchanges tell them: Binance, Coinbase Exchange, Kraken."""

from datetime import timedelta
from typing import Final

from aiohttp import web

from rooms.kernel.time import Instant, from_millis, rfc3339, to_millis
from rooms.sandbox.answers import json_answer
from rooms.sandbox.world import View, World

_MILLIS: Final = 1_000
_MOST_KLINES: Final = 1_000


def binance_klines(request: web.Request, world: World) -> web.Response:
    """Answer one second klines: the last one is still open, as on the real exchange."""
    view = _binance(request, world)
    if view is None:
        return json_answer({"code": -1121, "msg": "Invalid symbol."}, 400)
    if request.query.get("interval") != "1s":
        return json_answer({"code": -1120, "msg": "Invalid interval."}, 400)
    limit = request.query.get("limit", "500")
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST_KLINES:
        return json_answer({"code": -1100, "msg": "Illegal characters found in 'limit'."}, 400)
    current = to_millis(view.now) // _MILLIS
    return json_answer(
        [_kline(view, second) for second in range(current - int(limit) + 1, current + 1)]
    )


def _kline(view: View, second: int) -> list[object]:
    opens, closes = second * _MILLIS, second * _MILLIS + _MILLIS - 1
    first = view.price(from_millis(opens))
    last = view.price(min(from_millis(closes), view.now))
    low, high = sorted((first, last))
    ohlc = [f"{price:f}" for price in (first, high, low, last)]
    return [opens, *ohlc, "12.50000000", closes, "2000.00000000", 7, "6.00000000", "990.0", "0"]


def binance_ticker_price(request: web.Request, world: World) -> web.Response:
    """Answer the last price, which Binance tells without its time."""
    view = _binance(request, world)
    if view is None:
        return json_answer({"code": -1121, "msg": "Invalid symbol."}, 400)
    return json_answer({"symbol": request.query["symbol"], "price": f"{view.price():f}"})


def binance_time(_: web.Request, world: World) -> web.Response:
    """Answer the exchange's clock."""
    return json_answer({"serverTime": to_millis(world.clock.now())})


def _binance(request: web.Request, world: World) -> View | None:
    return _known(world, "binance", request.query.get("symbol", ""), "USDT")


def coinbase_ticker(request: web.Request, world: World) -> web.Response:
    """Answer a product's last trade."""
    if "User-Agent" not in request.headers:
        return json_answer({"message": "User-Agent header is required."}, 400)
    view = _known(world, "coinbase", request.match_info["product"], "-USD")
    if view is None:
        return json_answer({"message": "NotFound"}, 404)
    price = f"{view.price():f}"
    return json_answer(
        {
            "trade_id": to_millis(view.now),
            "price": price,
            "size": "0.1",
            "time": rfc3339(view.now).replace("Z", "000Z"),
            "bid": price,
            "ask": price,
            "volume": "1000.0",
        }
    )


def kraken_trades(request: web.Request, world: World) -> web.Response:
    """Answer the last trades; older coins under their longer name, errors with HTTP 200."""
    pair = request.query.get("pair", "")
    coin = pair.replace("XBT", "BTC")
    view = _known(world, "kraken", coin, "USD")
    if view is None:
        return json_answer({"error": ["EQuery:Unknown asset pair"]})
    count = request.query.get("count", "1000")
    if not count.isdecimal() or not 1 <= int(count) <= _MOST_KLINES:
        return json_answer({"error": ["EGeneral:Invalid arguments:count"]})
    at = [view.now - timedelta(seconds=ago) for ago in reversed(range(min(int(count), 50)))]
    trades = [
        [f"{view.price(time):f}", "0.50000000", _seconds(time), "b", "l", "", n]
        for n, time in enumerate(at, start=1)
    ]
    longer = {"BTC": "XXBTZUSD", "ETH": "XETHZUSD"}.get(view.asset, pair)
    last = f"{to_millis(view.now)}000000"
    return json_answer({"error": [], "result": {longer: trades, "last": last}})


def _seconds(time: Instant) -> str:
    seconds, millis = divmod(to_millis(time), _MILLIS)
    return f"{seconds}.{millis:03d}4567"


def _known(world: World, source: str, symbol: str, quote: str) -> View | None:
    coin = symbol.removesuffix(quote)
    if coin == symbol or coin not in world.board.coins():
        return None
    return world.view(source, coin)
