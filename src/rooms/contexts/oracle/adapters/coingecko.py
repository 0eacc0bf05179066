"""CoinGecko's simple price: a sanity bound, up to a minute old, never part of a consensus."""

from collections.abc import Mapping, Sequence
from typing import Final

from yarl import URL

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import Answer, Request
from rooms.contexts.oracle.ports import Reading, SourceSettings

BATCH: Final = 50
_IDS: Final[Mapping[str, str]] = {"BTC": "bitcoin", "ETH": "ethereum", "SOL": "solana"}


def name_of(asset: str) -> str | None:
    return _IDS.get(asset)


def request(names: Sequence[str], source: SourceSettings) -> Request:
    params = {
        "ids": ",".join(names),
        "vs_currencies": "usd",
        "include_last_updated_at": "true",
        "precision": "full",
    }
    return Request("/api/v3/simple/price", params, key_header(source))


def read(name: str, answer: Answer) -> Reading:
    coin = strict.member(answer.body, name)
    return Reading(
        price=strict.positive(strict.member(coin, "usd")),
        source_time=strict.moment(strict.member(coin, "last_updated_at"), answer.received_at),
        received_at=answer.received_at,
    )


def key_header(source: SourceSettings) -> Mapping[str, str]:
    """Send the key as the plan wants it, which the host tells."""
    if not source.key:
        return {}
    paid = (URL(source.url).host or "").startswith("pro-api.")
    return {"x-cg-pro-api-key" if paid else "x-cg-demo-api-key": source.key}
