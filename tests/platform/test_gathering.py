"""Facts that are handled together: once, in one transaction, and one that fails holds up no other."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from rooms.kernel.event import Fact
from rooms.platform.database import Database, Tx
from rooms.platform.gathering import Gathering
from rooms.platform.module import Together


@dataclass(frozen=True, slots=True, kw_only=True)
class BellRung(Fact):
    number: int


@dataclass(slots=True)
class Ringer:
    """Remembers what came together, and fails where a test says so."""

    heard: list[list[int]] = field(default_factory=list)
    failing: set[int] = field(default_factory=set)

    async def react(self, _: Tx, facts: Sequence[Fact]) -> None:
        numbers = [fact.number for fact in facts if isinstance(fact, BellRung)]
        if self.failing & set(numbers):
            raise ArithmeticError(str(numbers))
        self.heard.append(numbers)

    def gathering(self, database: Database) -> Gathering:
        return Gathering(database, Together("bells", (BellRung,), self.react))


async def ring(database: Database, *numbers: int) -> None:
    async with database.transaction() as tx:
        await tx.publish(*(BellRung(number=number) for number in numbers))


async def test_facts_come_together_and_once_from_the_first_start_on(database: Database) -> None:
    ringer = Ringer()
    await ring(database, 1)
    assert await ringer.gathering(database).deliver() == 0, "that was before anybody listened"

    await ring(database, 2, 3)
    await ring(database, 4)
    several = [ringer.gathering(database) for _ in range(3)]
    await asyncio.gather(*(each.deliver() for each in several))

    assert ringer.heard == [[2, 3, 4]]


async def test_a_fact_that_fails_alone_rests_while_the_others_go_on(database: Database) -> None:
    ringer = Ringer(failing={2})
    gathering = ringer.gathering(database)
    await gathering.deliver()
    await ring(database, 1, 2, 3)

    while await gathering.deliver():
        pass

    assert ringer.heard == [[1], [3]]
    ringer.failing.clear()
    assert await ringer.gathering(database).deliver() == 1, "another process need not rest"
    assert ringer.heard[-1] == [2]
