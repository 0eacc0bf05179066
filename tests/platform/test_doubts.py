from rooms.platform.doubts import DOUBTED_REQUESTS, MOST_DOUBTED, Doubts


def test_a_sender_is_doubted_for_some_requests_and_then_no_more() -> None:
    doubts = Doubts()
    doubts.add("ada")

    asked = [doubts.take("ada") for _ in range(DOUBTED_REQUESTS + 1)]

    assert asked == [True] * DOUBTED_REQUESTS + [False]
    assert not doubts.take("bob")


def test_who_was_doubted_longest_ago_is_forgotten_first() -> None:
    doubts = Doubts()
    for number in range(MOST_DOUBTED + 1):
        doubts.add(number)

    assert not doubts.take(0)
    assert doubts.take(1)
