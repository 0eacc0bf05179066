"""What things are called out there: tickers, mints, pools, and each source's own names."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

SOURCES: Final = (
    "binance",
    "coinbase",
    "kraken",
    "coindesk",
    "cryptocompare",
    "pyth",
    "coingecko",
    "dexscreener",
    "coingecko_onchain",
)
MINT: Final = "69ZYxoxUgznntfXweMssmPwqELYMUmnZVfAWDhbL71Gy"
MINT_NAME: Final = "Rooms Sandbox"
MINT_SYMBOL: Final = "PLAY"
SUPPLY: Final = 1_000_000_000
WRAPPED_SOL: Final = "So11111111111111111111111111111111111111112"
USDC: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"

PYTH_IDS: Final[Mapping[str, str]] = {
    "BTC": "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43",
    "ETH": "ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace",
    "SOL": "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d",
    "USDC": "eaa020c61cc479712813461ce153894a96a6c00b21ed0cfc2798d1f9a9e9c94a",
}
COINGECKO_IDS: Final[Mapping[str, str]] = {
    "BTC": "bitcoin",
    "ETH": "ethereum",
    "SOL": "solana",
    "USDC": "usd-coin",
}

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TICKER: Final = re.compile(r"[A-Z0-9]{1,20}")
_ADDRESS: Final = re.compile(f"[{_BASE58}]{{32,44}}")
_ADDRESS_BYTES: Final = 32


def is_mint(name: str) -> bool:
    """Whether a name is 32 bytes in base58, as a Solana address is."""
    if not _ADDRESS.fullmatch(name):
        return False
    number = 0
    for character in name:
        number = number * 58 + _BASE58.index(character)
    zeros = len(name) - len(name.lstrip("1"))
    return zeros + (number.bit_length() + 7) // 8 == _ADDRESS_BYTES


def is_ticker(name: str) -> bool:
    """Whether a name can be a coin's ticker."""
    return _TICKER.fullmatch(name) is not None


def pyth_id(coin: str) -> str:
    """Give the coin's feed id: the real one, or one made of its name."""
    return PYTH_IDS.get(coin) or hashlib.sha256(f"rooms/sandbox/pyth|{coin}".encode()).hexdigest()


def coingecko_id(coin: str) -> str:
    """Give the coin's CoinGecko id: the real one, or its name in lower case."""
    return COINGECKO_IDS.get(coin) or coin.lower()


def pool_address(mint: str, label: str) -> str:
    """Make up the address of one of a token's pools, always the same."""
    digest = hashlib.sha256(f"rooms/sandbox/pool|{label}|{mint}".encode()).digest()
    number, letters = int.from_bytes(digest), ""
    while number:
        number, place = divmod(number, 58)
        letters = _BASE58[place] + letters
    return "1" * (len(digest) - len(digest.lstrip(b"\0"))) + letters
