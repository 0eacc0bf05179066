"""The settings by section, with their defaults and bounds."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from rooms.kernel.money import LAMPORTS_PER_SOL
from rooms.platform.settings.durations import Duration
from rooms.platform.settings.sources import Sources
from rooms.proof.beacon import QUICKNET, DrandChain

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_NOTHING = timedelta()

BasisPoints = Annotated[int, Field(ge=0, le=10_000)]
Lamports = Annotated[int, Field(ge=1, le=10**18)]


class ParimutuelSettings(BaseModel):
    """Rooms and bets. Amounts in lamports, rates in basis points.

    New assets are those that no room was about yet: so many a minute are asked for, so that
    nobody uses up what the price sources allow.
    """

    model_config = _FROZEN

    duration_min: Duration = Field(default=timedelta(minutes=15), gt=_NOTHING)
    duration_max: Duration = Field(default=timedelta(hours=24), gt=_NOTHING)
    lock_fraction: Decimal = Field(default=Decimal("0.5"), ge=Decimal("0.1"), le=Decimal("0.9"))
    min_players: int = Field(default=2, ge=1, le=1000)
    stake_min: Lamports = 1_000_000
    stake_max: Lamports = 1_000 * LAMPORTS_PER_SOL
    past_post_window: Duration = Field(default=timedelta(seconds=3), ge=_NOTHING)
    settle_grace: Duration = Field(default=timedelta(minutes=15), ge=_NOTHING)
    protocol_bps: BasisPoints = 200
    host_bps: BasisPoints = 100
    rooms_per_host: int = Field(default=10, ge=1)
    new_assets_per_host: int = Field(default=10, ge=1)
    new_assets: int = Field(default=60, ge=1)
    admin_void_delay: Duration = Field(default=timedelta(minutes=10), ge=_NOTHING)
    token_depth_bps: BasisPoints = 200
    token_liquidity_floor: Lamports = 50 * LAMPORTS_PER_SOL
    token_window: Duration = Field(default=timedelta(minutes=5), gt=_NOTHING)

    @model_validator(mode="after")
    def _lowest_below_highest(self) -> Self:
        if self.duration_min > self.duration_max:
            raise ValueError("duration_min must not be longer than duration_max")
        if self.stake_min > self.stake_max:
            raise ValueError("stake_min must not be above stake_max")
        return self


class OracleSettings(BaseModel):
    """How often prices are asked, and what it takes to agree on one."""

    model_config = _FROZEN

    interval: Duration = Field(default=timedelta(seconds=3), gt=_NOTHING)
    confirmations: int = Field(default=2, ge=1, le=100)
    quorum_coin: int = Field(default=3, ge=1)
    quorum_token: int = Field(default=2, ge=1)
    spread_coin: Decimal = Field(default=Decimal("0.005"), gt=0, lt=1)
    spread_token: Decimal = Field(default=Decimal("0.03"), gt=0, lt=1)
    stale_after: Duration = Field(default=timedelta(seconds=10), gt=_NOTHING)
    sources: Sources = Sources()


class KenoSettings(BaseModel):
    """Keno's clock and what its games are held to.

    The returns to the player of every paytable lie between ``rtp_lowest`` and ``rtp_highest``.
    A round is void ``entropy_grace`` after its beacon was due, but only if who leads has asked for
    it in vain for ``entropy_insist``: a house that comes back may have its network a little later.
    Games ``without_entropy`` are for play money: who has the master key knows their draws. Games
    are divided over ``shards``, each with a leader of its own, who renews its ``lease`` four times
    while it lasts; the lease is the same in all processes of a house.
    """

    model_config = _FROZEN

    entropy_grace: Duration = Field(default=timedelta(hours=1), gt=_NOTHING)
    entropy_insist: Duration = Field(default=timedelta(minutes=1), ge=_NOTHING)
    commits_ahead: int = Field(default=120, ge=120, le=10_000)
    rtp_lowest: Decimal = Field(default=Decimal("0.80"), ge=0, le=1)
    rtp_highest: Decimal = Field(default=Decimal("0.99"), ge=0, le=1)
    without_entropy: bool = False
    shards: int = Field(default=1, ge=1, le=64)
    lease: Duration = Field(default=timedelta(seconds=4), ge=timedelta(seconds=1))

    @model_validator(mode="after")
    def _lowest_below_highest(self) -> Self:
        if self.rtp_lowest > self.rtp_highest:
            raise ValueError("rtp_lowest must not be above rtp_highest")
        return self


def _listed(value: object) -> object:
    """Read ``1500, 500, 200`` or ``[1500, 500, 200]`` from text."""
    if isinstance(value, str):
        return [part for part in value.strip().strip("[]").split(",") if part.strip()]
    return value


class ReferralSettings(BaseModel):
    """Rewards to the referrers of a bettor: basis points of the fee, nearest level first."""

    model_config = _FROZEN

    depth: int = Field(default=3, ge=0, le=3)
    bps: Annotated[tuple[BasisPoints, ...], BeforeValidator(_listed)] = (1500, 500, 200)

    @model_validator(mode="after")
    def _a_rate_for_each_level(self) -> Self:
        if len(self.bps) < self.depth:
            raise ValueError(f"bps needs a rate for each of the {self.depth} levels of depth")
        return self


class DatabaseSettings(BaseModel):
    """A PostgreSQL of your own; without ``url`` the embedded one is used.

    ``url`` is the application's role, ``owner_url`` may migrate, ``reader_url`` only reads.
    Facts that every consumer has handled are forgotten after ``keep_facts``.
    """

    model_config = _FROZEN

    url: SecretStr | None = None
    owner_url: SecretStr | None = None
    reader_url: SecretStr | None = None
    pool_size: int = Field(default=10, ge=2, le=500)
    keep_facts: Duration = Field(default=timedelta(hours=168), ge=timedelta(hours=1))


def _per_second(value: object) -> object:
    """Read ``50/s`` as 50."""
    return value.strip().removesuffix("/s") if isinstance(value, str) else value


Rate = Annotated[int, BeforeValidator(_per_second), Field(ge=1)]


class GatewaySettings(BaseModel):
    """Requests a second that one token and one address may make, and streams it may hold.

    ``live_per_ip`` is how many connections of the live feed one address may hold.
    """

    model_config = _FROZEN

    rate_per_token: Rate = 50
    rate_per_ip: Rate = 500
    streams_per_ip: int = Field(default=100, ge=1)
    live_per_ip: int = Field(default=1_000, ge=1)


class TelemetrySettings(BaseModel):
    """How the house is watched: what is logged, and who is told.

    ``metrics_port`` serves ``/metrics`` on loopback, for processes without a gateway;
    ``otlp_endpoint`` is where traces are sent, as ``http://127.0.0.1:4318/v1/traces``.
    """

    model_config = _FROZEN

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_port: int | None = Field(default=None, ge=1, le=65_535)
    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None


def _mirrors(value: object) -> object:
    """Read ``https://a https://b`` or ``["https://a", "https://b"]`` from text."""
    if isinstance(value, str):
        return value.replace(",", " ").replace('"', " ").strip(" []").split()
    return value


Address = Annotated[str, Field(pattern=r"^https?://\S+$")]


class DrandSettings(BaseModel):
    """Where beacons come from: a chain of drand as its ``/info`` tells, and who serves it.

    The chain's hash is not set but computed: it binds all of it. ``period`` in seconds,
    ``genesis`` a Unix time in seconds, the others in hexadecimal. Quicknet by default.
    """

    model_config = _FROZEN

    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{192}$")] = QUICKNET.public_key.hex()
    period: int = Field(default=QUICKNET.period, ge=1, le=3600)
    genesis: int = Field(default=QUICKNET.genesis, ge=0, le=2**40)
    group_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = QUICKNET.group_hash.hex()
    beacon_id: Annotated[str, Field(min_length=1, max_length=100)] = QUICKNET.beacon_id
    mirrors: Annotated[tuple[Address, ...], BeforeValidator(_mirrors), Field(min_length=1)] = (
        "https://api.drand.sh",
        "https://api2.drand.sh",
        "https://api3.drand.sh",
        "https://drand.cloudflare.com",
    )

    @property
    def chain(self) -> DrandChain:
        """Give the chain itself."""
        return DrandChain(
            public_key=bytes.fromhex(self.public_key),
            period=self.period,
            genesis=self.genesis,
            group_hash=bytes.fromhex(self.group_hash),
            beacon_id=self.beacon_id,
        )


Seed = Annotated[SecretStr, Field(min_length=64, max_length=64)]


class FairnessSettings(BaseModel):
    """The public log, keys of what is published, and where public randomness comes from.

    ``deployment`` names the house in its log, as ``rooms.example`` in ``rooms.example/log``.
    Every ``solvency_interval`` of the clock it states what it owes.
    ``witnesses`` are the public keys, ``name+id+key``, of those whose cosignatures are taken.
    Keys are in hexadecimal. ``ref_key`` has 16 bytes or more; ``log_key`` and ``receipt_key`` are
    seeds of Ed25519. Without these three the database's own are used, which were made with it.
    ``master_key`` has 32 bytes and is what seeds are made of: who has it knows every draw
    that takes no beacon. ``rooms up`` makes one; processes that draw on another database need it.
    """

    model_config = _FROZEN

    deployment: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:/_-]{1,100}$")] = "rooms.localhost"
    head_interval: Duration = Field(
        default=timedelta(milliseconds=500), gt=_NOTHING, le=timedelta(seconds=1)
    )
    solvency_interval: Duration = Field(
        default=timedelta(hours=1), ge=timedelta(seconds=1), le=timedelta(hours=1)
    )
    witnesses: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    ref_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    log_key: Seed | None = None
    receipt_key: Seed | None = None
    master_key: Seed | None = None
    chain_length: int = Field(default=20_000, ge=2, le=1_000_000)
    drand: DrandSettings = DrandSettings()

    def key(self, name: str) -> bytes | None:
        """Give the bytes of a key that is set."""
        key: SecretStr | None = getattr(self, name)
        return None if key is None else bytes.fromhex(key.get_secret_value())

    @model_validator(mode="after")
    def _keys_are_hexadecimal(self) -> Self:
        for name in ("ref_key", "log_key", "receipt_key", "master_key"):
            try:
                self.key(name)
            except ValueError:
                raise ValueError(f"{name} must be hexadecimal") from None
        if self.log_key and self.log_key == self.receipt_key:
            raise ValueError("log_key and receipt_key must be different keys")
        return self


class Settings(BaseSettings):
    """All settings of a house; immutable, secrets hidden in its repr."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="ROOMS__",
        env_nested_delimiter="__",
        enable_decoding=False,
        hide_input_in_errors=True,
    )

    parimutuel: ParimutuelSettings = ParimutuelSettings()
    oracle: OracleSettings = OracleSettings()
    keno: KenoSettings = KenoSettings()
    referral: ReferralSettings = ReferralSettings()
    database: DatabaseSettings = DatabaseSettings()
    gateway: GatewaySettings = GatewaySettings()
    fairness: FairnessSettings = FairnessSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library fixes the signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what ``loading`` has merged, so that each value's origin is known."""
        return (init_settings,)
