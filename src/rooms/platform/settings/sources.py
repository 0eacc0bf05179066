"""The price sources the oracle knows: a new one is one line here and one adapter."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from rooms.platform.settings.durations import Duration
from rooms.proof.beacon import SANDBOX, SANDBOX_MIRRORS

Role = Literal["coin", "bound", "token"]

_PYTH_SOL: Final = "ef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"
_PYTH_BTC: Final = "e62df6c8b4a85fe1a67db44dc12de5db330f7ac66b72dc658afedf0f4a415b43"
_PYTH_ETH: Final = "ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace"
_SANDBOX_INTERVAL: Final = timedelta(seconds=1)


def _http_url(url: str) -> str:
    """Check that adapters can append their paths to it; empty means that the source is off."""
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.netloc):
        raise ValueError("an http:// or https:// address, or nothing to switch the source off")
    return url.rstrip("/")


def _asset_names(symbols: Mapping[str, str]) -> dict[str, str]:
    # Names from the environment arrive in lower case; an asset's name is in upper case.
    return {asset.upper(): symbol for asset, symbol in symbols.items()}


class Source(BaseModel):
    """One price source. ``origin`` says whose data it is: equal origins count once.

    ``role`` is what it is asked for: ``coin`` prices, a coin's sanity ``bound``, or ``token``
    market caps. ``symbols`` holds its own name for each asset; tokens go by their mint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, AfterValidator(_http_url)]
    role: Role
    origin: str = Field(min_length=1)
    weight: int = Field(default=1, ge=1, le=1_000_000)
    max_age: Duration = Field(default=timedelta(seconds=5), gt=timedelta())
    min_interval: Duration = Field(default=timedelta(seconds=1), ge=timedelta())
    key: SecretStr | None = None
    symbols: Annotated[Mapping[str, str], AfterValidator(_asset_names)] = Field(
        default_factory=dict
    )

    @property
    def enabled(self) -> bool:
        """Say whether it is asked at all."""
        return self.url != ""


def _coin(url: str, *, origin: str, sol: str, btc: str, eth: str) -> Source:
    symbols = {"SOL": sol, "BTC": btc, "ETH": eth}
    return Source(url=url, role="coin", origin=origin, symbols=symbols)


class Sources(BaseModel):
    """Every source by its name. CryptoCompare is CoinDesk's old door, shut by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    binance: Source = _coin(
        "https://data-api.binance.vision",
        origin="binance",
        sol="SOLUSDT",
        btc="BTCUSDT",
        eth="ETHUSDT",
    )
    coinbase: Source = _coin(
        "https://api.exchange.coinbase.com",
        origin="coinbase",
        sol="SOL-USD",
        btc="BTC-USD",
        eth="ETH-USD",
    )
    kraken: Source = _coin(
        "https://api.kraken.com", origin="kraken", sol="SOLUSD", btc="XBTUSD", eth="ETHUSD"
    )
    coindesk: Source = _coin(
        "https://data-api.coindesk.com",
        origin="coindesk",
        sol="SOL-USD",
        btc="BTC-USD",
        eth="ETH-USD",
    )
    cryptocompare: Source = _coin("", origin="coindesk", sol="SOL", btc="BTC", eth="ETH")
    pyth: Source = _coin(
        "https://pyth.dourolabs.app/hermes",
        origin="pyth",
        sol=_PYTH_SOL,
        btc=_PYTH_BTC,
        eth=_PYTH_ETH,
    )
    coingecko: Source = Source(
        url="https://api.coingecko.com/api/v3",
        role="bound",
        origin="coingecko",
        max_age=timedelta(seconds=120),
        min_interval=timedelta(seconds=60),
        symbols={"SOL": "solana", "BTC": "bitcoin", "ETH": "ethereum"},
    )
    dexscreener: Source = Source(
        url="https://api.dexscreener.com",
        role="token",
        origin="dexscreener",
        max_age=timedelta(seconds=30),
        min_interval=timedelta(seconds=2),
    )
    coingecko_onchain: Source = Source(
        url="https://api.coingecko.com/api/v3",
        role="token",
        origin="coingecko_onchain",
        max_age=timedelta(seconds=120),
        min_interval=timedelta(seconds=3),
    )

    def by_name(self) -> dict[str, Source]:
        """Give all sources, also those that are off."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def enabled(self, *roles: Role) -> dict[str, Source]:
        """Give the sources that are asked, of the given roles or of all."""
        return {
            name: source
            for name, source in self.by_name().items()
            if source.enabled and (not roles or source.role in roles)
        }


def sandbox_overrides(base_url: str) -> dict[str, Any]:
    """Point every source at the sandbox: another host, the same paths, no waiting for quotas.

    Beacons come from the sandbox's own drand chain; games may do without any.

    For the ``profile`` of ``load``: what the user has set wins over it.
    """
    sandbox = urlsplit(base_url)
    moved: dict[str, Any] = {}
    for name, source in Sources().enabled().items():
        url = urlunsplit((sandbox.scheme, sandbox.netloc, urlsplit(source.url).path, "", ""))
        moved[name] = {
            "url": url,
            "min_interval": min(source.min_interval, _SANDBOX_INTERVAL),
        }
    return {
        "oracle": {"sources": moved},
        "fairness": {"drand": _sandbox_drand(base_url)},
        "keno": {"without_entropy": True},
    }


def _sandbox_drand(base_url: str) -> dict[str, Any]:
    mirrors = tuple(f"{base_url.rstrip('/')}/drand/{mirror}" for mirror in SANDBOX_MIRRORS)
    return {
        "public_key": SANDBOX.public_key.hex(),
        "period": SANDBOX.period,
        "genesis": SANDBOX.genesis,
        "group_hash": SANDBOX.group_hash.hex(),
        "beacon_id": SANDBOX.beacon_id,
        "mirrors": mirrors,
    }
