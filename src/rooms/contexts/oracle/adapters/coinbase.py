"""Coinbase Exchange: the product ticker's last trade."""

from collections.abc import Sequence
from typing import Final

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import Answer, Request
from rooms.contexts.oracle.ports import Reading, SourceSettings

BATCH: Final = 1


def name_of(asset: str) -> str | None:
    coin = strict.ticker(asset)
    return coin and f"{coin}-USD"


def request(names: Sequence[str], _: SourceSettings) -> Request:
    return Request(f"/products/{names[0]}/ticker")


def read(_: str, answer: Answer) -> Reading:
    return Reading(
        price=strict.positive(strict.member(answer.body, "price")),
        source_time=strict.written_moment(strict.member(answer.body, "time"), answer.received_at),
        received_at=answer.received_at,
    )
