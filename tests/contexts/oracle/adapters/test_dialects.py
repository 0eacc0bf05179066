"""Each dialect reads the good answer exactly; no answer at all makes it crash or lie."""

import copy
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.contexts.oracle.adapters.dialect import Answer, UnusableError
from rooms.contexts.oracle.adapters.registry import DIALECTS
from rooms.contexts.oracle.ports import Reading
from rooms.kernel.time import EPOCH, from_millis
from rooms.proof.decimals import plain, written
from tests.contracts.outside import (
    GOOD,
    MINT,
    RECEIVED,
    SECOND,
    Source,
    asset_for,
    onchain,
    pair,
    update,
)

EXACT = from_millis(SECOND * 1_000 + 123)
WHOLE = from_millis(SECOND * 1_000)
SOURCE_TIMES = {
    "binance": WHOLE - timedelta(milliseconds=1),
    "coinbase": EXACT,
    "kraken": EXACT,
    "coindesk": EXACT,
    "cryptocompare": WHOLE,
    "pyth": WHOLE,
    "coingecko": WHOLE,
    "dexscreener": None,
    "coingecko_onchain": WHOLE,
}
NAMES = sorted(DIALECTS)


def read(source: str, body: Any) -> Reading:
    dialect = DIALECTS[source]
    name = dialect.name_of(asset_for(source))
    assert name is not None
    return dialect.read(name, Answer(body, RECEIVED))


@pytest.mark.parametrize("source", NAMES)
def test_the_good_answer_is_read_exactly(source: str) -> None:
    reading = read(source, GOOD[source])

    assert reading.price == Decimal("165.01")
    assert reading.source_time == SOURCE_TIMES[source]
    assert reading.received_at == RECEIVED


@pytest.mark.parametrize("source", NAMES)
def test_a_key_travels_only_in_a_header(source: str) -> None:
    dialect = DIALECTS[source]
    name = dialect.name_of(asset_for(source))
    assert name is not None
    request = dialect.request([name], Source(url="https://pro-api.example.org", key="secret"))
    assert "secret" not in repr(request)


def test_names_follow_each_sources_custom() -> None:
    assert DIALECTS["kraken"].name_of("BTC") == "XBTUSD"
    assert DIALECTS["binance"].name_of("DOGE") == "DOGEUSDT"
    assert DIALECTS["coinbase"].name_of("DOGE") == "DOGE-USD"
    assert DIALECTS["pyth"].name_of("DOGE") is None
    for source in NAMES:
        assert DIALECTS[source].name_of("../feeds") is None
        assert DIALECTS[source].name_of("SOL" if asset_for(source) == MINT else MINT) is None


def test_kraken_answers_bitcoin_under_its_longer_name() -> None:
    trades = [["95000.1", "1", Decimal("1763650000.5"), "b", "l", "", 1]]
    body = {"error": [], "result": {"XXBTZUSD": trades, "last": "1"}}
    reading = DIALECTS["kraken"].read("XBTUSD", Answer(body, RECEIVED))
    assert reading.price == Decimal("95000.1")


def test_the_deepest_pool_against_sol_decides_wherever_it_stands() -> None:
    thin = pair(pairAddress="ThinPool", priceUsd="1", liquidity={"quote": 5})
    stable = pair(quoteToken={"address": "USDC"}, liquidity={"quote": 10**9})
    unknown = pair(priceUsd="2", liquidity=None)
    reading = read("dexscreener", [thin, stable, unknown, pair(), thin])

    assert (reading.price, reading.pool) == (Decimal("165.01"), "DeepPool")
    assert reading.quote_reserve == 20_000 * 10**9


def test_a_bad_price_of_the_deepest_pool_is_not_replaced_by_a_thin_one() -> None:
    thin = pair(pairAddress="ThinPool", priceUsd="1", liquidity={"quote": 5})
    with pytest.raises(UnusableError):
        read("dexscreener", [thin, pair(priceUsd="NaN")])


def test_the_supply_and_the_pool_are_taken_where_they_are_told() -> None:
    reading = read("coingecko_onchain", GOOD["coingecko_onchain"])
    assert (reading.supply, reading.pool) == (Decimal(1_000_000_000), "StablePool")

    without = onchain(normalized_total_supply=None)
    del without["data"][0]["relationships"]
    reading = read("coingecko_onchain", without)
    assert (reading.supply, reading.pool) == (None, None)


def test_publishers_unsure_by_more_than_a_hundredth_give_no_price() -> None:
    assert read("pyth", update(price="10000", conf="100", expo=-2)).price == 100
    with pytest.raises(UnusableError):
        read("pyth", update(price="10000", conf="101", expo=-2))


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.text(max_size=10)
    | st.sampled_from(["0", "-1", "1e-400", "1e24", "SOL-USD", MINT, 10**4_000, Decimal("1E+9999")])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def honest(source: str, body: Any) -> None:
    try:
        reading = read(source, body)
    except UnusableError:
        return
    assert reading.price > 0
    assert plain(written(reading.price)) == reading.price
    assert EPOCH <= (reading.source_time or RECEIVED) <= RECEIVED + timedelta(seconds=2)
    assert reading.quote_reserve is None or reading.quote_reserve >= 0
    assert reading.supply is None or reading.supply > 0


@pytest.mark.parametrize("source", NAMES)
@given(body=JSON)
def test_arbitrary_json_never_crashes_a_dialect(source: str, body: Any) -> None:
    honest(source, body)


@pytest.mark.parametrize("source", NAMES)
@given(data=st.data())
def test_a_good_answer_with_one_part_replaced_is_a_price_or_a_refusal(
    source: str, data: st.DataObject
) -> None:
    body = copy.deepcopy(GOOD[source])
    container, key = data.draw(st.sampled_from(list(places(body))))
    container[key] = data.draw(JSON)
    honest(source, body)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])
