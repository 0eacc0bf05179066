from dataclasses import replace
from datetime import timedelta

from rooms.entrypoints.gateway.feed.channels import Channel
from rooms.entrypoints.gateway.feed.following import OVER
from rooms.entrypoints.gateway.feed.names import Topic
from rooms.platform import topics
from rooms.platform.clock import SystemClock
from rooms.platform.topics import News
from rooms.proof.pool import Side
from tests.feed_houses import FeedHouse
from tests.houses import ONE
from tests.keno_houses import GAME, TERMS

KENO = f"keno:{GAME}"
# However slow the machine is, no second round locks during a test.
SLOW = replace(TERMS, interval=timedelta(seconds=60))


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

    changed = client.frames[1]
    assert (changed["type"], changed["seq"]) == ("room.changed", snapshot["seq"] + 1)
    assert changed["data"]["pools"]["YES"] == {"amount": str(ONE), "asset": "SOL"}


async def test_a_round_is_told_from_its_opening_to_its_draw(fed: FeedHouse) -> None:
    await fed.keno.open_game(terms=SLOW)
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
    assert 0 < await fed.open_rounds() <= 60

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


async def test_what_is_no_topic_is_refused_in_words(fed: FeedHouse) -> None:
    client = fed.client()

    refused = await client.subscribes("x", "room:0", "room:x", "keno:", "keno:A", "me:1", "rooms:1")
    unknown = await client.subscribes("room:77", "keno:nowhere")

    assert [each["data"]["code"] for each in refused] == ["E-TOPIC"] * 7
    again = await client.says(op="resume", topic="room:77", seq=1)
    assert [each["data"]["code"] for each in unknown] == ["E-ROOM-UNKNOWN", "E-GAME-UNKNOWN"]
    assert [each["data"]["code"] for each in again] == ["E-ROOM-UNKNOWN"]
    async with fed.house.database.snapshot() as tx:
        assert await topics.told_to(tx, "") == {}, "nobody looks at what is not there"


async def test_my_wallet_and_my_tickets_are_told_to_me_alone(fed: FeedHouse) -> None:
    await fed.keno.open_game(terms=SLOW)
    ada, bob = await fed.keno.player(), await fed.keno.player()
    await fed.deliver()
    mine, other, nobody = fed.client(), fed.client(), fed.client()
    (snapshot,) = await mine.subscribes("me", token=ada.token)
    await other.subscribes("me", token=bob.token)
    assert [each["data"]["code"] for each in await nobody.subscribes("me")] == ["E-AUTH"]
    assert snapshot["data"]["wallet"]["balances"][0]["available"]["amount"] == str(100 * ONE)
    await fed.deliver()

    bought = await fed.keno.buy(ada, stake=2_000_000)
    await fed.deliver()
    changed = mine.frames[-1]
    assert (changed["type"], changed["topic"]) == ("wallet.changed", "me")
    left = 100 * ONE - 2_000_000
    assert changed["data"]["balances"][0]["available"]["amount"] == str(left)

    await fed.keno.pass_rounds()
    await fed.keno.let_pass(milliseconds=2_500)
    await fed.keno.clock.tick()
    await fed.deliver()
    (told,) = [each["data"] for each in mine.frames if each["type"] == "ticket.settled"]
    (ticket,) = await fed.keno.tickets(bought)
    assert (told["id"], told["prize"]["amount"]) == (str(ticket.id), str(ticket.prize or 0))
    balance = await fed.house.balance(ada)
    wallets = [each["data"] for each in mine.frames if each["type"] == "wallet.changed"]
    assert wallets[-1]["balances"][0]["available"]["amount"] == str(balance)
    assert {each["type"] for each in other.frames} <= {"snapshot", "wallet.changed"}
    numbers = [seq for _, seq in mine.told("me")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_a_connection_is_one_players_for_ever(fed: FeedHouse) -> None:
    ada, bob, client = await fed.house.player(), await fed.house.player(), fed.client()
    await client.subscribes("me", token=ada.token)

    for token in (bob.token, "no token at all"):
        (refused,) = await client.subscribes("me", token=token)
        assert refused["data"]["code"] == "E-AUTH"


async def test_another_price_is_told_to_who_watches_the_room(fed: FeedHouse) -> None:
    room = await fed.house.open_room(await fed.house.player())
    await fed.deliver()
    client = fed.client()
    await client.subscribes(f"room:{room.id}")
    await fed.house.look("151.5")

    await fed.deliver()

    told = client.frames[-1]
    assert (told["type"], told["data"]["prices"][0]["value"]) == ("price", "151.5")


async def test_a_room_that_has_ended_is_not_asked_for_its_price_again(fed: FeedHouse) -> None:
    ada, bob = await fed.house.player(), await fed.house.player()
    rooms = [await fed.house.open_room(ada) for _ in range(2)]
    for person, side in ((ada, Side.YES), (bob, Side.NO)):
        await fed.house.bet(rooms[0].id, person, side, ONE)
    client = fed.client()
    await client.subscribes(*(f"room:{room.id}" for room in rooms))
    await fed.deliver()
    await fed.house.settle(rooms[0].id, Side.NO)
    await fed.deliver()
    assert client.told(f"room:{rooms[0].id}")[-1][0] == "room.settled"

    async with fed.house.database.snapshot() as tx:
        marks = await topics.told_to(tx, "room:")

    assert [marks[f"room:{room.id}"] == OVER for room in rooms] == [True, False]


async def test_who_was_away_too_long_is_told_of_the_gap_and_shown_everything(
    fed: FeedHouse,
) -> None:
    client, topic = fed.client(), "rooms"
    (snapshot,) = await client.subscribes(topic)
    async with fed.house.owner.transaction() as tx:
        await tx.execute("UPDATE platform.topics SET watched_until = now()")
    room = await fed.house.open_room(await fed.house.player())
    await fed.deliver()
    assert client.told(topic) == [("snapshot", snapshot["seq"])], "nobody watched by then"

    gap, anew = await fed.another().client().says(op="resume", topic=topic, seq=snapshot["seq"])

    assert (gap["type"], gap["data"]) == ("gap", {"seq": snapshot["seq"]})
    assert [each["id"] for each in anew["data"]["rooms"]] == [str(room.id)]
    # Whoever still watches at the first process is shown it too, as soon as it looks.
    await fed.feed.hub.renew()
    await client.idle()
    assert [kind for kind, _ in client.told(topic)] == ["snapshot", "gap", "snapshot"]
    assert client.frames[-1]["data"]["rooms"] == anew["data"]["rooms"]


async def test_of_more_than_five_hundred_frames_the_newest_are_kept(fed: FeedHouse) -> None:
    client, topic = fed.client(), "rooms"
    (snapshot,) = await client.subscribes(topic)
    async with fed.house.database.transaction() as tx:
        await topics.stand_alone(tx)
        news = [News(topic, "price", {"room_id": "1", "prices": []})] * 600
        await topics.tell(tx, news, SystemClock().now())
    await fed.feed.hub.forget()
    other, last = fed.another(), snapshot["seq"] + 600

    resumed, *missed = await other.client().says(op="resume", topic=topic, seq=last - 500)
    gap, anew = await other.client().says(op="resume", topic=topic, seq=last - 501)

    assert (resumed["data"]["missed"], len(missed), missed[-1]["seq"]) == (500, 500, last)
    assert (gap["type"], anew["type"], anew["seq"]) == ("gap", "snapshot", last)


async def test_a_number_that_was_never_given_is_answered_by_a_gap(fed: FeedHouse) -> None:
    gap, snapshot = await fed.client().says(op="resume", topic="rooms", seq=7)

    assert (gap["type"], snapshot["type"]) == ("gap", "snapshot")


async def test_who_does_not_read_is_told_later_and_misses_nothing(fed: FeedHouse) -> None:
    client = fed.client()
    (snapshot,) = await client.subscribes("rooms")
    client.session.pause()
    for _ in range(3):
        await fed.house.open_room(await fed.house.player())
        await fed.deliver()
    assert len(client.told("rooms")) == 1

    client.session.go_on()

    first = snapshot["seq"] + 1
    assert [seq for _, seq in client.told("rooms")[1:]] == [first, first + 1, first + 2]


async def test_topics_that_are_left_are_told_no_more(fed: FeedHouse) -> None:
    client = fed.client()
    await client.subscribes("rooms")

    (left,) = await client.says(op="unsubscribe", topics=["rooms"])
    await fed.house.open_room(await fed.house.player())
    await fed.deliver()

    assert left["type"] == "unsubscribed"
    assert client.frames[-1] is left
    (refused,) = await client.says(op="unsubscribe", topics=["rooms"])
    assert refused["data"]["code"] == "E-TOPIC"


SENSELESS = (
    b"",
    b"{",
    b"[]",
    b"\xff",
    b'{"op":"drop tables"}',
    b'{"op":"subscribe"}',
    b'{"op":"subscribe","topics":[]}',
    b'{"op":"subscribe","topics":[""]}',
    b'{"op":"subscribe","topics":["rooms"],"more":1}',
    b'{"op":"resume","topic":"rooms","seq":-1}',
    b'{"op":"resume","topic":"rooms","seq":1e99}',
    b"[" * 10_000,
)


async def test_what_cannot_be_read_is_refused_in_words(fed: FeedHouse) -> None:
    client = fed.client()
    for said in SENSELESS:
        (refused,) = await client.says_text(said)

        assert (refused["type"], refused["data"]["code"]) == ("refused", "E-LIVE")
        assert refused["data"]["detail"]
        assert refused["data"]["next"]


async def test_who_only_asks_wrongly_is_sent_away(fed: FeedHouse) -> None:
    client = fed.client()
    for _ in range(21):
        await client.says_text(b"nonsense")

    assert client.dropped == ["more than 20 requests were refused"]


async def test_one_connection_watches_so_many_topics_and_no_more(fed: FeedHouse) -> None:
    client, room = fed.client(), await fed.house.open_room(await fed.house.player())
    for number in range(64):
        client.session._channels[f"filler {number}"] = Channel(Topic("x", "x"))

    (refused,) = await client.subscribes(f"room:{room.id}")

    assert refused["data"]["code"] == "E-TOPICS"


async def test_who_answers_no_heartbeat_is_taken_for_gone(fed: FeedHouse) -> None:
    client = fed.client()
    for _ in range(3):
        await fed.feed.hub.beat()
    assert [each["type"] for each in client.frames] == ["heartbeat"] * 3
    assert not client.dropped

    await fed.feed.hub.beat()

    assert client.dropped == ["nothing was heard from you: connect again and resume"]


async def test_who_watches_is_told_when_the_house_cannot_see_what_is_new(
    fed: FeedHouse,
) -> None:
    client = fed.client()
    hub = fed.feed.hub
    hub.is_stale("reading", why="the database is away")
    hub.is_stale("reading", why="it still is")
    hub.is_stale("telling", why="and facts wait")
    late = fed.client()
    hub.is_fresh("reading")
    assert [each["type"] for each in client.frames] == ["stale"]
    hub.is_fresh("telling")
    hub.is_fresh("telling")

    assert [each["type"] for each in client.frames] == ["stale", "fresh"]
    assert [each["type"] for each in late.frames] == ["stale", "fresh"]


async def test_who_watches_is_told_when_nobody_tells_of_what_has_happened(fed: FeedHouse) -> None:
    client, hub = fed.client(), fed.feed.hub
    await fed.house.open_room(await fed.house.player())
    await hub.look_behind()
    assert client.frames == [], "a fact may wait a moment"

    async with fed.house.owner.transaction() as tx:
        await tx.execute("UPDATE platform.outbox SET at = at - interval '6 seconds'")
    await hub.look_behind()
    assert [each["type"] for each in client.frames] == ["stale"]
    await fed.deliver()
    await hub.look_behind()

    assert [each["type"] for each in client.frames] == ["stale", "fresh"]


async def test_who_bears_a_token_that_was_taken_back_is_sent_away(fed: FeedHouse) -> None:
    ada, bob = await fed.house.player(), await fed.house.player()
    mine, other, nobody = fed.client(), fed.client(), fed.client()
    await mine.subscribes("me", token=ada.token)
    await other.subscribes("me", token=bob.token)
    await nobody.subscribes("rooms")
    await fed.feed.hub.recheck()
    assert not mine.dropped

    async with fed.house.owner.transaction() as tx:
        await tx.execute("DELETE FROM identity.tokens WHERE player_id = $1", ada.id)
    await fed.feed.hub.recheck()

    assert mine.dropped == ["your token holds no more: connect again with one that does"]
    assert not other.dropped
    assert not nobody.dropped
