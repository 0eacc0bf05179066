"""Robots play by the public API: lifelike, the same again, and patient with the house."""

import asyncio
import re
import socket
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from rooms.proof.condition import leaves, meets, parse_market, with_supplies
from rooms.sandbox.names import MINT
from rooms.sandbox.robots import run_robots
from tests.sandbox.toy_house import NOW, PRICES, Command, StoppedClock, ToyHouse, problem

VALUES = {asset: Decimal(price) for asset, price in PRICES.items()}
SOL = 1_000_000_000
PATIENCE = 30


@dataclass
class Naps:
    """Pauses that are written down instead of slept."""

    taken: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)


async def played(
    house: ToyHouse, *, seed: int = 1, count: int = 20, run: str = "a", naps: Naps | None = None
) -> list[Command]:
    """Let robots play until the house has had enough; give the commands up to there."""
    async with house.serving():
        await run_robots(
            house.url,
            count=count,
            seed=seed,
            stop=house.done,
            run=run,
            clock=StoppedClock(),
            sleep=naps or Naps(),
        )
    return house.commands[: house.enough]


async def test_the_same_seed_gives_the_same_commands_and_another_seed_others() -> None:
    first = await played(ToyHouse(), seed=5)
    again = await played(ToyHouse(), seed=5)
    other = await played(ToyHouse(), seed=6)

    assert first == again
    assert [each.body for each in first] != [each.body for each in other]


async def test_a_second_run_is_played_by_the_same_players_with_new_commands() -> None:
    house = ToyHouse(enough=200)
    first = await played(house, run="a")
    names = {each.key: each.body for each in first if each.path == "/v1/sandbox/players"}
    house.commands, house.done = [], asyncio.Event()
    second = await played(house, run="b")
    again = {each.key: each.body for each in second if each.path == "/v1/sandbox/players"}

    assert names == again
    assert len(house.players) == 20
    assert {each.key for each in first} & {each.key for each in second} == names.keys()


async def test_every_command_has_a_key_of_its_own() -> None:
    commands = await played(ToyHouse(enough=200))

    assert len({each.key for each in commands}) == len(commands)


async def test_targets_are_near_and_not_met_yet() -> None:
    house = ToyHouse(enough=600, settle_every=60)
    await played(house)

    for opened in house.opened():
        condition = parse_market(opened.body["market"])
        condition = with_supplies(condition, {MINT: Decimal(1)})
        assert opened.body["resolve"] == "at_close" or not meets(condition, VALUES)
        for leaf in leaves(condition):
            most = Decimal("0.06") if leaf.asset == MINT else Decimal("0.0105")
            assert abs(leaf.target / VALUES[leaf.asset] - 1) < most


async def test_touch_rooms_lie_on_both_sides_of_every_coin_and_some_very_near() -> None:
    house = ToyHouse(enough=600, settle_every=60)
    await played(house)
    touch = [
        each.body["market"]
        for each in house.opened()
        if each.body["resolve"] == "touch" and each.body["market"]["type"] == "coin_price"
    ]
    distances = [abs(Decimal(each["target"]) / VALUES[each["asset"]] - 1) for each in touch]

    assert {each["direction"] for each in touch} == {"at_or_above", "at_or_below"}
    assert {each["asset"] for each in touch} == {"SOL", "BTC", "ETH"}
    assert sum(distance < Decimal("0.0006") for distance in distances) > 3
    assert max(distances) < Decimal("0.0042")


async def test_there_are_rooms_of_every_kind_and_never_more_than_a_dozen_at_once() -> None:
    house = ToyHouse(enough=800, settle_every=80)
    await played(house)
    opened = [each.body for each in house.opened()]
    kinds = Counter(body["market"]["type"] for body in opened)
    run, most = 0, 0
    for number, command in enumerate(house.commands, start=1):
        run = 0 if number % house.settle_every == 0 else run + command.opens
        most = max(most, run)

    assert kinds.keys() >= {"coin_price", "token_market_cap", "any", "all"}
    assert kinds["coin_price"] > len(opened) / 2
    assert {body["resolve"] for body in opened} == {"touch", "at_close"}
    assert 8 <= most <= 12


async def test_a_title_says_in_words_what_the_room_asks() -> None:
    house = ToyHouse(enough=600, settle_every=60)
    await played(house)

    for opened in house.opened():
        title, market = opened.body["title"], opened.body["market"]
        settles_at = datetime.fromisoformat(opened.body["settles_at"])
        assert title.endswith(f" {settles_at:%H:%M} UTC?")
        assert 5 <= len(title) <= 200
        for leaf in leaves(parse_market(market)):
            assert ("PLAY's market cap" if leaf.asset == MINT else leaf.asset) in title
            assert f"${leaf.target:,f}" in title


async def test_rooms_settle_on_a_full_minute_within_the_durations() -> None:
    house = ToyHouse(enough=300, settle_every=60)
    await played(house)
    times = [datetime.fromisoformat(each.body["settles_at"]) for each in house.opened()]

    assert all(timedelta(minutes=16) <= time - NOW <= timedelta(minutes=40) for time in times)
    assert all(time.second == 0 for time in times)


async def test_a_house_of_short_rooms_gets_short_rooms() -> None:
    house = ToyHouse(enough=40)
    durations = (timedelta(seconds=20), timedelta(seconds=45))
    async with house.serving():
        await run_robots(
            house.url,
            count=3,
            seed=1,
            stop=house.done,
            durations=durations,
            clock=StoppedClock(),
            sleep=Naps(),
        )
    times = [datetime.fromisoformat(each.body["settles_at"]) for each in house.opened()]

    assert times
    assert all(durations[0] <= time - NOW <= durations[1] for time in times)


async def test_the_first_two_bettors_of_a_room_take_different_sides_at_once() -> None:
    house = ToyHouse(enough=200)
    commands = await played(house)
    for room in list(house.rooms)[:5]:
        places = [number for number, each in enumerate(commands) if f"/{room}/" in each.path]
        sides = [commands[number].body["side"] for number in places[:2]]
        tokens = {commands[number].token for number in places}

        assert set(sides) == {"YES", "NO"}
        assert len(tokens) == len(places)


async def test_stakes_are_round_and_varied_and_small_in_a_token_room() -> None:
    house = ToyHouse(enough=800, settle_every=100)
    await played(house)
    tokens = {room["id"] for room in house.rooms.values() if room["market"].get("asset") == MINT}
    stakes = [int(each.body["stake"]["amount"]) for each in house.bets()]
    small = [
        int(each.body["stake"]["amount"])
        for each in house.bets()
        if each.path.split("/")[3] in tokens
    ]

    assert len(set(stakes)) >= 8
    assert all(SOL // 20 <= stake <= 5 * SOL and stake % (SOL // 100) == 0 for stake in stakes)
    assert small
    assert max(small) <= SOL // 4


async def test_robots_that_have_lost_nearly_everything_do_not_bet() -> None:
    house = ToyHouse(enough=12, purse=str(SOL // 2))
    await played(house)

    assert house.opened()
    assert not house.bets()


async def test_one_family_of_robots_reaches_three_levels() -> None:
    house = ToyHouse(enough=200)
    commands = await played(house)
    sign_ups = [each.body for each in commands if each.path == "/v1/sandbox/players"]
    referrer = {
        f"REF{number}": body.get("referrer") for number, body in enumerate(sign_ups, start=1)
    }

    depths = []
    for nearest in referrer.values():
        depth, above = 0, nearest
        while above is not None:
            depth, above = depth + 1, referrer[above]
        depths.append(depth)
    assert max(depths) == 3
    assert depths.count(0) == len(sign_ups) - 6


async def test_too_many_requests_are_waited_for_as_long_as_the_house_says() -> None:
    house, naps = ToyHouse(enough=5), Naps()
    house.faults.append(problem(429, "E-RATE", **{"Retry-After": "7"}))
    first, second, *_ = await played(house, naps=naps)

    assert naps.taken[0] == 7
    assert (first.status, second.status) == (429, 201)
    assert (first.key, first.body) == (second.key, second.body)


async def test_a_house_that_cannot_answer_gets_the_same_command_again_after_growing_waits() -> None:
    house, naps = ToyHouse(enough=6), Naps()
    house.faults.extend(problem(503, "E-UNKNOWN") for _ in range(3))
    commands = await played(house, naps=naps)

    assert naps.taken[:3] == [0.5, 1, 2]
    assert len({(each.key, str(each.body)) for each in commands[:4]}) == 1
    assert commands[3].status == 201


@pytest.mark.parametrize(
    "fault",
    [
        (409, "E-ASSET-UNPRICED"),
        (409, "E-BET-DUP"),
        (422, "E-ROOM-TARGET"),
        (500, "E-BUG"),
        (401, "E-AUTH"),
    ],
)
async def test_refusals_do_not_end_the_play(fault: tuple[int, str]) -> None:
    house = ToyHouse(enough=60)
    async with house.serving():
        playing = asyncio.create_task(
            run_robots(house.url, count=20, seed=3, clock=StoppedClock(), sleep=Naps())
        )
        await asyncio.wait_for(house.done.wait(), PATIENCE)
        house.faults.extend(problem(*fault) for _ in range(10))
        house.enough, house.done = len(house.commands) + 60, asyncio.Event()
        house.settle_all()
        await asyncio.wait_for(house.done.wait(), PATIENCE)
        playing.cancel()
        await asyncio.wait({playing})

    assert playing.cancelled()
    assert {each.status for each in house.commands[-20:]} == {201}


async def test_a_robot_that_the_house_knows_otherwise_begins_anew() -> None:
    house = ToyHouse(enough=20)
    house.faults.append(problem(422, "E-KEY-REUSED"))
    first, second, *_ = await played(house)

    assert first.body == second.body
    assert first.key != second.key
    assert second.status == 201


async def test_answers_that_cannot_be_read_are_survived_and_told_without_their_content() -> None:
    house = ToyHouse(enough=20)
    secret = '{"access_token": "secret-9", "player_id": 9}'
    with capture_logs() as logs:
        house.faults.append(web.Response(status=201, text=secret))
        await played(house)

    assert [each["log_level"] for each in logs] == ["warning"]
    assert "secret" not in str(logs)
    assert house.bets()


async def test_robots_wait_for_a_house_that_is_away_and_play_when_it_comes() -> None:
    house, port = ToyHouse(enough=30), _free_port()
    naps, waited = Naps(), asyncio.Event()

    async def nap(seconds: float) -> None:
        await naps(seconds)
        if len(naps.taken) == 12:
            waited.set()

    playing = asyncio.create_task(
        run_robots(
            f"http://127.0.0.1:{port}",
            count=20,
            seed=1,
            stop=house.done,
            clock=StoppedClock(),
            sleep=nap,
        )
    )
    await asyncio.wait_for(waited.wait(), PATIENCE)
    async with house.serving(port):
        await playing

    waits = [seconds for seconds in naps.taken[:12] if seconds >= 2]
    assert waits[:4] == [2, 4, 8, 15]
    assert house.bets()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_robots_end_at_once_when_they_are_told_to_in_the_middle_of_a_pause() -> None:
    house, stop, paused = ToyHouse(), asyncio.Event(), asyncio.Event()

    async def for_ever(_: float) -> None:
        paused.set()
        await asyncio.Event().wait()

    async with house.serving():
        playing = asyncio.create_task(
            run_robots(house.url, count=2, seed=1, stop=stop, sleep=for_ever)
        )
        await asyncio.wait_for(paused.wait(), PATIENCE)
        stop.set()
        await playing


async def test_no_robots_ask_nothing() -> None:
    house = ToyHouse()
    async with house.serving():
        await run_robots(house.url, count=0, seed=1)

    assert not house.commands


async def test_tokens_are_sent_in_headers_only_and_never_logged() -> None:
    house = ToyHouse(enough=100)
    house.faults.extend(problem(409, "E-BET-LOCKED") for _ in range(4))
    with capture_logs() as logs:
        commands = await played(house)

    assert not re.search(r"secret|Bearer", str(logs))
    assert not any("secret" in f"{each.path}{each.body}{each.key}" for each in commands)


async def test_the_house_is_asked_little() -> None:
    house, naps = ToyHouse(enough=300, settle_every=60), Naps()
    await played(house, naps=naps)

    assert house.requests / sum(naps.taken) < 5
