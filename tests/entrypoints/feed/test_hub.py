"""Topics are told to all who watch them, also to those who do not read just now."""

import pytest

from rooms.entrypoints.gateway.feed import hub
from rooms.proof.pool import Side
from tests.feed_houses import FeedHouse
from tests.houses import ONE


async def test_who_does_not_read_just_now_is_not_forgotten_by_its_topics(
    fed: FeedHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = fed.client()
    await client.subscribes("rooms")
    client.session.pause()
    monkeypatch.setattr(hub, "IDLE_FOR", -1.0)  # whatever nobody watches is let go of

    await fed.feed.hub.renew()
    other = fed.client()
    await other.subscribes("rooms")
    client.session.go_on()
    await fed.house.open_room(await fed.house.player())
    await fed.deliver()

    assert client.told("rooms")[1:] == other.told("rooms")[1:] != []


async def test_a_topic_that_nobody_refers_to_is_let_go_of(
    fed: FeedHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = fed.client()
    await client.subscribes("rooms")
    monkeypatch.setattr(hub, "IDLE_FOR", -1.0)
    await fed.feed.hub.renew()
    assert [*fed.feed.hub._channels] == ["rooms"]

    client.session.end()

    assert [*fed.feed.hub._channels] == []


async def test_who_reads_a_little_and_stops_again_misses_nothing_and_gets_nothing_twice(
    fed: FeedHouse,
) -> None:
    room = await fed.house.open_room(await fed.house.player())
    await fed.deliver()
    client, other, names = fed.client(), fed.client(), ("rooms", f"room:{room.id}")
    await client.subscribes(*names)
    await other.subscribes(*names)
    write = client.session.write

    def write_too_much(wire: bytes) -> None:
        write(wire)
        client.session.pause()

    client.session.pause()
    for _ in range(3):
        await fed.house.bet(room.id, await fed.house.player(), Side.YES, ONE)
        await fed.deliver()
        client.session.write = write_too_much
        client.session.go_on()
    client.session.write = write
    client.session.go_on()
    client.session.go_on()

    for name in names:
        assert client.told(name) == other.told(name)
        assert len(client.told(name)) > 3
