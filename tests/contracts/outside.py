"""What the contract tests of the feeds share: a clock by hand, sources, good answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from rooms.contexts.oracle.ports import Role
from rooms.kernel.time import Instant, from_millis

RECEIVED = from_millis(1_763_650_000_500)
SECOND = 1_763_650_000
SOL_ID = "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"
MINT = "69ZYxoxUgznntfXweMssmPwqELYMUmnZVfAWDhbL71Gy"
WRAPPED_SOL = "So11111111111111111111111111111111111111112"


class HandClock:
    """A clock that moves only when it is told to."""

    def __init__(self, at: Instant = RECEIVED) -> None:
        self.at = at

    def now(self) -> Instant:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    url: str
    key: str = ""
    weight: int = 1
    max_age: timedelta = timedelta(seconds=10)
    min_interval: timedelta = timedelta(seconds=1)
    origin: str = "somewhere"
    role: Role = "coin"
    symbols: Mapping[str, str] = field(default_factory=dict)


def pair(**changes: Any) -> dict[str, Any]:
    """One DexScreener pair of the token, 20,000 SOL deep."""
    return {
        "chainId": "solana",
        "pairAddress": "DeepPool",
        "baseToken": {"address": MINT},
        "quoteToken": {"address": WRAPPED_SOL},
        "priceUsd": "165.01",
        "liquidity": {"usd": Decimal("6000000.5"), "quote": 20_000},
        **changes,
    }


def kline(opens: int, close: Any = "165.01") -> list[Any]:
    """One Binance kline of a second, by its first millisecond."""
    return [opens, "165.0", "165.2", "164.9", close, "1.0", opens + 999, "165.0", 3, "0", "0", "0"]


def tick(**changes: Any) -> dict[str, Any]:
    """CoinDesk's answer."""
    told = {
        "INSTRUMENT": "SOL-USD",
        "VALUE": Decimal("165.01"),
        "VALUE_LAST_UPDATE_TS": SECOND,
        "VALUE_LAST_UPDATE_TS_NS": 123_456_789,
        **changes,
    }
    return {"Data": {"SOL-USD": told}, "Err": {}}


def full(**changes: Any) -> dict[str, Any]:
    """CryptoCompare's answer."""
    told = {"PRICE": Decimal("165.01"), "LASTUPDATE": SECOND, "FROMSYMBOL": "SOL", **changes}
    return {"RAW": {"SOL": {"USD": told}}, "DISPLAY": {}}


def update(price: Any = "16501000000", conf: Any = "9000000", **changes: Any) -> dict[str, Any]:
    """Pyth's answer."""
    told = {"price": price, "conf": conf, "expo": -8, "publish_time": SECOND, **changes}
    return {"parsed": [{"id": SOL_ID, "price": told}]}


def onchain(**changes: Any) -> dict[str, Any]:
    """CoinGecko's on-chain answer."""
    told = {
        "address": MINT,
        "price_usd": "165.01",
        "normalized_total_supply": "1000000000.0",
        "last_trade_timestamp": SECOND,
        **changes,
    }
    pools = {"top_pools": {"data": [{"id": "solana_StablePool"}]}}
    return {"data": [{"attributes": told, "relationships": pools}]}


GOOD: Mapping[str, Any] = {
    "binance": [kline(SECOND * 1_000 - 1_000), kline(SECOND * 1_000, "999")],
    "coinbase": {"trade_id": 1, "price": "165.01", "time": "2025-11-20T14:46:40.123456789Z"},
    "kraken": {
        "error": [],
        "result": {"SOLUSD": [["165.01000", "1", "1763650000.1234567", "b", "l", "", 1]]},
    },
    "coindesk": tick(),
    "cryptocompare": full(),
    "pyth": update(),
    "coingecko": {"solana": {"usd": Decimal("1.6501E+2"), "last_updated_at": SECOND}},
    "dexscreener": [pair()],
    "coingecko_onchain": onchain(),
}
"""A good answer of each source about SOL or the token: 165.01 US dollars."""


def asset_for(source: str) -> str:
    """The asset that this source is asked for."""
    return MINT if source in {"dexscreener", "coingecko_onchain"} else "SOL"
