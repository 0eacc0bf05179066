import json
from decimal import Decimal
from fractions import Fraction
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.fields import Malformed
from rooms.proof.paytable import (
    Paytable,
    chance,
    decimal,
    decimal_root,
    parse_multiplier,
    parse_spots,
    parse_toml,
    rtp_problem,
    spots_json,
    step_problem,
    worth,
    worth_json,
)
from tests.proof import hand_draw

VECTOR = json.loads(Path("docs/spec/vectors/paytable.json").read_text())
SHIPPED = sorted(Path("src/rooms/proof/paytables").glob("*.toml"))
BAND = (Fraction(90, 100), Fraction(96, 100))

multipliers = st.decimals(0, 100_000, places=3).map(lambda each: format(each, "f"))
spots_picked = st.integers(1, 20)
rows = spots_picked.flatmap(
    lambda spots: st.lists(multipliers, min_size=spots + 1, max_size=spots + 1)
)


def a_table(row: list[str]) -> Paytable:
    return parse_spots({str(len(row) - 1): row})


def test_the_published_vector_holds() -> None:
    found = parse_spots(VECTOR["spots"])

    assert found.hash.hex() == VECTOR["paytable_hash"]
    assert spots_json(found) == VECTOR["spots"]
    for paid in VECTOR["prizes"]:
        assert parse_multiplier(paid["multiplier"]).prize(paid["stake"]) == paid["prize"]


def test_a_prize_is_found_by_spots_and_catches() -> None:
    found = parse_spots(VECTOR["spots"])

    assert found.prize(1_000_000, 1, 1) == 3_800_000
    assert found.prize(1_000_000, 10, 0) == 2_000_000
    assert found.prize(1_000_000, 10, 10) == 15_000_000_000
    assert found.prize(1_000_000, 2, 0) == 0


def test_the_contracts_figures_of_ten_spots_come_out() -> None:
    shown = worth_json(worth(parse_spots(VECTOR["spots"]).multipliers[10]))

    assert shown["rtp"] == "0.952318"
    assert shown["rtp_exact"] == "20631368691/21664369870"
    assert shown["sigma"] == "9.367404"
    assert shown["top"] == "15000"
    assert shown["odds"][10] == "8911711.18"


@pytest.mark.parametrize("spots", range(1, 21))
def test_chances_are_those_of_drawing_one_by_one_and_sum_to_one(spots: int) -> None:
    chances = [chance(spots, caught) for caught in range(spots + 1)]

    assert chances == [hand_draw.chance(spots, caught) for caught in range(spots + 1)]
    assert sum(chances) == 1


@given(spots=st.integers(1, 8), drawn=st.integers(1, 12), more=st.integers(0, 10))
def test_chances_of_smaller_games_sum_to_one_too(spots: int, drawn: int, more: int) -> None:
    numbers = max(spots, drawn) + more

    chances = [chance(spots, each, numbers=numbers, drawn=drawn) for each in range(spots + 1)]

    assert sum(chances) == 1
    assert sum(n * part for n, part in enumerate(chances)) == Fraction(spots * drawn, numbers)


@given(rows)
def test_what_a_row_is_worth_is_its_mean_and_spread(row: list[str]) -> None:
    found = worth(a_table(row).multipliers[len(row) - 1])

    parts = [hand_draw.chance(len(row) - 1, caught) for caught in range(len(row))]
    prizes = [Fraction(each) for each in row]
    mean = sum(part * prize for part, prize in zip(parts, prizes, strict=True))
    assert found.rtp == mean
    assert found.variance == sum(
        part * (prize - mean) ** 2 for part, prize in zip(parts, prizes, strict=True)
    )
    assert found.hit_rate == 1 - sum(
        part for part, prize in zip(parts, prizes, strict=True) if prize == 0
    )
    assert found.top == max(prizes)


@given(st.fractions(0, 10**9), st.integers(0, 9))
def test_decimals_are_rounded_to_nearest(value: Fraction, places: int) -> None:
    off = abs(Fraction(decimal(value, max(places, 1))) - value)
    assert off <= Fraction(1, 2 * 10 ** max(places, 1))


@given(st.fractions(0, 10**6))
def test_roots_are_rounded_to_nearest(value: Fraction) -> None:
    shown, half = Fraction(decimal_root(value)), Fraction(1, 2 * 10**6)

    assert max(Fraction(), shown - half) ** 2 <= value <= (shown + half) ** 2
    assert abs(float(shown) - sqrt(value)) < 1e-5


@given(stake=st.integers(1, 10**6), text=multipliers)
def test_a_prize_is_whole_where_the_step_says_so(stake: int, text: str) -> None:
    multiplier = parse_multiplier(text)
    exact = stake * Decimal(text)

    assert multiplier.prize(stake) == int(exact)
    if multiplier.divides(stake):
        assert multiplier.prize(stake) == exact
        assert multiplier.prize(7 * stake) == 7 * exact
    else:
        assert multiplier.prize(stake) != exact


@pytest.mark.parametrize(
    "spots",
    [
        {},
        {"0": ["1"]},
        {"21": ["0"] * 22},
        {"01": ["0", "1"]},
        {"one": ["0", "1"]},
        {"1": ["0"]},
        {"1": ["0", "1", "2"]},
        {"1": "01"},
        {"1": ["0", 3]},
        {"1": ["0", "-1"]},
        {"1": ["0", "1e3"]},
        {"1": ["0", "01"]},
        {"1": ["0", ".5"]},
        {"1": ["0", "5."]},
        {"1": ["0", "1.0000000001"]},
        {"1": ["0", "1" * 13]},
        {"1": ["0", "٣"]},
    ],
)
def test_what_is_no_paytable_is_refused(spots: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        parse_spots(spots)


@pytest.mark.parametrize("text", ["", "spots = 3", "[spots", "[other]\n1 = ['0', '1']"])
def test_what_is_no_paytable_file_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_toml(text)


def test_a_table_is_accepted_only_inside_of_its_band_and_whole_on_its_step() -> None:
    found = parse_spots(VECTOR["spots"])

    assert rtp_problem(found, *BAND) == 2
    assert rtp_problem(found, Fraction(95, 100), Fraction(155, 158)) is None
    assert rtp_problem(found, Fraction(951, 1000), Fraction(1)) == 1
    assert step_problem(found, 10) is None
    assert step_problem(found, 1) == 1


def test_the_hash_is_of_what_is_written() -> None:
    assert parse_spots({"1": ["0", "3.8"]}).hash != parse_spots({"1": ["0", "3.80"]}).hash


def test_three_paytables_ship() -> None:
    assert [file.stem for file in SHIPPED] == ["bold", "classic", "gentle"]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.stem))
def test_a_shipped_paytable_is_fair_humane_and_whole(file: Path) -> None:
    found = parse_toml(file.read_text())

    assert set(range(1, 11)) <= set(found.spots)
    assert rtp_problem(found, *BAND) is None
    assert step_problem(found, 1_000_000) is None
    for spots, row in found.multipliers.items():
        assert worth(row).hit_rate >= Fraction(1, 25), spots
        prizes = [each.value for each in row[spots // 2 + 1 :]]
        assert prizes == sorted(prizes), spots
