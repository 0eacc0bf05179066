"""Kraken: the last public trade. Errors arrive with HTTP 200; Bitcoin is XBT."""

from collections.abc import Sequence
from typing import Final

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import Answer, Request, UnusableError
from rooms.contexts.oracle.ports import Reading, SourceSettings

BATCH: Final = 1
_PRICE, _TIME = 0, 2
_QUOTE: Final = "USD"


def name_of(asset: str) -> str | None:
    coin = strict.ticker(asset)
    return coin and ("XBT" if coin == "BTC" else coin) + _QUOTE


def request(names: Sequence[str], _: SourceSettings) -> Request:
    return Request("/0/public/Trades", {"pair": names[0], "count": "1"})


def read(name: str, answer: Answer) -> Reading:
    if strict.rows(strict.member(answer.body, "error")):
        raise UnusableError("error_answer")
    trades = strict.rows(_trades(strict.member(answer.body, "result"), name))
    if not trades:
        raise UnusableError("missing")
    return Reading(
        price=strict.positive(strict.item(trades[-1], _PRICE)),
        source_time=strict.moment(strict.item(trades[-1], _TIME), answer.received_at),
        received_at=answer.received_at,
    )


def _trades(result: object, name: str) -> object:
    """Find the pair's trades: older coins answer by a longer name, XBTUSD as XXBTZUSD."""
    longer = f"X{name.removesuffix(_QUOTE)}Z{_QUOTE}"
    if not isinstance(result, dict):
        raise UnusableError("wrong_type")
    pairs = [pair for pair in result if pair != "last"]
    if len(pairs) != 1 or pairs[0] not in {name, longer}:
        raise UnusableError("another_symbol")
    return result[pairs[0]]
