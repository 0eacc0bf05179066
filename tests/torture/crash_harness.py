"""Kill a command at a point, send it again, and compare with what an undisturbed run gives."""

import asyncio
import itertools
import math
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from rooms.platform.clock import SystemClock
from rooms.platform.database import Database
from rooms.platform.doorbell import Doorbell
from rooms.platform.postgres import Dsn
from rooms.sandbox.server import start_sandbox
from tests.addresses import of_database, port_of, through_port
from tests.torture.crash_house import SteppedHouse, stepped_house
from tests.torture.crash_picture import Picture, differences, picture_of, unbalanced, unverified
from tests.torture.crash_points import Counts, Point, Way, all_points
from tests.torture.crash_proxy import Trap, http_proxy, postgres_proxy
from tests.torture.crash_scene import Scene, Stage
from tests.torture.crash_victims import Death, Nursery, Order, command_of, nursery

BOOKS_EVERY: Final = 50
"""After so many points a database's books are summed again as a whole, and it is replaced."""

# What each run gives out anew.
ANEW: Final = frozenset(
    {
        *(
            "id",
            "room_id",
            "placed_at",
            "receipt",
            "receipts",
            "player_id",
            "referral_code",
            "account",
        ),
        *("first_ticket", "accepted_at", "game", "picks"),
    }
)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a point came to. ``killed`` is False where the command had fewer messages this time."""

    point: Point
    killed: bool
    acknowledged: int
    wrong: list[str]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A command that nobody disturbed: how many messages it had, and what came of it."""

    counts: Counts
    answers: Mapping[str, Any]
    picture: Picture


@dataclass(frozen=True, slots=True)
class Hall:
    """A database in which one scene plays after the other, and a house that is never killed."""

    url: str
    stage: Stage

    async def unbalanced(self) -> list[str]:
        """Sum all books again."""
        async with self.stage.owner.snapshot() as tx:
            return await unbalanced(tx)


@dataclass(slots=True)
class Harness:
    """Kills commands, one after the other; several harnesses may work side by side."""

    module: str
    dsn: Dsn
    superuser: str
    victims: Nursery
    sandbox: str
    undisturbed: dict[str, Undisturbed] = field(default_factory=dict)
    _hall: Hall | None = None
    _leave_hall: AsyncExitStack = field(default_factory=AsyncExitStack)
    _played: int = 0

    async def learn(self, command: str) -> Undisturbed:
        """Run a command undisturbed; sending it again must change nothing."""
        hall = await self._in_hall()
        scene, death, trap = await self._play(hall, command, None)
        assert death.code == 0, f"{command} failed undisturbed: {death.failure}"
        picture = await picture_of(hall.stage.owner, scene)
        for words in command_of(self.module, command).shows:
            assert words in str(picture), f"{command} does not show {words!r}: {picture}"
        counts = {way: trap.counts[way] for way in Way}
        learned = Undisturbed(counts, _without_new(death.said), picture)
        self.undisturbed[command] = learned
        wrong = await self._sent_again(hall, command, scene, death)
        assert not wrong, f"{command}, sent twice undisturbed: {wrong}"
        await hall.stage.leave()
        return learned

    async def attempt(self, point: Point) -> Verdict:
        """Kill a command at the point, send it again, say what is wrong then."""
        hall = await self._in_hall()
        scene, death, trap = await self._play(hall, point.command, point)
        wrong = await self._sent_again(hall, point.command, scene, death)
        if not trap.struck and death.code != 0:
            wrong.append(f"it ended by itself with {death.code}: {death.failure}")
        await hall.stage.leave()
        self._played += 1
        if wrong or self._played % BOOKS_EVERY == 0:
            wrong += await self.close()
        return Verdict(point, trap.struck, len(death.said), wrong)

    async def close(self) -> list[str]:
        """Sum the books of the database in use a last time and leave it; say what is wrong."""
        wrong = await self._hall.unbalanced() if self._hall else []
        self._hall = None
        await self._leave_hall.aclose()
        return wrong

    async def _in_hall(self) -> Hall:
        if self._hall is None:
            name = await self._leave_hall.enter_async_context(_database(self.superuser))
            owner = Database(
                of_database(self.dsn.owner, name), Doorbell(), role="rooms_owner", size=1
            )
            await owner.open()
            self._leave_hall.push_async_callback(owner.close)
            app = of_database(self.dsn.app, name)
            house = await self._leave_hall.enter_async_context(stepped_house(self.sandbox, app))
            self._hall = Hall(app, Stage(house, owner, self.sandbox))
        return self._hall

    async def _play(
        self, hall: Hall, command: str, point: Point | None
    ) -> tuple[Scene, Death, Trap]:
        """Set a scene and let a victim act on it, until it is killed or done."""
        scene, trap = await hall.stage.scene(f"s{next(_numbers)}"), Trap(point)
        await hall.stage.end_lease()
        await command_of(self.module, command).prepare(hall.stage, scene)
        await hall.stage.end_lease()
        async with (
            postgres_proxy(port_of(hall.url), trap) as postgres,
            http_proxy(port_of(self.sandbox), trap) as feeds,
        ):
            order = Order(
                module=self.module,
                command=command,
                scene=scene,
                # The answer whether there is TLS is no message; on loopback there is none.
                database=through_port(hall.url, postgres.port) + "?sslmode=disable",
                sandbox=f"http://127.0.0.1:{feeds.port}",
            )
            death = await self.victims.live(order, trap)
            await postgres.ended()
        return scene, death, trap

    async def _sent_again(self, hall: Hall, command: str, scene: Scene, death: Death) -> list[str]:
        """Begin anew, with a house that remembers nothing, and compare what comes of it."""
        await hall.stage.end_lease()
        async with stepped_house(self.sandbox, hall.url) as house:
            try:
                answers = await self._answers(house, command, scene)
                await house.rest()
                # Looked at from a connection that stays: a new one would plan it all anew.
                picture = await picture_of(hall.stage.owner, scene)
                wrong = await unverified(house.house, hall.stage.owner, scene)
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                return [f"sent again, it failed: {traceback.format_exc()}"]
        wanted = self.undisturbed[command]
        return [
            *wrong,
            *differences(picture, wanted.picture),
            *differences(_without_new(answers), wanted.answers),
            *(
                f"{name} was acknowledged as {told} and is {answers.get(name)} now"
                for name, told in death.said.items()
                if answers.get(name) != told
            ),
        ]

    async def _answers(self, house: SteppedHouse, command: str, scene: Scene) -> dict[str, Any]:
        said: dict[str, Any] = {}
        await command_of(self.module, command).act(house, scene, said.__setitem__)
        answers: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(said))
        return answers


@asynccontextmanager
async def harnesses(
    count: int, module: str, dsn: Dsn, superuser: str
) -> AsyncIterator[list[Harness]]:
    """Make so many harnesses for a module's commands; the database ``rooms`` is their template."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(_harness(module, dsn, superuser)) for _ in range(count)
        ]


@asynccontextmanager
async def _harness(module: str, dsn: Dsn, superuser: str) -> AsyncIterator[Harness]:
    with tempfile.TemporaryDirectory(prefix="rooms-feeds-") as folder:
        sandbox = await start_sandbox("127.0.0.1", 0, Path(folder), seed=7, clock=SystemClock())
        try:
            async with nursery(module) as victims:
                made = Harness(module, dsn, superuser, victims, sandbox.url)
                try:
                    yield made
                finally:
                    await made.close()
        finally:
            await sandbox.close()


async def learn(harnesses: Sequence[Harness], commands: Iterable[str]) -> list[Point]:
    """Let one harness see the commands undisturbed, tell the others; give all points there are."""
    first, *others = harnesses
    counts = {name: (await first.learn(name)).counts for name in commands}
    for other in others:
        other.undisturbed = first.undisturbed
    return all_points(counts)


async def attempt_all(
    harnesses: Sequence[Harness],
    queue: Iterator[Point],
    note: Callable[[Verdict], None],
    *,
    until: float = math.inf,
) -> list[str]:
    """Attempt what is in the queue until it is empty, or the time (monotonic) has come.

    Gives what is wrong with the books in the end.
    """

    async def work(one: Harness) -> list[str]:
        for point in queue:
            note(await one.attempt(point))
            if time.monotonic() >= until:
                break
        return await one.close()

    wrong = await asyncio.gather(*(work(one) for one in harnesses))
    return [sentence for each in wrong for sentence in each]


@asynccontextmanager
async def _database(superuser: str) -> AsyncIterator[str]:
    """Make a migrated database and give its name."""
    name = f"crash_{next(_numbers)}"
    connection = await asyncpg.connect(superuser)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE rooms OWNER rooms_owner")
        await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO rooms_app")
        yield name
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


def _without_new(answer: Any) -> Any:
    """Leave out what each run gives out anew."""
    match answer:
        case dict():
            return {name: _without_new(each) for name, each in answer.items() if name not in ANEW}
        case list():
            return [_without_new(each) for each in answer]
        case _:
            return answer
