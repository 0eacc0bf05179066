"""Pyth Hermes: price * 10^expo, refused where the publishers are unsure by more than 1 %."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.dialect import Answer, Request, UnusableError
from rooms.contexts.oracle.ports import Reading, SourceSettings

BATCH: Final = 50
_MOST_UNSURE: Final = 100  # one part in a hundred
_IDS: Final[Mapping[str, str]] = {
    "BTC": "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43",
    "ETH": "ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace",
    "SOL": "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d",
    "USDC": "eaa020c61cc479712813461ce153894a96a6c00b21ed0cfc2798d1f9a9e9c94a",
}


def name_of(asset: str) -> str | None:
    return _IDS.get(asset)


def request(names: Sequence[str], source: SourceSettings) -> Request:
    # One id that Pyth dropped must not take the others with it.
    params = [("ids[]", name) for name in names]
    params += [("encoding", "hex"), ("parsed", "true"), ("ignore_invalid_price_ids", "true")]
    headers = {"Authorization": f"Bearer {source.key}"} if source.key else {}
    return Request("/hermes/v2/updates/price/latest", params, headers)


def read(name: str, answer: Answer) -> Reading:
    quote = strict.member(_update(answer.body, name), "price")
    price = strict.whole(strict.member(quote, "price"))
    unsure = strict.whole(strict.member(quote, "conf"))
    if unsure < 0 or unsure * _MOST_UNSURE > price > 0:
        raise UnusableError("unsure")
    exponent = strict.whole(strict.member(quote, "expo"))
    if abs(exponent) > strict.MOST_MAGNITUDE:
        raise UnusableError("absurd")
    return Reading(
        price=strict.positive(Decimal(f"{price}E{exponent}")),
        source_time=strict.moment(strict.member(quote, "publish_time"), answer.received_at),
        received_at=answer.received_at,
    )


def _update(body: object, name: str) -> object:
    for update in strict.rows(strict.member(body, "parsed")):
        found = strict.member(update, "id")
        if isinstance(found, str) and _bare(found) == _bare(name):
            return update
    raise UnusableError("missing")


def _bare(feed: str) -> str:
    return feed.lower().removeprefix("0x")
