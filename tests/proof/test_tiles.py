import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.proof.tiles import (
    TileName,
    entry_bundle,
    parse_tile,
    split_hashes,
    width_of,
    written_number,
)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "000"),
        (7, "007"),
        (999, "999"),
        (1000, "x001/000"),
        (1_234_067, "x001/x234/067"),
        (1_000_000_000, "x001/x000/x000/000"),
    ],
)
def test_a_tiles_number_is_written_in_groups_of_three(number: int, written: str) -> None:
    assert written_number(number) == written
    assert parse_tile("0", written) == TileName(0, number)


@given(st.integers(0, 63), st.integers(0, 2**62), st.integers(1, 256))
def test_a_tiles_path_is_read_as_it_was_written(level: int, number: int, width: int) -> None:
    partial = "" if width == 256 else f".p/{width}"

    name = parse_tile(str(level), written_number(number) + partial)

    assert name == TileName(level, number, width)


@pytest.mark.parametrize(
    ("level", "rest"),
    [
        ("64", "000"),
        ("00", "000"),
        ("-1", "000"),
        ("0", "0"),
        ("0", "1000"),
        ("0", "x000/001"),
        ("0", "001/000"),
        ("0", "000.p/0"),
        ("0", "000.p/256"),
        ("0", "000.p/007"),
        ("0", "000.p"),
        ("0", "000/"),
        ("0", "\u0660\u0660\u0660"),
        ("0", ""),
    ],
)
def test_what_is_no_tiles_path_is_not_read(level: str, rest: str) -> None:
    assert parse_tile(level, rest) is None


def test_a_tile_is_as_wide_as_the_log_has_grown() -> None:
    assert width_of(0, 0, 255) == 255
    assert width_of(0, 0, 256) == 256
    assert width_of(0, 1, 300) == 44
    assert width_of(1, 0, 300) == 1
    assert width_of(0, 2, 300) == 0
    assert width_of(2, 0, 300) == 0


def test_entries_are_served_after_their_lengths() -> None:
    assert entry_bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"
    assert split_hashes(b"a" * 32 + b"b" * 32) == [b"a" * 32, b"b" * 32]
