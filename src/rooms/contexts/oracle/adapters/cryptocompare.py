"""CryptoCompare, the legacy face of CoinDesk Data. Errors arrive with HTTP 200."""

from collections.abc import Sequence
from typing import Final

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import Answer, Request, UnusableError
from rooms.contexts.oracle.ports import Reading, SourceSettings

BATCH: Final = 1


def name_of(asset: str) -> str | None:
    return strict.ticker(asset)


def request(names: Sequence[str], source: SourceSettings) -> Request:
    headers = {"Authorization": f"Apikey {source.key}"} if source.key else {}
    return Request("/data/pricemultifull", {"fsyms": names[0], "tsyms": "USD"}, headers)


def read(name: str, answer: Answer) -> Reading:
    if strict.optional(answer.body, "Response") == "Error":
        raise UnusableError("error_answer")
    tick = strict.member(answer.body, "RAW", name, "USD")
    strict.same(strict.optional(tick, "FROMSYMBOL") or name, name)
    strict.same(strict.optional(tick, "TOSYMBOL") or "USD", "USD")
    return Reading(
        price=strict.positive(strict.member(tick, "PRICE")),
        source_time=strict.moment(strict.member(tick, "LASTUPDATE"), answer.received_at),
        received_at=answer.received_at,
    )
