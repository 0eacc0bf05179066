"""Settings: which layer wins, and what is said of a name or a value that is not accepted."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rooms.platform.settings import (
    SettingsProblem,
    layers,
    load,
    parse_duration,
    print_duration,
    sandbox_overrides,
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    (folder / "secrets").mkdir(parents=True)
    return folder


def set_all(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_the_defaults_are_those_of_the_contract(data: Path) -> None:
    settings = load(data)
    rooms = settings.parimutuel
    assert (rooms.duration_min, rooms.duration_max) == (timedelta(minutes=15), timedelta(hours=24))
    assert rooms.lock_fraction == Decimal("0.5")
    assert (rooms.stake_min, rooms.stake_max) == (1_000_000, 1_000_000_000_000)
    assert (rooms.min_players, rooms.rooms_per_host) == (2, 10)
    assert (rooms.protocol_bps, rooms.host_bps) == (200, 100)
    assert settings.referral.bps == (1500, 500, 200)
    assert (settings.gateway.rate_per_token, settings.gateway.rate_per_ip) == (50, 500)
    assert (settings.oracle.quorum_coin, settings.oracle.quorum_token) == (3, 2)


def test_each_layer_wins_over_the_one_below(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(data).oracle.interval == timedelta(seconds=3)
    profile = {"oracle": {"interval": "4s"}}
    assert load(data, profile=profile).oracle.interval == timedelta(seconds=4)
    Path("rooms.toml").write_text('[oracle]\ninterval = "5s"\n')
    assert load(data, profile=profile).oracle.interval == timedelta(seconds=5)
    (data / "rooms.toml").write_text('[oracle]\ninterval = "6s"\n')
    assert load(data).oracle.interval == timedelta(seconds=6)
    monkeypatch.setenv("ROOMS__ORACLE__INTERVAL", "7s")
    assert load(data).oracle.interval == timedelta(seconds=7)
    (data / "secrets" / "oracle__interval").write_text("8s\n")
    assert load(data).oracle.interval == timedelta(seconds=8)
    option = {"oracle": {"interval": timedelta(seconds=9)}}
    assert load(data, option).oracle.interval == timedelta(seconds=9)


def test_a_layer_that_names_one_key_leaves_its_neighbours(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOMS__ORACLE__SOURCES__KRAKEN__WEIGHT", "4")
    monkeypatch.setenv("ROOMS__ORACLE__SOURCES__KRAKEN__SYMBOLS__DOGE", "XDGUSD")
    kraken = load(data).oracle.sources.kraken
    assert (kraken.weight, kraken.url) == (4, "https://api.kraken.com")
    assert kraken.symbols["DOGE"] == "XDGUSD"
    assert kraken.symbols["BTC"] == "XBTUSD"


def test_the_file_named_by_rooms_config_is_the_only_one_read(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rooms.toml").write_text("[gateway]\nrate_per_ip = 7\n")
    Path("mine.toml").write_text("[gateway]\nrate_per_token = 8\n")
    monkeypatch.setenv("ROOMS_CONFIG", "mine.toml")
    gateway = load(data).gateway
    assert (gateway.rate_per_token, gateway.rate_per_ip) == (8, 500)
    monkeypatch.setenv("ROOMS_CONFIG", "none.toml")
    with pytest.raises(SettingsProblem, match=r"none\.toml"):
        load(data)


@pytest.mark.parametrize(
    ("name", "unknown", "nearest"),
    [
        ("ROOMS__ORACLE__INTERVALL", "oracle.intervall", "oracle.interval"),
        ("ROOMS__ORACEL__INTERVAL", "oracel.interval", "oracle.interval"),
        ("ROOMS__GATEWAY", "gateway", "gateway.rate_per_ip"),
        (
            "ROOMS__ORACLE__SOURCES__KRAKEN__MAXAGE",
            "oracle.sources.kraken.maxage",
            "oracle.sources.kraken.max_age",
        ),
    ],
)
def test_an_unknown_setting_names_the_nearest(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, unknown: str, nearest: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsProblem) as caught:
        load(data)
    assert caught.value.message == (
        f"There is no setting {unknown} (environment). The nearest is {nearest}."
    )
    assert caught.value.exit_code == 2


def test_an_unknown_name_in_a_file_is_an_error_too(data: Path) -> None:
    Path("rooms.toml").write_text("[gateway]\nrate_per_tokens = 7\n")
    with pytest.raises(SettingsProblem, match=r"rate_per_tokens \(rooms.toml\).*rate_per_token\."):
        load(data)
    Path("rooms.toml").write_text("[kino]\n")
    with pytest.raises(SettingsProblem, match="no setting kino"):
        load(data)


def test_an_unknown_secret_file_is_an_error_but_the_databases_own_folder_is_not(
    data: Path,
) -> None:
    (data / "secrets" / "postgres").mkdir()
    (data / "secrets" / "postgres" / "pgpass").write_text("127.0.0.1:*:*:rooms_app:x")
    load(data)
    (data / "secrets" / "database__urll").write_text("x")
    with pytest.raises(SettingsProblem, match=r"database\.urll .*nearest is database\.url\."):
        load(data)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ROOMS__ORACLE__INTERVAL", "soon", "oracle.interval (environment): 'soon' is no duration"),
        ("ROOMS__GATEWAY__RATE_PER_IP", "0", "gateway.rate_per_ip (environment): Input should be"),
        ("ROOMS__PARIMUTUEL__LOCK_FRACTION", "0.95", "less than or equal to 0.9"),
        ("ROOMS__PARIMUTUEL__LOCK_FRACTION", "nan", "parimutuel.lock_fraction"),
        ("ROOMS__PARIMUTUEL__STAKE_MAX", "5", "stake_min must not be above stake_max"),
        ("ROOMS__REFERRAL__BPS", "1500,500", "a rate for each of the 3 levels"),
        ("ROOMS__ORACLE__SOURCES__KRAKEN__URL", "ftp://x", "an http:// or https:// address"),
        ("ROOMS__ORACLE__SOURCES__KRAKEN__ROLE", "coins", "'coin', 'bound' or 'token'"),
    ],
)
def test_a_bad_value_names_its_key_and_what_is_accepted(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsProblem) as caught:
        load(data)
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_broken_toml_names_the_file_and_the_line(data: Path) -> None:
    Path("rooms.toml").write_text("[oracle]\ninterval = \n")
    with pytest.raises(SettingsProblem, match=r"rooms\.toml cannot be read: .*line 2"):
        load(data)


def test_secrets_are_in_no_repr_no_listing_and_no_message(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOMS__DATABASE__URL", "postgresql://me:hush@db/rooms")
    (data / "secrets" / "oracle__sources__pyth__key").write_text("hush\n")
    settings = load(data)
    assert settings.oracle.sources.pyth.key is not None
    assert settings.oracle.sources.pyth.key.get_secret_value() == "hush"
    shown = layers(data).show()
    assert "hush" not in repr(settings) + repr(shown)
    origins = {each.key: (each.value, each.origin) for each in shown}
    assert origins["database.url"] == ("********", "environment")
    assert origins["oracle.sources.pyth.key"] == ("********", "secret file")
    assert origins["oracle.interval"] == ("3s", "default")
    monkeypatch.setenv("ROOMS__FAIRNESS__REF_KEY", "hush" * 8)
    with pytest.raises(SettingsProblem) as caught:
        load(data)
    assert "hush" not in caught.value.message


def test_settings_cannot_be_changed(data: Path) -> None:
    with pytest.raises(ValidationError):
        load(data).oracle.interval = timedelta(seconds=1)


def test_the_sandbox_replaces_hosts_and_keeps_paths_but_the_user_wins(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOMS__ORACLE__SOURCES__KRAKEN__URL", "http://127.0.0.1:9/")
    profile = sandbox_overrides("http://127.0.0.1:8601")
    sources = load(data, profile=profile).oracle.sources
    assert sources.binance.url == "http://127.0.0.1:8601"
    assert sources.pyth.url == "http://127.0.0.1:8601/hermes"
    assert sources.coingecko_onchain.url == "http://127.0.0.1:8601/api/v3"
    assert sources.kraken.url == "http://127.0.0.1:9"
    assert not sources.cryptocompare.enabled
    assert all(each.min_interval <= timedelta(seconds=1) for each in sources.enabled().values())


def test_the_enabled_sources_reach_quorum_with_distinct_origins(data: Path) -> None:
    oracle = load(data).oracle
    assert len({s.origin for s in oracle.sources.enabled("coin").values()}) >= oracle.quorum_coin
    assert len({s.origin for s in oracle.sources.enabled("token").values()}) >= oracle.quorum_token
    assert oracle.sources.cryptocompare.origin == oracle.sources.coindesk.origin


@given(st.integers(min_value=0, max_value=10**9 - 1), st.sampled_from(["ms", "s", "m", "h"]))
def test_what_is_printed_is_the_duration_that_was_parsed(number: int, unit: str) -> None:
    duration = parse_duration(f"{number}{unit}")
    assert parse_duration(print_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "3", "s", "-3s", "1.5s", "3 s", "3S", "3s4", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(milliseconds=500), "500ms"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=15), "15m"),
        (timedelta(hours=24), "24h"),
    ],
)
def test_durations_are_written_in_their_largest_whole_unit(duration: timedelta, text: str) -> None:
    assert print_duration(duration) == text
