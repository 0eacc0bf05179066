"""Tokens as DexScreener and CoinGecko on-chain tell them.

Every token trades in a deep and a shallow pool against wrapped SOL and in one against USDC, which
is the one CoinGecko prices by: the two sources are independent. A pair with the token as the
quote, and at an inverse price, is there to be recognised.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from aiohttp import web

from rooms.kernel.time import to_millis
from rooms.sandbox import names
from rooms.sandbox.answers import json_answer
from rooms.sandbox.world import View, World

DEEP: Final = Decimal(20_000)
SHALLOW: Final = Decimal(300)
_DIGITS: Final = Context(prec=10)
_MILLIS: Final = 1_000
_LAUNCHED: Final = 1_737_166_730_000
_DEX_ID: Final = {"SOL": "raydium", "USDC": "orca"}


@dataclass(frozen=True, slots=True)
class Pool:
    """One pair of a token: what it is against, how much of that is in it."""

    label: str
    quote: str
    quote_mint: str
    reserve: Decimal


POOLS: Final = (
    Pool("shallow", "SOL", names.WRAPPED_SOL, SHALLOW),
    Pool("stable", "USDC", names.USDC, Decimal(900_000)),
    Pool("deep", "SOL", names.WRAPPED_SOL, DEEP),
)


def dexscreener_tokens(request: web.Request, world: World) -> web.Response:
    """Answer every pair of the tokens asked for; none for the unknown."""
    views = world.token_views("dexscreener", request.match_info["mints"])
    return json_answer([pair for view in views for pair in _pairs(view, world)])


def _pairs(view: View, world: World) -> list[dict[str, object]]:
    against = {"SOL": world.price("SOL", view.now), "USDC": Decimal(1)}
    pairs = [_pair(view, pool, against[pool.quote]) for pool in POOLS]
    return [_turned(pairs[0], view.asset), *pairs]


def _pair(view: View, pool: Pool, quote_price: Decimal) -> dict[str, object]:
    price, worth = view.price(), pool.reserve * quote_price
    base = _DIGITS.divide(worth, price).to_integral_value() if price else Decimal(0)
    return {
        "chainId": "solana",
        "dexId": _DEX_ID[pool.quote],
        "url": f"https://dexscreener.com/solana/{names.pool_address(view.asset, pool.label)}",
        "pairAddress": names.pool_address(view.asset, pool.label),
        "baseToken": _token(view.asset),
        "quoteToken": {"address": pool.quote_mint, "name": pool.quote, "symbol": pool.quote},
        "priceNative": f"{_DIGITS.divide(price, quote_price):f}",
        "priceUsd": f"{price:f}",
        "txns": {"m5": {"buys": 31, "sells": 11}},
        "volume": {"h24": 150_000, "h6": 40_000, "h1": 7_000, "m5": 500},
        "priceChange": {"h24": 1.44},
        "liquidity": {"usd": 2 * worth, "base": base, "quote": pool.reserve},
        "fdv": price * names.SUPPLY,
        "marketCap": price * names.SUPPLY,
        "pairCreatedAt": _LAUNCHED,
    }


def _turned(pair: Mapping[str, object], mint: str) -> dict[str, object]:
    """Make the pair in which the token is the quote: its price is that of something else."""
    return {
        **pair,
        "pairAddress": names.pool_address(mint, "turned"),
        "baseToken": pair["quoteToken"],
        "quoteToken": pair["baseToken"],
        "priceUsd": "7.77",
    }


def _token(mint: str) -> dict[str, str]:
    known = mint == names.MINT
    return {
        "address": mint,
        "name": names.MINT_NAME if known else f"Token {mint[:4]}",
        "symbol": names.MINT_SYMBOL if known else mint[:4].upper(),
    }


def onchain_multi(request: web.Request, world: World) -> web.Response:
    """Answer each known token with its price, supply and the pool it trusts most."""
    views = world.token_views("coingecko_onchain", request.match_info["mints"])
    return json_answer({"data": [_onchain(view) for view in views]})


def _onchain(view: View) -> dict[str, object]:
    price = view.price()
    pools = [f"solana_{names.pool_address(view.asset, label)}" for label in ("stable", "deep")]
    told = {
        **_token(view.asset),
        "decimals": 6,
        "normalized_total_supply": f"{names.SUPPLY}.0",
        "price_usd": f"{price:f}",
        "fdv_usd": f"{price * names.SUPPLY:f}",
        "total_reserve_in_usd": "7900000.0",
        "market_cap_usd": None,
        "last_trade_timestamp": to_millis(view.now) // _MILLIS,
    }
    return {
        "id": f"solana_{view.asset}",
        "type": "token",
        "attributes": told,
        "relationships": {"top_pools": {"data": [{"id": pool, "type": "pool"} for pool in pools]}},
    }


def onchain_simple(request: web.Request, world: World) -> web.Response:
    """Answer the simple on-chain prices, keyed by mint."""
    views = world.token_views("coingecko_onchain", request.match_info["mints"])
    told = {
        "token_prices": {view.asset: f"{view.price():f}" for view in views},
        "last_trade_timestamp": {view.asset: str(to_millis(view.now) // _MILLIS) for view in views},
    }
    kind = "simple_token_price"
    return json_answer({"data": {"id": "sandbox", "type": kind, "attributes": told}})
