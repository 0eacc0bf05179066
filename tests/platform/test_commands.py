import asyncio
from dataclasses import dataclass, replace

import pytest

from rooms.kernel.ids import CommandKey
from rooms.kernel.refusal import Refusal
from rooms.platform.commands import Answered, once, peek_answer
from rooms.platform.database import Database
from tests.platform.lock_waits import until_it_waits_for_a_lock

KEY = CommandKey("player:7 POST /v1/lamps", "key", b"the body")


@dataclass(frozen=True, slots=True)
class Lamp:
    number: int
    colour: str


@dataclass(slots=True)
class Maker:
    """Makes another lamp each time it is asked to, unless it refuses."""

    made: int = 0
    refuses: bool = False

    async def make(self) -> Lamp:
        if self.refuses:
            raise Refusal("E-DARK")
        self.made += 1
        return Lamp(self.made, "red")


async def ask(database: Database, maker: Maker, key: CommandKey = KEY) -> Answered[Lamp]:
    async with database.transaction() as tx:
        return await once(tx, key, Lamp, maker.make)


async def test_a_command_sent_again_is_answered_the_same_and_done_once(database: Database) -> None:
    maker = Maker()

    first, again = await ask(database, maker), await ask(database, maker)

    assert first == Answered(Lamp(1, "red"), replayed=False)
    assert again == Answered(Lamp(1, "red"), replayed=True)
    assert maker.made == 1


async def test_the_same_key_with_another_body_is_refused(database: Database) -> None:
    maker = Maker()
    await ask(database, maker)

    with pytest.raises(Refusal, match="E-KEY-REUSED"):
        await ask(database, maker, replace(KEY, body=b"another body"))
    async with database.transaction() as tx:
        with pytest.raises(Refusal, match="E-KEY-REUSED"):
            await peek_answer(tx, replace(KEY, body=b"another body"), Lamp)


async def test_the_same_key_is_another_command_elsewhere(database: Database) -> None:
    maker = Maker()
    await ask(database, maker)

    other = await ask(database, maker, replace(KEY, scope="player:8 POST /v1/lamps"))

    assert other == Answered(Lamp(2, "red"), replayed=False)


async def test_a_refused_command_may_be_sent_again(database: Database) -> None:
    maker = Maker(refuses=True)
    with pytest.raises(Refusal, match="E-DARK"):
        await ask(database, maker)
    maker.refuses = False

    assert await ask(database, maker) == Answered(Lamp(1, "red"), replayed=False)


async def test_a_twin_waits_and_gets_the_first_ones_answer(database: Database) -> None:
    maker = Maker()
    async with database.transaction() as tx:
        first = await once(tx, KEY, Lamp, maker.make)
        twin = asyncio.create_task(ask(database, maker))
        await until_it_waits_for_a_lock(database)
        assert not twin.done()

    assert first == Answered(Lamp(1, "red"), replayed=False)
    assert await twin == Answered(Lamp(1, "red"), replayed=True)
    assert maker.made == 1


async def test_of_twenty_twins_one_does_the_work(database: Database) -> None:
    maker = Maker()

    answers = await asyncio.gather(*(ask(database, maker) for _ in range(20)))

    assert maker.made == 1
    assert {answer.value for answer in answers} == {Lamp(1, "red")}
    assert sorted(answer.replayed for answer in answers) == [False, *[True] * 19]


async def test_a_look_at_a_key_does_not_claim_it(database: Database) -> None:
    async with database.transaction() as tx:
        assert await peek_answer(tx, KEY, Lamp) is None
    await ask(database, Maker())
    async with database.transaction() as tx:
        assert await peek_answer(tx, KEY, Lamp) == Lamp(1, "red")
