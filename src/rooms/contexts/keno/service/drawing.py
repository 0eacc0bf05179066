"""Draw the rounds that are locked and whose beacon is there; void those it never came for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

from rooms.contexts.fairness.api import Fairness, RecordKind, RoundOf
from rooms.contexts.keno.domain import Schedule, Terms
from rooms.contexts.keno.events import RoundsDrawn, RoundsVoided
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.storage.rounds import (
    Decided,
    Drawn,
    LockedRound,
    RoundStorage,
    Skip,
    Voided,
)
from rooms.kernel.ids import GameId
from rooms.kernel.time import to_millis
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.platform.metrics import KENO_ROUNDS
from rooms.proof.beacon import NO_ENTROPY, Beacon
from rooms.proof.draw import draw

MOST_ROUNDS: Final = 2_000
# Beacons of one drand chain that are asked for at once, however many rounds wait for one.
MOST_BEACONS: Final = 100
AT_A_STRETCH: Final = 100
ENTROPY_MISSING: Final = "ENTROPY_MISSING"


class Ready(NamedTuple):
    """A locked round whose fate can be decided now: by its beacon, or because none ever came.

    ``beacon_round`` is None for a game without entropy.
    """

    round: LockedRound
    game: str
    terms: Terms
    beacon_round: int | None
    beacon: Beacon | None

    @property
    def is_void(self) -> bool:
        """Say whether its beacon is missing for good."""
        return self.beacon_round is not None and self.beacon is None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Decides what becomes of locked rounds. ``grace`` is how long a beacon is waited for.

    ``insist`` is for how long this process itself has asked for it in vain, at least: after a
    downtime the grace may be over before the network is there again.
    """

    database: Database
    schedules: Schedules
    rounds: RoundStorage
    fairness: Fairness
    grace: timedelta
    insist: timedelta
    # Since when beacons are asked for in vain, by drand chain and round, in milliseconds.
    _in_vain: dict[tuple[str, int], int] = field(default_factory=dict, init=False)

    async def draw(self, lease: Lease, games: Sequence[GameId]) -> int:
        """Draw what can be drawn of these games, as their leader; give of how many rounds.

        LeadershipLost if another process leads by now. A seed is asked for in a transaction of
        its own and the draw is made outside of any, so that nobody waits while it is counted.
        """
        ready = await self._ready(games)
        if not ready:
            return 0
        async with self.database.transaction() as tx:
            await lease.guard(tx)
            seeds = await self.fairness.seeds.reveal(
                tx, [RoundOf(each.game, each.round.number) for each in ready]
            )
        drawn, voided = await _decide(ready, seeds)
        async with self.database.transaction() as tx:
            await lease.guard(tx)
            await self._write(tx, ready, drawn, voided)
        return len(ready)

    async def _ready(self, games: Sequence[GameId]) -> list[Ready]:
        async with self.database.snapshot() as tx:
            standings = await self.schedules.games.standings_of(tx, games)
            schedules = await self.schedules.of(tx, standings)
            ranges = [
                Skip(each.id, each.drawn_to + 1, each.locked_to)
                for each in standings
                if each.drawn_to < each.locked_to
            ]
            waiting = await self.rounds.undrawn(tx, ranges, MOST_ROUNDS) if ranges else []
            names = await self.schedules.numbered(tx, [each.id for each in standings])
        if not waiting:
            return []
        now = to_millis(standings[0].at)
        asked = [self._asked(each, names[each.game].name, schedules) for each in waiting]
        heard = await self._hear(asked, now)
        return [ready for each in asked if (ready := self._answered(each, heard, now)) is not None]

    def _asked(
        self, waiting: LockedRound, game: str, schedules: Mapping[GameId, Schedule]
    ) -> Ready:
        terms = schedules[waiting.game].of(waiting.number)
        assert terms is not None, "a locked round has terms"
        beacon_round = None
        if terms.chain.entropy != NO_ENTROPY:
            drand = self.fairness.beacons.chain(terms.chain.entropy)
            assert drand is not None, "a game's entropy is looked up before its chain begins"
            locks_at = terms.chain.locks_at(waiting.number)
            beacon_round = drand.round_after(locks_at, terms.chain.guard_ms)
        return Ready(waiting, game, terms, beacon_round, None)

    async def _hear(
        self, asked: Sequence[Ready], now: int
    ) -> dict[str, Mapping[int, Beacon | None]]:
        """Ask for the beacons whose time has come, the oldest first."""
        wanted: dict[str, set[int]] = {}
        for each in asked:
            entropy = each.terms.chain.entropy
            if each.beacon_round is not None and self._since(each, now) >= 0:
                wanted.setdefault(entropy, set()).add(each.beacon_round)
        for chain, number in [*self._in_vain]:
            if number not in wanted.get(chain, ()):
                del self._in_vain[chain, number]
        return {
            entropy: await self.fairness.beacons.beacons(entropy, sorted(rounds)[:MOST_BEACONS])
            for entropy, rounds in wanted.items()
        }

    def _answered(
        self, asked: Ready, heard: Mapping[str, Mapping[int, Beacon | None]], now: int
    ) -> Ready | None:
        if asked.beacon_round is None:
            return asked
        of_chain = heard.get(asked.terms.chain.entropy, {})
        # After a long downtime every round is past its grace: only one whose beacon was asked for,
        # in vain, is void. The others wait until they are asked for.
        if asked.beacon_round not in of_chain:
            return None
        beacon = of_chain[asked.beacon_round]
        if beacon is not None:
            return asked._replace(beacon=beacon)
        given_up = self._insisted(asked, now) and self._since(asked, now) >= _millis(self.grace)
        return asked if given_up else None

    def _insisted(self, asked: Ready, now: int) -> bool:
        """Say whether a beacon that was not there has been asked for long enough."""
        assert asked.beacon_round is not None
        beacon = asked.terms.chain.entropy, asked.beacon_round
        # A clock that was set back begins anew.
        since = self._in_vain[beacon] = min(now, self._in_vain.get(beacon, now))
        return now - since >= _millis(self.insist)

    def _since(self, asked: Ready, now: int) -> int:
        """Say how long ago, in milliseconds, a round's beacon may first have been known."""
        drand = self.fairness.beacons.chain(asked.terms.chain.entropy)
        assert drand is not None
        assert asked.beacon_round is not None
        return now - 1000 * drand.appears_at(asked.beacon_round)

    async def _write(
        self,
        tx: Tx,
        ready: Sequence[Ready],
        drawn: Sequence[Drawn],
        voided: Sequence[Voided],
    ) -> None:
        at = await self.schedules.games.now(tx)
        names = {each.round.game: each.game for each in ready}
        if drawn:
            await self.rounds.add_drawn(tx, drawn, at)
            await tx.publish(
                RoundsDrawn(rounds=[(names[each.game], each.number) for each in drawn])
            )
        if voided:
            await self.rounds.add_voided(tx, voided, at)
            records = [_record(names[each.game], each) for each in voided]
            await self.fairness.log.record_all(tx, RecordKind.KENO_VOID, at, records)
            await tx.publish(
                RoundsVoided(rounds=[(names[each.game], each.number) for each in voided])
            )
        decided = _decided([each.round for each in ready])
        if not decided or await self.rounds.pass_over(tx, decided) < len(names):
            await self.rounds.advance(tx, names)
        tx.once_committed.append(lambda _: _count(len(drawn), len(voided)))


def _decided(rounds: Sequence[LockedRound]) -> list[Decided]:
    """Put together what was decided of each game, where there is no gap between the rounds."""
    found: dict[GameId, Decided] = {}
    for game, number, tickets, _ in sorted(rounds):
        clear = number if tickets else number + 1
        before = found.get(game)
        if before is None:
            found[game] = Decided(game, number, number, clear)
        elif before.last + 1 == number:
            clear = clear if before.clear == number else before.clear
            found[game] = Decided(game, before.first, number, clear)
        else:
            return []
    return [*found.values()]


def _record(game: str, voided: Voided) -> dict[str, Any]:
    """Write what the log says of a void round."""
    return {
        "game": game,
        "round": voided.number,
        "reason": voided.reason,
        "server_seed": voided.server_seed,
        "beacon_round": voided.beacon_round,
        "tickets": voided.tickets,
        "refunded": str(voided.handle),
    }


def _millis(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)


def _count(drawn: int, voided: int) -> None:
    KENO_ROUNDS.labels("DRAWN").inc(drawn)
    KENO_ROUNDS.labels("VOID").inc(voided)


async def _decide(
    ready: Sequence[Ready], seeds: Sequence[bytes]
) -> tuple[list[Drawn], list[Voided]]:
    drawn: list[Drawn] = []
    voided: list[Voided] = []
    for place, (each, seed) in enumerate(zip(ready, seeds, strict=True)):
        if each.is_void:
            voided.append(_voided(each, seed))
        else:
            drawn.append(_drawn(each, seed))
        if place % AT_A_STRETCH == 0:
            await asyncio.sleep(0)  # others want to be answered meanwhile
    return drawn, voided


def _drawn(ready: Ready, seed: bytes) -> Drawn:
    chain, beacon = ready.terms.chain, ready.beacon
    entropy = "" if beacon is None else beacon.entropy
    numbers = draw(
        seed, ready.game, ready.round.number, entropy, numbers=chain.numbers, drawn=chain.drawn
    )
    return Drawn(
        ready.round.game,
        ready.round.number,
        seed.hex(),
        ready.beacon_round,
        None if beacon is None else beacon.signature.hex(),
        bytes(numbers).hex(),
        ready.round.tickets,
        ready.round.handle,
    )


def _voided(ready: Ready, seed: bytes) -> Voided:
    return Voided(
        ready.round.game,
        ready.round.number,
        seed.hex(),
        ready.beacon_round,
        ready.round.tickets,
        ready.round.handle,
        ENTROPY_MISSING,
    )
