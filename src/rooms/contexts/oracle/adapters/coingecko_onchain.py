"""CoinGecko on-chain: a token's price and total supply, from the pool it trusts most.

Market capitalisation is never read: it is null for unverified tokens, and the rule of the rooms
is price times supply.
"""

from collections.abc import Sequence
from typing import Final

from rooms.contexts.oracle.adapters import strict
from rooms.contexts.oracle.adapters.coingecko import key_header
from rooms.contexts.oracle.adapters.dialect import Answer, Request, UnusableError
from rooms.contexts.oracle.ports import Reading, SourceSettings

BATCH: Final = 30
_NETWORK: Final = "solana_"


def name_of(asset: str) -> str | None:
    return strict.mint(asset)


def request(names: Sequence[str], source: SourceSettings) -> Request:
    path = f"/api/v3/onchain/networks/solana/tokens/multi/{','.join(names)}"
    return Request(path, headers=key_header(source))


def read(name: str, answer: Answer) -> Reading:
    token = _token(answer.body, name)
    known = strict.member(token, "attributes")
    supply = strict.optional(known, "normalized_total_supply")
    return Reading(
        price=strict.positive(strict.member(known, "price_usd")),
        source_time=strict.moment(strict.member(known, "last_trade_timestamp"), answer.received_at),
        received_at=answer.received_at,
        pool=_pool(token),
        supply=None if supply is None else strict.positive(supply),
    )


def _token(body: object, name: str) -> object:
    for token in strict.rows(strict.member(body, "data")):
        if strict.member(token, "attributes", "address") == name:
            return token
    raise UnusableError("missing")


def _pool(token: object) -> str | None:
    """Find the pool that the price is from; the relationship is there only on some plans."""
    try:
        pools = strict.member(token, "relationships", "top_pools", "data")
        found = strict.member(strict.item(pools, 0), "id")
    except UnusableError:
        return None
    return found.removeprefix(_NETWORK) if isinstance(found, str) else None
