"""What a torture says it has shown."""

import tempfile
from pathlib import Path

import pytest

from tests.torture.__main__ import made_in, run
from tests.torture.running import bound_in_words


@pytest.mark.parametrize(
    ("attempts", "percent"),
    [(1, "100"), (3, "100"), (4, "75"), (300, "1"), (100_000, "0.003"), (300_000_000, "0.000001")],
)
def test_the_bound_of_a_count_without_a_fault_is_three_in_so_many(
    attempts: int, percent: str
) -> None:
    said = bound_in_words(attempts, 0, "runs")
    assert said.endswith(f"fewer than {percent} % of them would.")


def test_a_fault_takes_the_bound_away() -> None:
    assert bound_in_words(300, 2, "runs") == "2 of 300 runs went wrong."


def test_throwaway_houses_are_made_where_one_says(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    with made_in(tmp_path / "elsewhere"), tempfile.TemporaryDirectory() as folder:
        assert Path(folder).parent == tmp_path / "elsewhere"
    assert tempfile.gettempdir() == before


def test_a_place_where_nothing_can_be_made_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(["simulate", "--seeds", "1", "--data", str(tmp_path / "file" / "below")]) == 1
    assert "Next:" in capsys.readouterr().err
