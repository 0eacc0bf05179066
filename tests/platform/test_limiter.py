from hypothesis import given
from hypothesis import strategies as st

from rooms.platform.limiter import Limiter

rates = st.integers(1, 200)
# When requests come, as milliseconds after the one before.
arrivals = st.lists(st.integers(0, 3_000), min_size=1, max_size=200)


def admitted(limiter: Limiter, gaps: list[int]) -> list[int]:
    at, times = 0, []
    for gap in gaps:
        at += gap
        if not limiter.wait(b"client", at):
            times.append(at)
    return times


@given(rates, arrivals)
def test_no_span_of_time_admits_more_than_the_rate_and_one_burst(
    rate: int, gaps: list[int]
) -> None:
    times = admitted(Limiter(rate), gaps)
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert (last - first + 1) * 1000 <= rate * (times[last] - times[first]) + rate * 1000


@given(rates, st.lists(st.integers(0, 500), max_size=100))
def test_who_keeps_the_rate_is_never_refused(rate: int, slack: list[int]) -> None:
    gaps = [-(-1000 // rate) + more for more in slack]
    assert len(admitted(Limiter(rate), gaps)) == len(gaps)


@given(rates, arrivals)
def test_who_waits_as_told_is_admitted_and_could_not_have_come_a_second_earlier(
    rate: int, gaps: list[int]
) -> None:
    limiter = Limiter(rate)
    at = 0
    for gap in gaps:
        at += gap
        seconds = limiter.wait(b"client", at)
        if seconds:
            assert seconds >= 1
            at += 1000 * seconds
            assert limiter.wait(b"client", at) == 0


@given(rates)
def test_one_client_does_not_slow_another_and_a_clock_set_back_harms_nobody(rate: int) -> None:
    limiter = Limiter(rate)
    now = 10_000
    assert [bool(limiter.wait(b"a", now)) for _ in range(rate + 1)] == [False] * rate + [True]
    assert limiter.wait(b"b", now) == 0
    assert limiter.wait(b"a", 0) >= 1
    assert limiter.wait(b"a", 1_000) == 0


def test_only_the_latest_clients_are_remembered() -> None:
    limiter = Limiter(1, most=3)
    now = 0
    for client in (b"a", b"b", b"c", b"a", b"d"):
        limiter.wait(client, now)
    assert limiter.wait(b"a", now) == 1
    assert limiter.wait(b"b", now) == 0
    assert len(limiter._buckets) == 3
