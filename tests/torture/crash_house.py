"""The house that a victim, and the one who comes after it, compose: as the product does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import MethodType
from typing import Any, Final, cast

from pydantic import SecretStr

from rooms.contexts.fairness.workers import Sequencer
from rooms.contexts.keno.workers import RoundClock
from rooms.contexts.ledger.workers import HoldExpiry
from rooms.contexts.oracle.workers import Monitor
from rooms.contexts.parimutuel.workers import RoomClock
from rooms.platform.outbox import Delivery
from rooms.platform.settings import DrandSettings, Settings
from rooms.platform.settings.sources import Sources, sandbox_overrides
from rooms.processes.compose import House, open_house

CONNECTIONS: Final = 2
MASTER_KEY: Final = SecretStr("07" * 32)
CHAIN_LENGTH: Final = 400
"""So many rounds that no chain has to be continued while a scene plays."""


def settings(sandbox: str) -> Settings:
    """Ask the sandbox, without any pace; keep few connections; let a void wait for nobody."""
    overrides = sandbox_overrides(sandbox)
    moved = overrides["oracle"]["sources"]
    sources = {
        name: source.model_copy(update={"url": moved[name]["url"], "min_interval": timedelta()})
        for name, source in Sources().enabled().items()
    }
    usual = Settings()
    return usual.model_copy(
        update={
            "database": usual.database.model_copy(update={"pool_size": CONNECTIONS}),
            # A busy machine must not let a price grow stale between two steps of a test.
            "oracle": usual.oracle.model_copy(
                update={"sources": Sources(**sources), "stale_after": timedelta(minutes=2)}
            ),
            "fairness": usual.fairness.model_copy(
                update={
                    "master_key": MASTER_KEY,
                    "chain_length": CHAIN_LENGTH,
                    "drand": DrandSettings(**overrides["fairness"]["drand"]),
                }
            ),
            "keno": usual.keno.model_copy(
                update={"without_entropy": True, "entropy_insist": timedelta()}
            ),
            "parimutuel": usual.parimutuel.model_copy(update={"admin_void_delay": timedelta()}),
        }
    )


@dataclass(frozen=True, slots=True)
class SteppedHouse:
    """A house whose loops are stepped by hand, so that the same happens each time."""

    house: House

    async def decide(self) -> None:
        """Let the oracle look as often as a decision needs."""
        for _ in range(self.house.settings.oracle.confirmations):
            await self.look()

    async def look(self) -> None:
        """Let the oracle look once, as its leader."""
        monitor = self._behind("oracle", Monitor)
        assert await monitor.lease.acquire(), "another process leads the oracle"
        await monitor.deciding.tick(monitor.lease)

    async def deliver(self) -> None:
        """Bring the facts that are due to their consumers."""
        for module in self.house.modules.values():
            for consumer in module.consumers:
                while await Delivery(self.house.database, consumer).deliver_batch():
                    pass

    async def tick(self) -> None:
        """Let the rooms' clock do what is due."""
        await self._behind("parimutuel", RoomClock).tick()

    async def expire_holds(self) -> None:
        """Let the ledger end the holds whose time has come."""
        await self._behind("ledger", HoldExpiry).ledger.expire_holds()

    @property
    def rounds(self) -> RoundClock:
        """The clock of keno, as it was wired."""
        clock: RoundClock = self._behind("keno", RoundClock)
        return clock

    @property
    def sequencer(self) -> Sequencer:
        """What appends to the log, as it was wired."""
        sequencer: Sequencer = self._behind("fairness", Sequencer)
        return sequencer

    async def append(self) -> int:
        """Let the sequencer append what waits, as its leader; give the size of the log."""
        sequencer = self.sequencer
        assert await sequencer.lease.acquire(), "another process leads the log"
        while await sequencer.sequencing.append(sequencer.lease):
            pass
        return (await self.house.fairness.log.head()).size

    async def rest(self) -> None:
        """Let everything happen that is due."""
        await self.expire_holds()
        await self.deliver()
        await self.tick()

    def _behind(self, module: str, kind: type[Any]) -> Any:
        """Give what a worker's loop runs on: the very object that the product wired."""
        workers = self.house.modules[module].workers
        objects = [cast("MethodType", worker.run).__self__ for worker in workers]
        return next(each for each in objects if isinstance(each, kind))


@asynccontextmanager
async def stepped_house(sandbox: str, database_url: str) -> AsyncIterator[SteppedHouse]:
    """Compose a house over a database and the sandbox at these addresses."""
    async with open_house(settings(sandbox), database_url) as house:
        yield SteppedHouse(house)
