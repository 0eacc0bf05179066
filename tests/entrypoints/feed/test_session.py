import pytest

from rooms.proof.pool import Side
from tests.feed_houses import FeedHouse
from tests.houses import ONE
from tests.keno_houses import GAME

KENO = f"keno:{GAME}"


async def test_a_room_is_shown_as_a_snapshot_and_then_each_bet_by_the_next_number(
    fed: FeedHouse,
) -> None:
    ada = await fed.house.player()
    room = await fed.house.open_room(ada)
    await fed.deliver()
    client = fed.client()

    (snapshot,) = await client.subscribes(f"room:{room.id}")
    assert (snapshot["type"], snapshot["data"]["room"]["players"]) == ("snapshot", 0)
    await fed.house.bet(room.id, ada, Side.YES, ONE)
    await fed.deliver()

    changed = client.frames[-1]
    assert (changed["type"], changed["seq"]) == ("room.changed", snapshot["seq"] + 1)
    assert changed["data"]["pools"]["YES"] == {"amount": str(ONE), "asset": "SOL"}


async def test_a_round_is_told_from_its_opening_to_its_draw(fed: FeedHouse) -> None:
    await fed.keno.open_game()
    await fed.deliver()
    client = fed.client()
    (snapshot,) = await client.subscribes(KENO)
    ada = await fed.keno.player()
    bought = await fed.keno.buy(ada)
    assert snapshot["data"]["rounds"][0]["number"] == bought.first_round

    await fed.keno.pass_rounds()
    await fed.keno.let_pass(milliseconds=2_500)  # from then on no ticket comes into the log
    await fed.keno.clock.tick()
    await fed.deliver()
    assert 0 < await fed.open_rounds() <= 5

    told = [(each["type"], each["data"]["number"]) for each in client.frames[1:] if each["seq"]]
    first = bought.first_round
    moves = ["round.locked", "round.drawn", "round.settled"]
    assert told == [*((move, first) for move in moves), ("round.opened", first + 1)]
    drawn = next(each for each in client.frames if each["type"] == "round.drawn")
    view = await fed.keno.round(first)
    assert tuple(drawn["data"]["draw"]) == view.draw


async def test_who_comes_back_misses_nothing_also_at_another_process(fed: FeedHouse) -> None:
    client, topic = fed.client(), "rooms"
    await client.subscribes(topic)
    await fed.house.open_room(await fed.house.player())
    await fed.deliver()
    seen = client.frames[-1]["seq"]
    client.session.end()
    for _ in range(3):
        await fed.house.open_room(await fed.house.player())
        await fed.deliver()

    other = fed.another()
    await other.feed.hub.read()
    returned = other.client()
    resumed, *missed = await returned.says(op="resume", topic=topic, seq=seen)

    assert (resumed["type"], resumed["data"]) == ("resumed", {"seq": seen, "missed": 3})
    assert [each["seq"] for each in missed] == [seen + 1, seen + 2, seen + 3]


@pytest.mark.parametrize(
    "topic", ["", "x", "room:0", "room:x", "keno:", "keno:A", "me:1", "rooms:1"]
)
async def test_what_is_no_topic_is_refused_in_words(fed: FeedHouse, topic: str) -> None:
    client = fed.client()

    (refused,) = await client.subscribes(topic)

    assert refused["type"] == "refused"
    assert refused["data"]["code"] == ("E-TOPIC" if topic else "E-LIVE")
