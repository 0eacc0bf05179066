"""Seeds and beacons by hand: real chains, but in memory, and beacons that come when told to."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rooms.contexts.fairness.api import Locked, NewChain, RoundOf
from rooms.platform.database import Tx
from rooms.proof.beacon import QUICKNET, Beacon, DrandChain
from rooms.proof.chain import ChainTerms, SeedChain, last_seed

MASTER_KEY: Final = b"a master key of tests only......"
CHAIN: Final = QUICKNET


@dataclass(slots=True)
class HandSeeds:
    """Chains of ``length`` links; gives no seed of a round that is not locked."""

    locked: Locked
    length: int = 500
    able: bool = True
    chains: dict[str, list[tuple[ChainTerms, SeedChain]]] = field(default_factory=dict)
    ended: list[tuple[str, int, int]] = field(default_factory=list)

    async def open_chain(self, tx: Tx, wanted: NewChain) -> ChainTerms:
        del tx
        known = self.chains.setdefault(wanted.game, [])
        number = len(known)
        chain = SeedChain.walked(last_seed(MASTER_KEY, wanted.game, number), self.length)
        fields = {name: getattr(wanted, name) for name in NewChain.__slots__}
        terms = ChainTerms(chain=number, length=self.length, terminal=chain.terminal, **fields)
        known.append((terms, chain))
        return terms

    async def end_chain(self, tx: Tx, game: str, chain: int, last_round: int) -> None:
        del tx
        self.ended.append((game, chain, last_round))

    async def can_reveal(self) -> bool:
        return self.able

    async def commits(self, game: str, first: int, last: int) -> Mapping[int, bytes]:
        return {
            number: hashlib.sha256(self._seed(game, number)).digest()
            for number in range(first, last + 1)
        }

    async def reveal(self, tx: Tx, rounds: Sequence[RoundOf]) -> list[bytes]:
        locked = await self.locked.locked_to(tx, {game for game, _ in rounds})
        assert all(number <= locked[game] for game, number in rounds)
        return [self._seed(game, number) for game, number in rounds]

    def _seed(self, game: str, number: int) -> bytes:
        terms, chain = next(
            each for each in reversed(self.chains[game]) if each[0].first_round <= number
        )
        return chain.seed(terms.link(number))


@dataclass(slots=True)
class HandBeacons:
    """Says which beacons are known: all whose time has come, but those that are ``missing``.

    Where ``at_a_time`` is given, it asks for no more than so many, the oldest that it did not have.
    """

    missing: set[int] = field(default_factory=set)
    dead: bool = False
    at_a_time: int | None = None
    _had: set[int] = field(default_factory=set)

    async def learn(self) -> None:
        pass

    async def clock_is_slow(self, tx: Tx) -> bool:
        return bool(await tx.value("SELECT fairness.clock_is_slow()"))

    def chain(self, entropy: str) -> DrandChain | None:
        return CHAIN if entropy == CHAIN.entropy else None

    async def beacons(self, entropy: str, rounds: Collection[int]) -> Mapping[int, Beacon | None]:
        assert entropy == CHAIN.entropy
        asked = sorted(set(rounds) - self._had)[: self.at_a_time]
        gone = asked if self.dead else self.missing.intersection(asked)
        self._had.update(set(asked).difference(gone))
        known = self._had.intersection(rounds)
        return dict.fromkeys(gone) | {
            number: Beacon(number, hashlib.sha384(b"%d" % number).digest()) for number in known
        }
