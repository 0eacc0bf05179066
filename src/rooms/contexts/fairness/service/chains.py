"""Seed chains: begun, shown by their commits, revealed round by round once betting is over."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from rooms.contexts.fairness.api import Beacons, Locked, NewChain, Recorder, RecordKind, RoundOf
from rooms.contexts.fairness.storage.chains import ChainStorage, Stretch
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
    _known: dict[tuple[str, int], ChainTerms] = field(default_factory=dict)

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
            for terms, start, end in await self._parts(tx, [Stretch(game, first, last)]):
                commits = await self.storage.commits(tx, terms, start, end)
                found |= dict(zip(range(start, end + 1), commits, strict=True))
        return found

    async def reveal(self, tx: Tx, rounds: Sequence[RoundOf]) -> list[bytes]:
        """Give the server seeds of locked rounds."""
        await self._require_locked(tx, rounds)
        numbers: dict[str, list[int]] = defaultdict(list)
        for game, number in rounds:
            numbers[game].append(number)
        asked = [Stretch(game, min(wanted), max(wanted)) for game, wanted in numbers.items()]
        seeds: dict[tuple[str, int], bytes] = {}
        for terms, start, end in await self._parts(tx, asked):
            game = terms.game
            mine = [number for number in numbers[game] if start <= number <= end]
            chain = await self.vault.chain(terms)
            found = chain.seeds([terms.link(number) for number in mine])
            for number, seed in zip(mine, found, strict=True):
                seeds[game, number] = seed
        return [seeds[game, number] for game, number in rounds]

    async def _parts(self, tx: Tx, asked: Sequence[Stretch]) -> list[tuple[ChainTerms, int, int]]:
        """Say which chain each part of a stretch belongs to: the one that began last before it.

        One stretch per game. What there is is asked for once, terms only of chains that are new.
        """
        named = await self.storage.covering(tx, asked)
        unknown = [name for name in named if name not in self._known]
        if unknown:
            for terms in await self.storage.named(tx, unknown):
                self._known[terms.game, terms.chain] = terms
        chains: dict[str, list[ChainTerms]] = defaultdict(list)
        for name in named:
            chains[name[0]].append(self._known[name])
        return [part for each in asked for part in _parts(each, chains[each.game])]

    async def _require_locked(self, tx: Tx, rounds: Sequence[RoundOf]) -> None:
        """A seed that left too early could never be taken back: ask, whoever is asking."""
        locked = await self.locked.locked_to(tx, {each.game for each in rounds})
        for game, number in rounds:
            assert number <= locked.get(game, -1), f"round {number} of {game} is not locked"


def _parts(asked: Stretch, chains: Sequence[ChainTerms]) -> list[tuple[ChainTerms, int, int]]:
    if not chains:
        return []
    ends = [terms.first_round - 1 for terms in chains[1:]] + [asked.last]
    parts = [
        (terms, max(asked.first, terms.first_round), min(end, terms.last_round))
        for terms, end in zip(chains, ends, strict=True)
    ]
    return [each for each in parts if each[1] <= each[2]]
