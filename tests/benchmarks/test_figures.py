"""Figures: the median decides, beside it stands what the floors' machine would have given."""

import pytest

from benchmarks.figures import Target, judge


def test_a_duration_is_scaled_by_how_much_slower_this_machine_is_than_that_of_the_floors() -> None:
    figure = judge("settlement", Target(unit="ms", floor=60, least=True), [100, 90], [2_500, 2_500])

    assert figure.scaled == pytest.approx(47.5)
    assert not figure.ok, "what was measured is judged, not what might have been"


def test_a_rate_is_scaled_the_other_way() -> None:
    assert judge("rounds", Target(unit="rounds/s"), [300], [2_500]).scaled == pytest.approx(600)


def test_what_was_measured_without_a_reference_is_not_scaled() -> None:
    assert judge("held", Target(unit="ms", least=True), [12]).scaled is None
