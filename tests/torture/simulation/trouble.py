"""What goes wrong on purpose: processes die, clocks are set, facts come twice; and who looks on."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

from rooms.contexts.ledger.checks import check_books
from rooms.contexts.oracle.events import ConditionMet, ConditionNotMet
from rooms.platform.database import Tx
from tests.torture.simulation.processes import House, Process
from tests.torture.simulation.stage import Client, Stage, told

FACTS: Final = {kind.__name__: kind for kind in (ConditionMet, ConditionNotMet)}
POOLS: Final = """
    SELECT (SELECT coalesce(sum(balance), 0) FROM ledger.accounts WHERE kind = 'room_pools')
               AS held,
           (SELECT coalesce(sum(stake), 0) FROM parimutuel.bets AS bet
            JOIN parimutuel.rooms AS room ON room.id = bet.room_id
            WHERE room.status NOT IN ('SETTLED', 'VOIDED')) AS staked
"""


@dataclass(slots=True)
class Nemesis:
    """Kills and stops processes and sets their clocks, until it is calm."""

    stage: Stage
    chance: Random

    async def live(self, deeds: int) -> None:
        """Strike this many times, with rests between."""
        for _ in range(deeds):
            await self.stage.loop.pass_by(self.chance.randint(500, 9_000) / 1_000)
            if self.stage.calm:
                return
            process = self.chance.choice(self.stage.processes)
            if self.chance.randrange(2):
                await self._restart(process)
            else:
                process.clock.off = timedelta(milliseconds=self.chance.randint(-4_500, 4_500))
                self._say(f"{process.name}'s clock is off by {process.clock.off}")

    async def _restart(self, process: Process) -> None:
        at_once = bool(self.chance.randrange(3))
        await process.end(at_once=at_once)
        self._say(f"{process.name} {'is killed' if at_once else 'has stopped'}")
        await self.stage.loop.pass_by(self.chance.randint(0, 5_000) / 1_000)
        process.start()
        self._say(f"{process.name} is started again")

    def _say(self, what: str) -> None:
        self.stage.trace.say("nemesis", what)


async def repeat_facts(client: Client, times: int) -> None:
    """Tell the rooms a fact of the past again, as a delivery that was thought lost does."""
    for _ in range(times):
        await client.rest(4_000, 15_000)
        async with client.stage.wire.look() as tx:
            told_before = await tx.fetch(
                "SELECT kind, body FROM platform.outbox WHERE kind = ANY ($1) ORDER BY id",
                list(FACTS),
            )
        if not told_before:
            continue
        row = client.chance.choice(told_before)
        fact = FACTS[row["kind"]](**row["body"])

        async def tell(house: House, fact: ConditionMet | ConditionNotMet = fact) -> None:
            (consumer,) = (each for module in house.modules for each in module.consumers)
            async with house.database.transaction() as tx:
                await consumer.reactions[type(fact)](tx, fact)

        client.say(f"{fact.subject} is told again -> {told(await client.ask('tell', tell))}")


async def audit(stage: Stage, chance: Random, times: int) -> None:
    """Re-sum all books at moments of chance, in the middle of everything."""
    for _ in range(times):
        await stage.loop.pass_by(chance.randint(5_000, 20_000) / 1_000)
        async with stage.wire.look() as tx:
            stage.wrong += await wrong_in_books(tx)


async def wrong_in_books(tx: Tx) -> list[str]:
    """Say what the ledger's own checks find, and whether the pools hold what was staked."""
    wrong = [f"{each.name}: {each.wrong}" for each in await check_books(tx) if each.wrong]
    pools = await tx.row(POOLS)
    assert pools is not None
    if pools["held"] != pools["staked"]:
        wrong.append(
            f"the pools hold {pools['held']}, unsettled rooms were staked {pools['staked']}"
        )
    return wrong
