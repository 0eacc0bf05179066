from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.consensus import (
    NoConsensus,
    Observation,
    Quote,
    Rules,
    consensus,
    observation_json,
    parse_observation,
    weighted_median,
)
from rooms.proof.fields import Malformed

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
NAMES = "abcdefgh"
RULES = Rules(
    quorum=3,
    spread=Decimal("0.005"),
    max_age={name: timedelta(seconds=10) for name in NAMES},
)


def said(source: str, price: str | None, **more: Any) -> Quote:
    plain = Quote(
        source=source,
        origin=source,
        weight=1,
        price=None if price is None else Decimal(price),
        source_time=NOW - timedelta(seconds=1),
        received_at=NOW,
    )
    return replace(plain, **more)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def agreed(*quotes: Quote, rules: Rules = RULES, bound: Quote | None = None) -> Observation:
    found = consensus("SOL", quotes, rules, NOW, bound)
    assert isinstance(found, Observation), found
    return found


def refused(*quotes: Quote, rules: Rules = RULES, bound: Quote | None = None) -> str:
    found = consensus("SOL", quotes, rules, NOW, bound)
    assert isinstance(found, NoConsensus), found
    return found.reason


def why(found: Observation | NoConsensus) -> dict[str, str | None]:
    return {judged.quote.source: judged.why for judged in found.quotes}


THREE = (said("a", "100"), said("b", "100.1"), said("c", "100.2"))


def test_the_price_is_the_weighted_median() -> None:
    assert agreed(*THREE).price == Decimal("100.1")
    assert agreed(*THREE[:2], said("c", "100.2", weight=2)).price == Decimal("100.1")
    assert agreed(*THREE[:2], said("c", "100.2", weight=3)).price == Decimal("100.2")


def test_what_does_not_count_says_why() -> None:
    found = agreed(
        *THREE,
        said("d", None, failure="timeout"),
        said("e", "100", source_time=ago(10.001)),
        said("f", "100", source_time=ago(-1.001)),
        said("g", "120"),
        said("h", "100", origin="a", source_time=ago(2)),
    )

    assert why(found) == {
        "a": None,
        "b": None,
        "c": None,
        "d": "timeout",
        "e": "stale",
        "f": "future",
        "g": "outlier",
        "h": "origin",
    }
    assert [judged.used for judged in found.quotes] == [True] * 3 + [False] * 5


def test_ages_at_their_limits_still_count() -> None:
    found = agreed(
        said("a", "100", source_time=ago(10)),
        said("b", "100", source_time=ago(-1)),
        said("c", "100"),
    )

    assert why(found) == {"a": None, "b": None, "c": None}


def test_a_source_without_time_is_aged_by_receive_time() -> None:
    fresh = said("c", "100", source_time=None, received_at=ago(9))
    stale = said("c", "100", source_time=None, received_at=ago(11))

    assert agreed(*THREE[:2], fresh).at == ago(9)
    assert refused(*THREE[:2], stale) == "quorum"


def test_the_time_is_the_earliest_of_the_used_quotes_only() -> None:
    found = agreed(
        *THREE, said("d", "200", source_time=ago(9)), said("e", "100", source_time=ago(3))
    )

    assert found.at == ago(3)


def test_the_latest_quote_speaks_for_its_origin() -> None:
    later = said("d", "100.15", origin="a", source_time=NOW)

    assert why(agreed(*THREE, later))["a"] == "origin"


def test_two_origins_on_one_pool_are_one_and_the_deeper_known_reserve_speaks() -> None:
    shallow = said("a", "100", pool="p", quote_reserve=5, source_time=NOW)
    deep = said("b", "100", pool="p", quote_reserve=6)
    unknown = said("c", "100", pool="p", source_time=NOW)
    rules = replace(RULES, quorum=1)

    assert why(agreed(shallow, deep, unknown, rules=rules)) == {
        "a": "origin",
        "b": None,
        "c": "origin",
    }
    assert refused(shallow, deep, rules=replace(RULES, quorum=2)) == "quorum"


def test_quotes_without_a_pool_do_not_share_one() -> None:
    assert why(agreed(*THREE)) == {"a": None, "b": None, "c": None}


@pytest.mark.parametrize(
    ("price", "kept"), [("100.1", True), ("100.10001", False), ("99.89999", False)]
)
def test_an_outlier_is_more_than_a_tenth_of_a_percent_away_where_all_others_agree(
    price: str, *, kept: bool
) -> None:
    quotes = [said(name, "100") for name in "abcd"] + [said("e", price)]

    assert (why(agreed(*quotes))["e"] is None) == kept


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    rules = replace(RULES, quorum=2)

    found = agreed(said("a", "100"), said("b", "100.2"), rules=rules)

    assert found.price == Decimal(100)
    assert why(found) == {"a": None, "b": None}


def test_prices_too_far_apart_are_no_price() -> None:
    wide = (said("a", "100"), said("b", "100.25"), said("c", "100.51"))

    assert refused(*wide) == "spread"
    assert agreed(*wide, rules=replace(RULES, spread=Decimal("0.0052"))).price == Decimal("100.25")


def test_no_quorum_is_no_price_even_where_none_is_asked_for() -> None:
    assert refused(*THREE[:2]) == "quorum"
    assert refused(rules=replace(RULES, quorum=0)) == "quorum"


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        (said("x", "80.08"), None),
        (said("x", "80.07"), "bound"),
        (said("x", "133.46"), None),
        (said("x", "133.47"), "bound"),
        (said("x", "1", source_time=ago(120)), "bound"),
        (said("x", "1", source_time=ago(120.001)), None),
        (said("x", None, failure="timeout"), None),
    ],
)
def test_a_price_far_from_a_fresh_sanity_bound_is_none(bound: Quote, reason: str | None) -> None:
    found = consensus("SOL", THREE, RULES, NOW, bound)

    assert (found.reason if isinstance(found, NoConsensus) else None) == reason


def test_the_bound_is_listed_and_never_used() -> None:
    assert why(agreed(*THREE, bound=said("x", "99")))["x"] == "bound"
    assert why(agreed(*THREE, bound=said("x", "9", source_time=ago(121))))["x"] == "stale"
    assert why(agreed(*THREE, bound=said("x", None, failure="html")))["x"] == "html"
    assert agreed(*THREE, bound=said("x", "99", source_time=ago(90))).at == ago(1)


def test_depth_is_the_smallest_and_supply_the_weighted_median_known() -> None:
    found = agreed(
        said("a", "100", quote_reserve=7, supply=Decimal(10)),
        said("b", "100", quote_reserve=9, supply=Decimal(12), weight=2),
        said("c", "100"),
    )

    assert (found.quote_reserve, found.supply) == (7, Decimal(12))


prices = st.decimals("99.96", "100.04", places=4)
honest = st.lists(prices, min_size=3, max_size=6).map(
    lambda found: [said(name, str(price)) for name, price in zip(NAMES, found, strict=False)]
)


@given(
    quotes=st.lists(
        st.builds(
            lambda price, origin, weight, age, pool, reserve: said(
                "?",
                str(price),
                origin=origin,
                weight=weight,
                source_time=ago(age),
                pool=pool,
                quote_reserve=reserve,
            ),
            st.decimals("99", "102", places=2),
            st.sampled_from("xyzw"),
            st.integers(1, 4),
            st.integers(-2, 12),
            st.sampled_from([None, None, "p", "q"]),
            st.sampled_from([None, 1, 2]),
        ),
        max_size=8,
    ),
    data=st.data(),
)
def test_the_order_of_quotes_does_not_matter(quotes: list[Quote], data: st.DataObject) -> None:
    named = [replace(quote, source=name) for name, quote in zip(NAMES, quotes, strict=False)]
    shuffled = data.draw(st.permutations(named))
    rules = replace(RULES, spread=Decimal("0.03"))

    assert consensus("SOL", shuffled, rules, NOW, None) == consensus("SOL", named, rules, NOW, None)


@given(
    quotes=honest,
    wild=st.one_of(st.decimals("0.0001", "50", places=4), st.decimals("200", "1e12", places=4)),
    weight=st.integers(1, 1000),
)
def test_one_liar_never_moves_the_price_out_of_the_honest_range(
    quotes: list[Quote], wild: Decimal, weight: int
) -> None:
    found = agreed(*quotes, said("h", str(wild), weight=weight))

    told = [quote.price for quote in quotes if quote.price is not None]
    assert min(told) <= found.price <= max(told)
    assert why(found)["h"] == "outlier"


@given(quotes=honest, factor=st.integers(1, 1000))
def test_only_proportions_of_weights_matter(quotes: list[Quote], factor: int) -> None:
    heavier = [replace(quote, weight=quote.weight * factor) for quote in quotes]

    assert agreed(*heavier).price == agreed(*quotes).price


@given(st.lists(st.tuples(prices, st.integers(1, 9)), min_size=1))
def test_the_weighted_median_is_the_median_of_each_value_as_often_as_it_weighs(
    weighted: list[tuple[Decimal, int]],
) -> None:
    spread_out = sorted(value for value, weight in weighted for _ in range(weight))

    assert weighted_median(weighted) == spread_out[(len(spread_out) - 1) // 2]


def test_an_observation_is_read_as_it_was_written() -> None:
    found = agreed(
        *THREE[:2],
        said("c", "0.00000000000000000001234567890123456789012", weight=2),
        said("d", "100.150", pool="p", quote_reserve=2**80, supply=Decimal("1e9")),
        said("e", None, failure="http500", source_time=None),
        bound=said("x", "99"),
    )
    stored = observation_json(found, 41)

    assert parse_observation(stored) == (41, found)
    assert stored["price"] == "100.1"
    assert stored["at"] == "2026-11-20T14:59:59.000Z"
    assert observation_json(parse_observation(stored)[1], 41) == stored


@pytest.mark.parametrize(
    ("name", "value"),
    [("price", 100), ("price", "1e2"), ("at", "yesterday"), ("tick", "1"), ("quotes", [1])],
)
def test_what_is_no_observation_is_malformed(name: str, value: object) -> None:
    with pytest.raises(Malformed, match=name):
        parse_observation({**observation_json(agreed(*THREE), 1), name: value})
