"""Commands killed at a message and sent again; and that the harness notices what goes wrong."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest

from rooms.contexts.ledger.api import PLAYER, ROOM_POOLS, Movement
from rooms.kernel.money import SOL
from rooms.platform.postgres import Dsn
from tests.addresses import port_of, through_port
from tests.conftest import Server
from tests.torture import crash, crash_commands
from tests.torture.__main__ import run as torture
from tests.torture.crash_harness import Verdict, attempt_all, harnesses, learn
from tests.torture.crash_house import SteppedHouse
from tests.torture.crash_points import Point, Way, When, all_points, chosen, parse_point
from tests.torture.crash_proxy import Trap, http_message, postgres_messages, postgres_proxy
from tests.torture.crash_scene import ONE, Command, Say, Scene
from tests.torture.running import ended

POINTS, SHARES = 300, 2  # .ci/run tries 2,000
ROOT: Final = Path(__file__).parents[2]


Choose = Callable[[list[Point]], Iterable[Point]]


async def _killed_at(
    server: Server, module: str, commands: Iterable[str], choose: Choose
) -> tuple[list[Verdict], list[str]]:
    """Kill these commands at the points chosen; give what came of each, and of the books."""
    verdicts: list[Verdict] = []
    async with harnesses(2, module, server.dsn, server.superuser) as working:
        points = choose(await learn(working, commands))
        books = await attempt_all(working, iter(points), verdicts.append)
    return verdicts, books


@pytest.mark.parametrize("share", range(SHARES))
async def test_what_is_killed_at_a_message_and_sent_again_is_done_once(
    server: Server, share: int
) -> None:
    seed, most = 2026 + share, POINTS // SHARES
    commands = list(crash_commands.COMMANDS)[share::SHARES]
    print(f"seed {seed}")  # noqa: T201 - what failed can be done again
    verdicts, books = await _killed_at(
        server,
        crash_commands.__name__,
        commands,
        lambda points: islice(chosen(points, seed), most),
    )
    assert {str(each.point): each.wrong for each in verdicts if each.wrong} == {}
    assert books == []
    assert len([each for each in verdicts if each.killed]) >= len(verdicts) * 0.9
    assert any(each.acknowledged for each in verdicts)


async def _stake_then_bet(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """Take a bet as it must not be taken: the stake moves in a transaction of its own."""
    house, guest, room = stepped.house, scene.guests["second"], scene.rooms[0]
    async with house.database.transaction() as tx:
        placed = await tx.value("SELECT true FROM parimutuel.bets WHERE key = $1", scene.mark)
    if not placed:
        async with house.database.transaction() as tx:
            pool = await house.ledger.open_account(tx, SOL, ROOM_POOLS, "0")
            stake = [
                Movement(guest.account, -ONE, "stake", f"room:{room}"),
                Movement(pool, ONE, "stake", f"room:{room}"),
            ]
            await house.ledger.post(tx, f"stake:{uuid4()}", stake)
        async with house.database.transaction() as tx:
            await tx.execute(
                "INSERT INTO parimutuel.bets "
                "(room_id, player_id, account_id, side, stake, accepted_at, by_host, key) "
                "VALUES ($1, $2, $3, 'NO', $4, clock_timestamp(), false, $5)",
                *(room, guest.id, guest.account, ONE, scene.mark),
            )
    say("bet", "placed")


async def _answer_then_commit(stepped: SteppedHouse, scene: Scene, say: Say) -> None:
    """Answer as nobody must answer: before the commit."""
    house = stepped.house
    async with house.database.transaction() as tx:
        name = f"{scene.mark} newcomer"
        known = await tx.value("SELECT id FROM identity.players WHERE name = $1", name)
        player = known or await house.identity.register(tx, name, scene.mark)
        say("newcomer", {"id": player})
        await house.ledger.open_account(tx, SOL, PLAYER, str(player))


COMMANDS: Final = {
    "stake_then_bet": Command(crash_commands.COMMANDS["place_bet"].prepare, _stake_then_bet),
    "answer_then_commit": Command(crash_commands.COMMANDS["fund"].prepare, _answer_then_commit),
}


@pytest.mark.parametrize(
    ("command", "sends", "complaint"),
    [
        ("stake_then_bet", slice(None, None, 12), "players: "),
        ("answer_then_commit", slice(None, None, 4), "newcomer was acknowledged as "),
    ],
)
async def test_a_command_that_is_not_whole_is_caught(
    server: Server, command: str, sends: slice, complaint: str
) -> None:
    def choose(points: list[Point]) -> list[Point]:
        return [each for each in points if (each.way, each.when) == (Way.SEND, When.BEFORE)][sends]

    verdicts, _ = await _killed_at(server, "tests.faults.test_crash", [command], choose)
    wrong = [sentence for each in verdicts for sentence in each.wrong]
    assert any(sentence.startswith(complaint) for sentence in wrong), wrong


def test_every_point_comes_before_any_comes_again() -> None:
    counts = {
        "short": dict.fromkeys(Way, 2),
        "long": {Way.SEND: 30, Way.RECEIVE: 20, Way.ASK: 0, Way.HEAR: 1},
    }
    points = all_points(counts)
    assert len(points) == 2 * (8 + 51)
    twice = list(islice(chosen(points, 7), 2 * len(points)))
    assert set(twice[: len(points)]) == set(twice[len(points) :]) == set(points)
    assert twice == list(islice(chosen(points, 7), 2 * len(points)))
    assert {point.command for point in twice[:4]} == {"short", "long"}


@pytest.mark.parametrize(("when", "arrived"), [(When.BEFORE, False), (When.AFTER, True)])
async def test_before_a_message_it_never_arrives_and_after_it_the_process_is_dead(
    dsn: Dsn, when: When, *, arrived: bool
) -> None:
    trap, port = Trap(Point("any", Way.SEND, when, 1)), port_of(dsn.owner)
    assert port is not None
    victim = await asyncio.create_subprocess_exec("sleep", "60")
    async with postgres_proxy(port, trap) as proxy:
        url = through_port(dsn.owner, proxy.port) + "?sslmode=disable"
        connection = await asyncpg.connect(url)
        trap.arm(victim.pid)
        sent = asyncio.create_task(connection.execute("CREATE TABLE public.arrived ()"))
        assert await victim.wait() == -signal.SIGKILL
        connection.terminate()
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await sent
        await proxy.ended()
    looking = await asyncpg.connect(dsn.owner)
    found = await looking.fetchval("SELECT to_regclass('public.arrived') IS NOT NULL")
    await looking.close()
    assert found == arrived


def test_messages_are_told_apart_however_they_arrive() -> None:
    startup, query = b"\x00\x00\x00\x09\x00\x03\x00\x00\x00", b"Q\x00\x00\x00\x06x\x00"
    whole, received, lengths = postgres_messages(from_client=True), bytearray(), []
    for byte in startup + query + query:
        received.append(byte)
        if length := whole(received):
            lengths.append(length)
            del received[:length]
    assert lengths == [len(startup), len(query), len(query)]
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    assert [http_message(bytearray(answer[:n])) for n in (10, -1, None)] == [0, 0, len(answer)]


def test_a_failure_names_its_point_and_how_to_see_it_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    point = Point("lock", Way.SEND, When.BEFORE, 7)
    assert parse_point("lock:send:before:7") == point
    outcome = crash.Outcome(seed=5, commands={"lock": crash.Tally(points=9)})
    outcome.add(Verdict(point, killed=True, acknowledged=0, wrong=["rooms: 2 instead of 1"]))
    assert ended(outcome, lambda out: crash._show(out, outcome), wrong=1, as_json=False) == 3
    said = capsys.readouterr().out
    assert "rooms: 2 instead of 1" in said
    assert "./rooms torture crash --only lock:send:before:7" in said


def test_one_point_alone_is_reported_as_json() -> None:
    asked = ["crash", "--only", "fund:send:before:3", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.torture", *asked],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    assert report["commands"]["fund"]["killed"] == 1
    assert report["failures"] == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("crash", "--only", "fund:7"), "'fund:7' is not a point"),
        (("crash", "--only", "fly:send:before:7"), "There is no command 'fly'"),
        (("crush",), "There is no torture 'crush'"),
    ],
)
def test_what_cannot_be_meant_ends_with_what_to_do(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert torture(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Next: " in said
