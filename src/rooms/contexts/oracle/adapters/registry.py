"""Every source by its name. Adding one is its file and one line here."""

from collections.abc import Mapping
from typing import Final

from rooms.contexts.oracle.adapters import (
    binance,
    coinbase,
    coindesk,
    coingecko,
    coingecko_onchain,
    cryptocompare,
    dexscreener,
    kraken,
    pyth,
)
from rooms.contexts.oracle.adapters.dialect import Dialect
from rooms.contexts.oracle.adapters.feed import TIME_OUT, HttpFeed
from rooms.contexts.oracle.ports import SourceSettings
from rooms.kernel.time import Clock
from rooms.platform.http import HttpClient

DIALECTS: Final[Mapping[str, Dialect]] = {
    "binance": binance,
    "coinbase": coinbase,
    "kraken": kraken,
    "coindesk": coindesk,
    "cryptocompare": cryptocompare,
    "pyth": pyth,
    "coingecko": coingecko,
    "dexscreener": dexscreener,
    "coingecko_onchain": coingecko_onchain,
}


def make_feed(
    name: str,
    source: SourceSettings,
    *,
    http: HttpClient,
    clock: Clock,
    time_out: float = TIME_OUT,
) -> HttpFeed:
    """Make the feed of a source in ``DIALECTS``; KeyError for a name that is not there."""
    return HttpFeed(
        name=name,
        source=source,
        dialect=DIALECTS[name],
        http=http,
        clock=clock,
        time_out=time_out,
    )
