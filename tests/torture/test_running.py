"""What a torture says it has shown."""

import pytest

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
