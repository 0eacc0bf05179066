"""Make games, give them other terms, pause, drain and resume them; fund what pays prizes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from rooms.contexts.fairness.api import Fairness, NewChain, RecordKind
from rooms.contexts.identity.api import (
    BY_ADMINISTRATOR,
    BY_COMMAND,
    Administrator,
    Identity,
)
from rooms.contexts.keno.api import GameStatus, GameTerms
from rooms.contexts.keno.domain import (
    LARGEST_AMOUNT,
    MOVES,
    Limits,
    Rules,
    Terms,
    require_asset,
    require_terms,
)
from rooms.contexts.keno.events import GameChanged
from rooms.contexts.keno.service.locking import PAUSE, Locking
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.service.stakes import Stakes
from rooms.contexts.keno.storage.games import BankrollStorage, Game, Standing
from rooms.contexts.keno.storage.rounds import RoundStorage, Skip
from rooms.contexts.ledger.api import WORLD, Ledger, Movement
from rooms.kernel.ids import GameId, StaffId
from rooms.kernel.money import Asset, Money
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import to_millis
from rooms.platform.database import Database, Tx
from rooms.platform.lease import Lease
from rooms.proof.beacon import NO_ENTROPY
from rooms.proof.chain import GAME
from rooms.proof.fields import Malformed
from rooms.proof.paytable import Paytable, parse_spots, spots_json

HOUSE: Final = "house"
DRAINED: Final = "by itself: the last ticket is paid"
MILLISECOND: Final = timedelta(milliseconds=1)
# A game's first round opens on a whole second, so that its times are easy to read.
GRID_MS: Final = 1_000
# How long a chain is known before its first round opens, at least.
AHEAD_MS: Final = 120_000
LATEST_START: Final = timedelta(days=365)
# A chain is on record before its first round opens, also of a game that is to begin at once.
EARLIEST_START: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Games:
    """Games as staff see them: what they are played on, and whether they run."""

    database: Database
    schedules: Schedules
    rounds: RoundStorage
    bankrolls: BankrollStorage
    locking: Locking
    identity: Identity
    ledger: Ledger
    stakes: Stakes
    fairness: Fairness
    rules: Rules

    async def create(
        self,
        tx: Tx,
        name: str,
        asset: Asset,
        terms: GameTerms,
        *,
        starts_in: timedelta,
        by: Administrator | None,
    ) -> Game:
        """Make a game whose first round opens after ``starts_in``, a second or more from now."""
        if not GAME.fullmatch(name):
            raise Refusal("E-GAME-NAME", why="it is not of the form [a-z0-9-]{1,32}")
        require_asset(asset, "E-GAME-TERMS")
        if starts_in > LATEST_START:
            raise Refusal("E-GAME-TERMS", why="its first round opens within a year")
        now = await self.schedules.games.now(tx)
        game = await self.schedules.games.add_game(tx, name, HOUSE, asset, now)
        if game is None:
            raise Refusal("E-GAME-NAME", why="a game has it already")
        await self.bankrolls.add(tx, HOUSE, asset, await self.stakes.bankroll(tx, HOUSE, asset))
        opens_at = -(-to_millis(now + max(starts_in, EARLIEST_START)) // GRID_MS) * GRID_MS
        first = await self._begin(tx, game, terms, first_round=1, epoch_ms=opens_at)
        await self.rounds.lock(tx, [(game.id, 0, first.chain.locks_at(1))])
        await self._note(tx, game.name, "keno.game.create", GameStatus.RUNNING, by)
        return game

    async def change(
        self, tx: Tx, name: str, changes: Mapping[str, Any], *, by: Administrator | None
    ) -> Game:
        """Give a game other terms from the first round whose commit is not shown yet."""
        game = await self.schedules.one(tx, name)
        (standing,) = await self.schedules.games.join_lines(tx, [game.id], alone=True)
        schedule = (await self.schedules.of(tx, [standing]))[game.id]
        last = schedule.terms[-1]
        shown = schedule.shown_to(to_millis(standing.at), self.rules.ahead)
        first_round = max(shown, last.chain.first_round) + 1
        terms = replace(_asked(last), **changes)
        await self._begin(
            tx, game, terms, first_round=first_round, epoch_ms=last.chain.slot(first_round)
        )
        await self._note(tx, game.name, "keno.game.set", standing.status, by)
        return game

    async def continue_chains(self, lease: Lease) -> None:
        """Open the next chain of games whose seeds come to an end, on the terms as they are."""
        async with self.database.snapshot() as tx:
            ending = await self.schedules.games.ending(tx, 2 * self.rules.ahead)
        for number in ending:
            async with self.database.transaction() as tx:
                await lease.guard(tx)
                (standing,) = await self.schedules.games.join_lines(tx, [number], alone=True)
                last = (await self.schedules.of(tx, [standing]))[number].terms[-1]
                if last.chain.last_round - standing.locked_to > 2 * self.rules.ahead:
                    continue  # somebody changed the game meanwhile
                game = (await self.schedules.numbered(tx, [number]))[number]
                await self._continue(tx, game, last, standing)

    async def _continue(self, tx: Tx, game: Game, last: Terms, standing: Standing) -> None:
        """Begin the next chain where the last one ends; in the future if that time has passed.

        Seeds run out where nobody was there to announce more: in a long downtime, or a pause.
        """
        chain, now = last.chain, to_millis(standing.at)
        first_round = chain.last_round + 1
        epoch_ms = chain.epoch_ms + chain.length * chain.interval_ms
        if epoch_ms <= now:
            epoch_ms = -(-(now + AHEAD_MS) // GRID_MS) * GRID_MS
        added = await self._begin(
            tx, game, _asked(last), first_round=first_round, epoch_ms=epoch_ms
        )
        if standing.locked_to == chain.last_round:
            locks = added.chain.locks_at(first_round)
            await self.rounds.lock(tx, [(game.id, standing.locked_to, locks)])

    async def move(
        self, tx: Tx, name: str, status: GameStatus, *, by: Administrator | None
    ) -> Game:
        """Pause, drain or resume a game."""
        game = await self.schedules.one(tx, name)
        (standing,) = await self.schedules.games.join_lines(tx, [game.id], alone=True)
        if status not in MOVES[standing.status]:
            raise Refusal("E-GAME-STATUS", game=name, status=standing.status)
        await self._move(tx, game, standing, status, by)
        return game

    async def finish_drains(self, lease: Lease) -> None:
        """Pause draining games whose last ticket is paid."""
        async with self.database.snapshot() as tx:
            drained = await self.rounds.drained(tx)
        if not drained:
            return
        async with self.database.transaction() as tx:
            await lease.guard(tx)
            standings = await self.schedules.games.join_lines(tx, drained, alone=True)
            still = set(await self.rounds.drained(tx))
            games = await self.schedules.numbered(tx, drained)
            for each in standings:
                if each.id in still:
                    await self._move(tx, games[each.id], each, GameStatus.PAUSED, None, DRAINED)

    async def _move(
        self,
        tx: Tx,
        game: Game,
        standing: Standing,
        status: GameStatus,
        by: Administrator | None,
        reason: str | None = None,
    ) -> None:
        if standing.status is GameStatus.PAUSED:
            await self._catch_up(tx, game.id, standing)
        number = None if by is None else by.id
        await self.schedules.games.move(tx, game.id, status, standing.at, number)
        await self._note(tx, game.name, f"keno.game.{status.lower()}", status, by, reason)

    async def _catch_up(self, tx: Tx, game: GameId, standing: Standing) -> None:
        """Lock what a pause has passed over; rounds that nobody has a ticket for are skipped."""
        schedules = await self.schedules.of(tx, [standing])
        upto = (await self.locking.lock(tx, [standing], schedules))[game].upto
        if upto > standing.locked_to:
            passed = Skip(game, standing.locked_to + 1, upto)
            await self.locking.skip(tx, [passed], PAUSE, standing.at)

    async def fund(self, tx: Tx, money: Money, *, by: Administrator | None, key: str) -> None:
        """Put money into the house's bankroll, from outside."""
        amount, asset = money.units, money.asset
        require_asset(asset, "E-AMOUNT")
        if not 0 < amount <= LARGEST_AMOUNT:
            raise Refusal("E-AMOUNT", why=f"a bankroll is funded with 1 to {LARGEST_AMOUNT} units")
        account = await self.stakes.bankroll(tx, HOUSE, asset)
        world = await self.ledger.open_account(tx, asset, WORLD, "bankroll")
        await self.bankrolls.add(tx, HOUSE, asset, account)
        ref = f"bankroll:{HOUSE}"
        await self.ledger.post(
            tx,
            f"bankroll:{key}",
            [Movement(world, -amount, "fund", ref), Movement(account, amount, "fund", ref)],
        )
        await self.bankrolls.change(tx, {(HOUSE, asset): (amount, 0)})
        await self._audit(tx, "keno.bankroll.fund", ref, by)

    async def _begin(
        self, tx: Tx, game: Game, asked: GameTerms, *, first_round: int, epoch_ms: int
    ) -> Terms:
        """Open the chain of new terms and write them."""
        number, paytable = await self._paytable(tx, asked.paytable)
        limits = _limits(asked, paytable)
        wanted = self._chain(game.name, asked, paytable, first_round, epoch_ms)
        require_terms(wanted, paytable, limits, self.rules.band)
        terms = Terms(await self.fairness.seeds.open_chain(tx, wanted), number, paytable, limits)
        await self.schedules.games.add_terms(tx, game.id, terms)
        return terms

    def _chain(
        self, game: str, asked: GameTerms, paytable: Paytable, first_round: int, epoch_ms: int
    ) -> NewChain:
        unknown = asked.entropy != NO_ENTROPY and self.fairness.beacons.chain(asked.entropy) is None
        if unknown or (asked.entropy == NO_ENTROPY and not self.rules.without_entropy):
            raise Refusal("E-GAME-TERMS", why="its entropy is no drand chain that is known here")
        return NewChain(
            game=game,
            first_round=first_round,
            epoch_ms=epoch_ms,
            interval_ms=asked.interval // MILLISECOND,
            lead_ms=asked.lead // MILLISECOND,
            guard_ms=asked.guard // MILLISECOND,
            numbers=asked.numbers,
            drawn=asked.drawn,
            entropy=asked.entropy,
            paytable_hash=paytable.hash,
        )

    async def _paytable(self, tx: Tx, asked: Mapping[str, list[str]] | str) -> tuple[int, Paytable]:
        """Give a paytable with its number; one that is new is written and put on record."""
        digest = asked if isinstance(asked, str) else None
        try:
            given = None if isinstance(asked, str) else parse_spots(asked)
            found = bytes.fromhex(digest) if digest is not None else b""
        except (Malformed, ValueError) as error:
            raise Refusal("E-PAYTABLE", why=str(error)[:200]) from error
        known = await self.schedules.games.paytable(tx, given.hash if given else found)
        if known is not None:
            return known
        if given is None:
            raise Refusal("E-PAYTABLE-UNKNOWN", hash=str(digest)[:64])
        number = await self.schedules.games.add_paytable(tx, given)
        if number is None:  # somebody else wrote it while this one waited
            again = await self.schedules.games.paytable(tx, given.hash)
            assert again is not None
            return again
        await self.schedules.games.add_multipliers(tx, number, given)
        at = await self.schedules.games.now(tx)
        await self.fairness.log.record(
            tx, RecordKind.KENO_PAYTABLE, at, {"spots": spots_json(given)}
        )
        return number, given

    async def _note(
        self,
        tx: Tx,
        game: str,
        action: str,
        status: GameStatus,
        by: Administrator | None,
        reason: str | None = None,
    ) -> None:
        await self._audit(tx, action, f"game:{game}", by, reason)
        await tx.publish(GameChanged(game=game, status=status))

    async def _audit(
        self,
        tx: Tx,
        action: str,
        subject: str,
        by: Administrator | None,
        reason: str | None = None,
    ) -> None:
        staff: StaffId | None = None if by is None else by.id
        why = reason or (BY_COMMAND if by is None else BY_ADMINISTRATOR)
        await self.identity.note(tx, action=action, subject=subject, reason=why, by=staff)


def _limits(asked: GameTerms, paytable: Paytable) -> Limits:
    return Limits(
        spots=tuple(sorted(paytable.spots)) if asked.spots is None else asked.spots,
        stake_min=asked.stake_min,
        stake_max=asked.stake_max,
        stake_step=asked.stake_step,
        max_win=asked.max_win,
        round_limit=asked.round_limit,
    )


def _asked(terms: Terms) -> GameTerms:
    """Give terms as somebody would ask for them again."""
    chain, limits = terms.chain, terms.limits
    return GameTerms(
        interval=chain.interval_ms * MILLISECOND,
        lead=chain.lead_ms * MILLISECOND,
        guard=chain.guard_ms * MILLISECOND,
        numbers=chain.numbers,
        drawn=chain.drawn,
        entropy=chain.entropy,
        paytable=chain.paytable_hash.hex(),
        spots=limits.spots,
        stake_min=limits.stake_min,
        stake_max=limits.stake_max,
        stake_step=limits.stake_step,
        max_win=limits.max_win,
        round_limit=limits.round_limit,
    )
