"""Seed chains: begun, shown by their commits, revealed round by round once betting is over."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from rooms.contexts.fairness.api import Beacons, Locked, NewChain, Recorder, RecordKind, RoundOf
from rooms.contexts.fairness.storage.chains import ChainStorage
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Database, Tx
from rooms.proof.beacon import NO_ENTROPY
from rooms.proof.chain import ChainTerms, SeedChain, last_seed, terms_json, terms_problem

log = structlog.get_logger()

LENGTH: Final = 20_000


class NothingLocked:
    """What a house without games says: no round is locked, so no seed leaves."""

    async def locked_to(self, tx: Tx, games: Collection[str]) -> Mapping[str, int]:  # noqa: ARG002
        """Give nothing for any game."""
        return {}


class Vault:
    """Makes seeds of the master key and keeps a few of each chain, in memory only.

    Neither the key nor a seed is in its ``repr``.
    """

    def __init__(self, master_key: bytes | None) -> None:
        """Take the key. Without one, chains are only looked at, not begun or revealed."""
        self._key = master_key
        self._chains: dict[tuple[str, int], SeedChain] = {}
        self._of_another_key: set[tuple[str, int]] = set()

    async def make(self, game: str, chain: int, length: int) -> SeedChain:
        """Walk a chain, beside the event loop. E-NO-MASTER-KEY where there is no key."""
        if self._key is None:
            raise Refusal("E-NO-MASTER-KEY")
        last = last_seed(self._key, game, chain)
        return await asyncio.to_thread(SeedChain.walked, last, length)

    async def chain(self, terms: ChainTerms) -> SeedChain:
        """Give a chain's seeds. E-NO-MASTER-KEY where the chain is not of this process's key."""
        if not await self.opens(terms):
            raise Refusal("E-NO-MASTER-KEY")
        return self._chains[terms.game, terms.chain]

    async def opens(self, terms: ChainTerms | None) -> bool:
        """Say whether there is a key, and whether it leads to a chain's terminal."""
        if self._key is None or terms is None:
            return self._key is not None
        name = terms.game, terms.chain
        if name not in self._chains and name not in self._of_another_key:
            made = await self.make(terms.game, terms.chain, terms.length)
            if made.terminal == terms.terminal:
                self._chains[name] = made
            else:
                self._of_another_key.add(name)
                log.error("the master key is not the one of this chain", game=terms.game)
        return name in self._chains


@dataclass(frozen=True, slots=True)
class ChainService:
    """The face ``Seeds``."""

    database: Database
    storage: ChainStorage
    beacons: Beacons
    log: Recorder
    locked: Locked
    vault: Vault = field(repr=False)
    length: int = LENGTH
    _known: dict[str, Sequence[ChainTerms]] = field(default_factory=dict)

    async def open_chain(self, tx: Tx, wanted: NewChain) -> ChainTerms:
        """Begin a game's next chain."""
        before = await self.storage.newest(tx, wanted.game)
        assert before is None or before.first_round < wanted.first_round <= before.last_round + 1, (
            "chains of a game follow each other without a gap"
        )
        # A chain of another key would have to be drawn by another process than those before it.
        if not await self.vault.opens(await self.storage.last_begun(tx)):
            raise Refusal("E-NO-MASTER-KEY")
        # Which beacon a round takes follows from the drand chain's own schedule.
        if wanted.entropy != NO_ENTROPY and self.beacons.chain(wanted.entropy) is None:
            raise Refusal("E-ENTROPY")
        number = 1 if before is None else before.chain + 1
        seeds = await self.vault.make(wanted.game, number, self.length)
        terms = ChainTerms(
            game=wanted.game,
            chain=number,
            length=seeds.length,
            terminal=seeds.terminal,
            first_round=wanted.first_round,
            epoch_ms=wanted.epoch_ms,
            interval_ms=wanted.interval_ms,
            lead_ms=wanted.lead_ms,
            guard_ms=wanted.guard_ms,
            numbers=wanted.numbers,
            drawn=wanted.drawn,
            entropy=wanted.entropy,
            paytable_hash=wanted.paytable_hash,
        )
        assert terms_problem(terms) is None
        commits = await asyncio.to_thread(seeds.commits, 1, seeds.length)
        at = await self.storage.now(tx)
        await self.storage.add(tx, terms, b"".join(commits), at)
        await self.log.record(tx, RecordKind.KENO_CHAIN, at, terms_json(terms))
        return terms

    async def end_chain(self, tx: Tx, game: str, chain: int, last_round: int) -> None:
        """Record how a chain ended."""
        await self._require_locked(tx, [RoundOf(game, last_round)])
        terms = await self.storage.terms(tx, game, chain)
        seed = (await self.vault.chain(terms)).seed(terms.link(last_round))
        at = await self.storage.now(tx)
        if await self.storage.end(tx, game, chain, last_round, seed, at):
            fields = {
                "game": game,
                "chain": chain,
                "last_round": last_round,
                "server_seed": seed.hex(),
            }
            await self.log.record(tx, RecordKind.KENO_CHAIN_END, at, fields)

    async def can_reveal(self) -> bool:
        """Say whether this process has the master key."""
        async with self.database.snapshot() as tx:
            last_begun = await self.storage.last_begun(tx)
        return await self.vault.opens(last_begun)

    async def commits(self, game: str, first: int, last: int) -> Mapping[int, bytes]:
        """Give the commits of rounds."""
        found: dict[int, bytes] = {}
        async with self.database.snapshot() as tx:
            chains = (await self._chains(tx, {game: first}))[game]
            for terms, start, end in _parts(chains, first, last):
                commits = await self.storage.commits(tx, terms, start, end)
                found |= dict(zip(range(start, end + 1), commits, strict=True))
        return found

    async def reveal(self, tx: Tx, rounds: Sequence[RoundOf]) -> list[bytes]:
        """Give the server seeds of locked rounds."""
        await self._require_locked(tx, rounds)
        first: dict[str, int] = {}
        for game, number in rounds:
            first[game] = min(number, first.get(game, number))
        chains = await self._chains(tx, first)
        seeds = []
        for game, number in rounds:
            terms = _covering(chains[game], number)
            chain = await self.vault.chain(terms)
            seeds.append(chain.seed(terms.link(number)))
        return seeds

    async def _chains(self, tx: Tx, first: Mapping[str, int]) -> dict[str, Sequence[ChainTerms]]:
        """Give games' chains in their order, at least those from the round given on.

        What a chain was begun with never changes: only games that have begun another one, or of
        which older rounds are asked for, are read.
        """
        known = {game: self._known.get(game, ()) for game in first}
        newest = {game: chains[-1].chain if chains else 0 for game, chains in known.items()}
        grown = await self.storage.grown(tx, newest)
        wanted = {
            game: first[game]
            for game, chains in known.items()
            if game in grown or (chains and first[game] < chains[0].first_round)
        }
        if wanted:
            read: dict[str, list[ChainTerms]] = {game: [] for game in wanted}
            for terms in await self.storage.since(tx, wanted):
                read[terms.game].append(terms)
            known.update(read)
            self._known.update(read)
        return known

    async def _require_locked(self, tx: Tx, rounds: Sequence[RoundOf]) -> None:
        """A seed that left too early could never be taken back: ask, whoever is asking."""
        locked = await self.locked.locked_to(tx, {each.game for each in rounds})
        for game, number in rounds:
            assert number <= locked.get(game, -1), f"round {number} of {game} is not locked"


def _covering(chains: Sequence[ChainTerms], number: int) -> ChainTerms:
    """Give the chain that a round belongs to: the one that began last before it."""
    for terms in reversed(chains):
        if terms.first_round <= number:
            return terms
    raise AssertionError(f"no chain covers round {number}")


def _parts(
    chains: Sequence[ChainTerms], first: int, last: int
) -> list[tuple[ChainTerms, int, int]]:
    """Give the chains of rounds, each with the first and last of them that belong to it."""
    ends = [terms.first_round - 1 for terms in chains[1:]] + [last]
    parts = [
        (terms, max(first, terms.first_round), min(end, last, terms.last_round))
        for terms, end in zip(chains, ends, strict=False)
    ]
    return [each for each in parts if each[1] <= each[2]]
