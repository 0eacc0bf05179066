"""Hashes that this process has just signed, kept for its sequencer."""

from rooms.contexts.fairness.api import Accepted
from rooms.contexts.fairness.service.fresh import MOST_HASHES, Fresh


def hashes_of(ids: list[int]) -> list[bytes]:
    return [number.to_bytes(32, "big") for number in ids]


def test_a_batch_is_taken_once() -> None:
    fresh, ids = Fresh(), [3, 4]
    fresh.keep(Accepted.BET, ids, hashes_of(ids))

    assert fresh.take(Accepted.TICKET, ids) is None
    assert fresh.take(Accepted.BET, ids) == hashes_of(ids)
    assert fresh.take(Accepted.BET, ids) is None


def test_a_batch_that_begins_alike_is_another() -> None:
    fresh, ids = Fresh(), [3, 4]
    fresh.keep(Accepted.BET, ids, hashes_of(ids))

    assert fresh.take(Accepted.BET, [3, 5]) is None


def test_the_oldest_make_room_where_nobody_takes_them() -> None:
    fresh, half = Fresh(), MOST_HASHES // 2
    batches = [list(range(begin, begin + half)) for begin in (0, half, 2 * half)]
    for ids in batches:
        fresh.keep(Accepted.BET, ids, hashes_of(ids))

    taken = [fresh.take(Accepted.BET, ids) for ids in batches]
    assert taken == [None, hashes_of(batches[1]), hashes_of(batches[2])]
