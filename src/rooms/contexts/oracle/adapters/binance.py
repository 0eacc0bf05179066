"""Binance spot: the close of the last closed 1 s kline, which is the only price with its time."""

from collections.abc import Sequence
from typing import Final

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import Answer, Request, UnusableError
from rooms.contexts.oracle.ports import Reading, SourceSettings
from rooms.kernel.time import to_millis

BATCH: Final = 1
_OPEN_TIME, _CLOSE, _CLOSE_TIME = 0, 4, 6
_LENGTH_MILLIS: Final = 999


def name_of(asset: str) -> str | None:
    coin = strict.ticker(asset)
    return coin and f"{coin}USDT"


def request(names: Sequence[str], _: SourceSettings) -> Request:
    return Request("/api/v3/klines", {"symbol": names[0], "interval": "1s", "limit": "5"})


def read(_: str, answer: Answer) -> Reading:
    now = to_millis(answer.received_at)
    closed = [kline for kline in strict.rows(answer.body) if _closes_at(kline) < now]
    if not closed:
        raise UnusableError("not_closed")
    last = max(closed, key=_closes_at)
    return Reading(
        price=strict.positive(strict.item(last, _CLOSE)),
        source_time=strict.moment(
            strict.item(last, _CLOSE_TIME), answer.received_at, per_second=1_000
        ),
        received_at=answer.received_at,
    )


def _closes_at(kline: object) -> int:
    opens = strict.whole(strict.item(kline, _OPEN_TIME))
    closes = strict.whole(strict.item(kline, _CLOSE_TIME))
    if closes - opens != _LENGTH_MILLIS:
        raise UnusableError("another_interval")
    return closes
