import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.entrypoints.catalogue import DATA, Entry, catalogue, nearest
from rooms.entrypoints.money_text import sol_text

SOURCES: Final = Path(__file__).parents[2] / "src" / "rooms"
CODE: Final = re.compile(r"E(-[A-Z]+)+")
STATUSES: Final = {400, 401, 404, 405, 409, 413, 422, 429, 500, 503}


def codes_in(source: str) -> Iterator[str]:
    constants = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return (str(each.value) for each in constants if CODE.fullmatch(str(each.value)))


def test_every_code_that_is_raised_has_words_and_the_other_way_round() -> None:
    raised = {
        code
        for path in SOURCES.rglob("*.py")
        for code in codes_in(path.read_text(encoding="utf-8"))
    }
    assert raised == catalogue().keys()


def test_a_code_is_found_wherever_it_is_raised() -> None:
    source = 'raise Refusal("E-NEW")\ncode = "E-A-B" if x else "E-C"\n"about E-NOT"'
    assert set(codes_in(source)) == {"E-NEW", "E-A-B", "E-C"}


@pytest.mark.parametrize("entry", catalogue().values(), ids=catalogue())
def test_every_code_says_what_happened_where_the_money_is_and_what_to_do(entry: Entry) -> None:
    words = entry.words({})
    assert entry.status in STATUSES
    for text in (words.detail, words.money, words.next):
        assert text.endswith(".")
        assert not DATA.search(text)
    assert entry.title
    assert not DATA.search(entry.title)
    shown = entry.explained()
    assert shown.detail.count("<") == sum(len(DATA.findall(one)) for one in entry.detail)


def test_a_sentence_without_its_data_is_left_out() -> None:
    entry = catalogue()["E-BET-DUP"]
    assert "3.0000" in entry.words({"stake": 3_000_000_000, "side": "NO"}).detail
    for missing in (
        {},
        {"stake": 3},
        {"side": "NO"},
        {"stake": "3", "side": "NO"},
        {"stake": None},
    ):
        assert entry.words(missing).detail == entry.detail[0]


def test_data_is_printed_as_people_read_it_and_never_read_as_a_template() -> None:
    entry = Entry("E-X", 409, "X", ("{a:sol}, {b}, {c}, {d}.",), ("None.",), ("None.",))
    said = entry.words(
        {
            "a": 1_250_000_000,
            "b": datetime(2026, 11, 20, 15, tzinfo=UTC),
            "c": timedelta(seconds=3),
            "d": "{a} {b:sol} {0.__class__} %s \\1",
        }
    )
    assert said.detail == (
        "1.2500\N{NO-BREAK SPACE}SOL, 2026-11-20T15:00:00.000Z, 3s, "
        "{a} {b:sol} {0.__class__} %s \\1."
    )


def test_a_misspelt_code_is_told_its_nearest() -> None:
    assert nearest("E-BET-LOKED") == "E-BET-LOCKED"
    assert nearest("stake") == "E-STAKE"
    assert nearest("???") is None


@given(st.integers(-(10**18), 10**18))
def test_an_amount_in_words_is_the_amount(lamports: int) -> None:
    number, unit = sol_text(lamports).split("\N{NO-BREAK SPACE}")
    whole, decimals = number.removeprefix("-").split(".")
    assert unit == "SOL"
    assert 4 <= len(decimals) <= 9
    value = int(whole) * 10**9 + int(decimals.ljust(9, "0"))
    assert (-value if number.startswith("-") else value) == lamports


def test_amounts_have_as_many_decimals_as_they_need() -> None:
    texts = {0: "0.0000", 1: "0.000000001", 1_250_000_000: "1.2500", -45_000_000: "-0.0450"}
    for lamports, text in texts.items():
        assert sol_text(lamports) == f"{text}\N{NO-BREAK SPACE}SOL"
