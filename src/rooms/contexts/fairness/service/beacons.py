"""Beacons: asked for outside of transactions, verified before they are kept, kept for ever."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from rooms.contexts.fairness.api import BEACON_KNOWN
from rooms.contexts.fairness.ports import Drand
from rooms.contexts.fairness.storage.beacons import BeaconStorage
from rooms.kernel.result import Ok
from rooms.kernel.time import to_millis
from rooms.platform.database import Database, Tx
from rooms.proof.beacon import Beacon, DrandChain, hash_of

log = structlog.get_logger()

AT_A_TIME: Final = 16
OVERDUE_MS: Final = 1_000
ASK_AGAIN_MS: Final = 500


@dataclass(frozen=True, slots=True)
class BeaconService:
    """The face ``Beacons``; one chain of drand can be asked, others are only remembered."""

    database: Database
    storage: BeaconStorage
    drand: Drand
    chains: dict[str, DrandChain] = field(default_factory=dict)
    _asked: dict[int, int] = field(default_factory=dict)

    async def learn(self) -> None:
        """Remember the chains of drand that were ever used, and from now on the present one."""
        async with self.database.transaction() as tx:
            await self.storage.add_chain(tx, self.drand.chain)
            self.chains.update({each.entropy: each for each in await self.storage.chains(tx)})

    def chain(self, entropy: str) -> DrandChain | None:
        """Give the drand chain that an entropy names."""
        present = self.drand.chain
        return present if entropy == present.entropy else self.chains.get(entropy)

    async def beacons(self, entropy: str, rounds: Collection[int]) -> Mapping[int, Beacon | None]:
        """Give those beacons that are known by now, and ask for those that are overdue."""
        async with self.database.transaction() as tx:
            stored = await self.storage.known(tx, hash_of(entropy), rounds)
            now = to_millis(await self.storage.now(tx))
        known: dict[int, Beacon | None] = {each.round: each for each in stored}
        missing = sorted(set(rounds) - known.keys())
        if entropy != self.drand.chain.entropy:
            return known | dict.fromkeys(missing)  # no mirror of that chain is known any more
        return known | await self._fetch(self._overdue(missing, now))

    def _overdue(self, missing: list[int], now: int) -> list[int]:
        """Choose what to ask for: the watch brings what is new, and nobody is asked all the time.

        A beacon that is not there yet is asked for again only after a while. ``now`` is the
        database's, in milliseconds: rounds were locked by it, whatever this process's clock says.
        """
        due = [
            number
            for number in missing
            if 1000 * self.drand.chain.appears_at(number) + OVERDUE_MS <= now
            and not 0 <= now - self._asked.get(number, 0) < ASK_AGAIN_MS
        ][:AT_A_TIME]
        self._asked.update(dict.fromkeys(due, now))
        return due

    async def _fetch(self, rounds: list[int]) -> dict[int, Beacon | None]:
        answers = await asyncio.gather(*(self.drand.beacon(number) for number in rounds))
        found = [answer.value for answer in answers if isinstance(answer, Ok)]
        for beacon in found:
            self._asked.pop(beacon.round, None)
        await self.keep(found)
        return dict.fromkeys(rounds) | {each.round: each for each in found}

    async def keep(self, beacons: list[Beacon]) -> None:
        """Keep verified beacons, and wake who waits for them."""
        if not beacons:
            return
        async with self.database.transaction() as tx:
            if await self.storage.add(tx, self.drand.chain, beacons):
                tx.told.add(BEACON_KNOWN)

    async def clock_is_slow(self, tx: Tx) -> bool:
        """Say whether a verified beacon is 1 s or more ahead of the database's clock."""
        return await self.storage.clock_is_slow(tx)


@dataclass(frozen=True, slots=True)
class BeaconWatch:
    """Sees each new beacon of the one drand chain as it appears, if any game takes entropy there.

    A beacon that appears before its time by the database's clock shows that this clock is slow:
    that is why mirrors are asked for their newest and not for the one that is due.
    """

    service: BeaconService

    async def begin(self) -> None:
        """Ask every mirror what it serves: who serves something else is told of in the log."""
        if not await self.service.drand.check():
            log.warning("no mirror of drand answers", chain=self.service.drand.chain.hash)

    async def look(self) -> int | None:
        """Look at what is newest; give the Unix time at which the next beacon appears.

        None where nothing is to be seen: no game takes entropy there.
        """
        drand, storage = self.service.drand, self.service.storage
        async with self.service.database.transaction() as tx:
            if not await storage.in_use(tx, drand.chain.entropy):
                return None
            newest = await storage.newest(tx, drand.chain.hash)
        async for beacon in drand.newest():
            if beacon.round > newest:
                newest = beacon.round
                await self.service.keep([beacon])
        return drand.chain.appears_at(newest + 1)
