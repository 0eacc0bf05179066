import pytest

from rooms.entrypoints.gateway.feed.pacing import TOPICS_A_SECOND, TOPICS_AT_ONCE, Pace


def test_so_many_topics_are_nobodys_burden_and_who_asks_for_more_waits() -> None:
    pace = Pace()

    waits = [pace.wait(64, now=1_000.0) for _ in range(TOPICS_AT_ONCE // 64)]
    more = [pace.wait(1, now=1_000.0) for _ in range(2)]

    assert waits == pytest.approx([0.0] * 4)
    assert more == pytest.approx([1 / TOPICS_A_SECOND, 2 / TOPICS_A_SECOND])


def test_who_rests_may_ask_as_much_again() -> None:
    pace = Pace()
    pace.wait(TOPICS_AT_ONCE, now=1_000.0)
    rested = 1_000.0 + TOPICS_AT_ONCE / TOPICS_A_SECOND

    assert pace.wait(TOPICS_AT_ONCE, now=rested) == pytest.approx(0.0)
    assert pace.wait(20, now=rested) == pytest.approx(1.0)
