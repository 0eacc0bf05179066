"""A breaker leaves alone who keeps failing, and never for longer than it says."""

from hypothesis import given
from hypothesis import strategies as st

from rooms.platform.breaker import Breaker, BreakerState

THRESHOLD, COOL_OFF = 3, 10.0


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def broken(time: Time) -> Breaker:
    breaker = Breaker(threshold=THRESHOLD, cool_off=COOL_OFF, now=time)
    for _ in range(THRESHOLD):
        assert breaker.admits()
        breaker.failed()
    return breaker


def test_it_opens_at_the_threshold_and_tries_once_after_the_cool_off() -> None:
    time = Time()
    breaker = broken(time)
    assert not breaker.admits()

    time.seconds += COOL_OFF
    assert breaker.admits()
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.admits()


def test_a_successful_trial_closes_it_and_a_failed_one_opens_it_again() -> None:
    time = Time()
    breaker = broken(time)
    time.seconds += COOL_OFF
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()

    time.seconds += COOL_OFF
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.admits()
    assert breaker.state is BreakerState.CLOSED


def test_a_trial_that_never_reports_blocks_for_one_cool_off_only() -> None:
    time = Time()
    breaker = broken(time)
    time.seconds += COOL_OFF
    assert breaker.admits()
    time.seconds += COOL_OFF
    assert breaker.admits()


def test_a_late_failure_does_not_prolong_the_wait() -> None:
    time = Time()
    breaker = broken(time)
    time.seconds += COOL_OFF / 2
    breaker.failed()
    time.seconds += COOL_OFF / 2
    assert breaker.admits()


ACTS = st.lists(st.sampled_from(["succeed", "fail", "vanish", "wait"]), max_size=80)


@given(acts=ACTS)
def test_whatever_happens_it_shuts_only_after_enough_failures_and_never_for_good(
    acts: list[str],
) -> None:
    time = Time()
    breaker = Breaker(threshold=THRESHOLD, cool_off=COOL_OFF, now=time)
    in_a_row, trials = 0, [-COOL_OFF]
    for act in acts:
        if act == "wait":
            time.seconds += COOL_OFF / 2
            continue
        if not breaker.admits():
            assert in_a_row >= THRESHOLD
            continue
        if in_a_row >= THRESHOLD:
            assert time.seconds >= trials[-1] + COOL_OFF
            trials.append(time.seconds)
        if act == "succeed":
            breaker.succeeded()
            in_a_row = 0
        elif act == "fail":
            breaker.failed()
            in_a_row += 1
            trials.append(time.seconds)

    time.seconds += COOL_OFF
    assert breaker.admits()
