"""Show games and rounds: what is stored of them, by their terms and the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rooms.contexts.fairness.api import Fairness
from rooms.contexts.keno.api import Draws, GameView, RoundStatus, RoundView
from rooms.contexts.keno.domain import Schedule, Terms
from rooms.contexts.keno.queries.views import KenoQueries, RoundRow
from rooms.contexts.keno.service.schedules import Schedules
from rooms.contexts.keno.storage.games import Game, Standing
from rooms.kernel.refusal import Refusal
from rooms.kernel.time import from_millis, rfc3339, to_millis
from rooms.platform.database import Database, Tx
from rooms.proof.beacon import NO_ENTROPY, Beacon
from rooms.proof.paytable import spots_json


@dataclass(frozen=True, slots=True)
class Looked:
    """A game as it stands now."""

    game: Game
    standing: Standing
    schedule: Schedule

    @property
    def now(self) -> int:
        """The database's time, in milliseconds."""
        return to_millis(self.standing.at)


@dataclass(frozen=True, slots=True)
class Showing:
    """Shows what anyone may see. ``ahead`` is how many rounds' commits are shown."""

    database: Database
    schedules: Schedules
    queries: KenoQueries
    fairness: Fairness
    ahead: int

    async def games(self) -> list[GameView]:
        """List the games."""
        async with self.database.snapshot() as tx:
            found = await self.schedules.games.all_games(tx)
            return [game_view(each) for each in await self.look(tx, found)]

    async def game(self, name: str) -> GameView:
        """Show a game."""
        async with self.database.snapshot() as tx:
            return await self.game_in(tx, name)

    async def game_in(self, tx: Tx, name: str) -> GameView:
        """Show a game as this transaction sees it. Refuses E-GAME-UNKNOWN."""
        (looked,) = await self.look(tx, [await self.schedules.one(tx, name)])
        return game_view(looked)

    async def look(self, tx: Tx, games: Sequence[Game]) -> list[Looked]:
        """Tell how games stand, in their order."""
        standings = {
            each.id: each
            for each in await self.schedules.games.standings_of(tx, [game.id for game in games])
        }
        schedules = await self.schedules.of(tx, list(standings.values()))
        return [Looked(each, standings[each.id], schedules[each.id]) for each in games]

    async def round(self, name: str, number: int) -> RoundView:
        """Show a round, up to the last whose commit is shown."""
        async with self.database.snapshot() as tx:
            looked = await self.look_up_to(tx, name, number)
            rows = await self.queries.rounds(tx, looked.game.id, [number])
        return (await self._views(looked, rows))[0]

    async def look_up_to(self, tx: Tx, name: str, number: int) -> Looked:
        """Tell how a game stands. Refuses E-GAME-UNKNOWN, and E-ROUND-UNKNOWN past the commits."""
        (looked,) = await self.look(tx, [await self.schedules.one(tx, name)])
        shown = looked.schedule.shown_to(looked.now, self.ahead)
        if not 1 <= number <= shown:
            raise Refusal("E-ROUND-UNKNOWN", game=name, round=number, last=shown)
        return looked

    async def rounds(self, name: str, before: int | None, limit: int) -> list[RoundView]:
        """List a game's rounds, newest first: from the current one, or before the one given."""
        async with self.database.snapshot() as tx:
            (looked,) = await self.look(tx, [await self.schedules.one(tx, name)])
            last = looked.schedule.opened_at(looked.now)
            if before is not None:
                last = min(before - 1, looked.schedule.shown_to(looked.now, self.ahead))
            numbers = range(last, max(0, last - limit), -1)
            rows = await self.queries.rounds(tx, looked.game.id, numbers)
        return await self._views(looked, rows)

    async def draws(self, name: str, most: int) -> Draws:
        """Give a game's latest draws, of rounds on as many numbers as its newest terms have."""
        async with self.database.snapshot() as tx:
            (looked,) = await self.look(tx, [await self.schedules.one(tx, name)])
            chain = looked.schedule.terms[-1].chain
            found = await self.queries.draws(
                tx, looked.game.id, most, numbers=chain.numbers, drawn=chain.drawn
            )
        return Draws(chain.numbers, chain.drawn, found)

    async def _views(self, looked: Looked, rows: Mapping[int, RoundRow]) -> list[RoundView]:
        if not rows:
            return []
        commits = await self.fairness.seeds.commits(looked.game.name, min(rows), max(rows))
        return [
            self._round(looked, number, rows[number], commits.get(number))
            for number in sorted(rows, reverse=True)
        ]

    def _round(self, looked: Looked, number: int, row: RoundRow, commit: bytes | None) -> RoundView:
        terms = looked.schedule.of(number)
        assert terms is not None, "a round that is shown has terms"
        chain = terms.chain
        return RoundView(
            game=looked.game.name,
            number=number,
            status=row.status or _open_or_locked(looked, terms, number),
            reason=row.reason,
            opens_at=from_millis(chain.slot(number)),
            locks_at=from_millis(chain.locks_at(number)),
            commit=None if commit is None else commit.hex(),
            chain=chain.chain,
            link=chain.link(number),
            beacon_round=self._beacon_round(terms, number),
            entropy=_entropy(terms, row),
            server_seed=None if row.server_seed is None else row.server_seed.hex(),
            draw=row.draw,
            tickets=row.tickets,
            handle=row.handle,
            paid=row.paid if row.tickets else (0 if row.status else None),
            refunded=row.refunded if row.tickets else (0 if row.status else None),
            asset=looked.game.asset,
            paytable_hash=chain.paytable_hash.hex(),
            drawn_at=row.drawn_at if row.draw is not None else None,
            settled_at=row.settled_at if row.tickets else row.drawn_at,
        )

    def _beacon_round(self, terms: Terms, number: int) -> int | None:
        drand = self.fairness.beacons.chain(terms.chain.entropy)
        if drand is None:
            return None
        return drand.round_after(terms.chain.locks_at(number), terms.chain.guard_ms)

    async def paytable(self, digest: str) -> dict[str, list[str]]:
        """Give the spots of a paytable by its hash."""
        try:
            wanted = bytes.fromhex(digest)
        except ValueError:
            wanted = b""
        async with self.database.snapshot() as tx:
            found = await self.schedules.games.paytable(tx, wanted)
        if found is None:
            raise Refusal("E-PAYTABLE-UNKNOWN", hash=digest[:64])
        return spots_json(found[1])


def game_view(looked: Looked) -> GameView:
    """Show a game with the terms in force, and those that follow them."""
    schedule, number = looked.schedule, looked.schedule.opened_at(looked.now)
    current = schedule.of(max(number, 1)) or schedule.terms[-1]
    later = [each for each in schedule.terms if each.chain.first_round > max(number, 1)]
    return GameView(
        game=looked.game.name,
        operator=looked.game.operator,
        asset=looked.game.asset,
        status=looked.standing.status,
        round=number,
        terms=terms_json(current),
        next_terms=terms_json(later[0]) if later else None,
        at=looked.standing.at,
    )


def terms_json(terms: Terms) -> dict[str, Any]:
    """Write terms: times in milliseconds, amounts as text."""
    chain, limits = terms.chain, terms.limits
    return {
        "chain": chain.chain,
        "first_round": chain.first_round,
        "epoch": rfc3339(from_millis(chain.epoch_ms)),
        "interval_ms": chain.interval_ms,
        "lead_ms": chain.lead_ms,
        "guard_ms": chain.guard_ms,
        "numbers": chain.numbers,
        "drawn": chain.drawn,
        "entropy": chain.entropy,
        "paytable_hash": chain.paytable_hash.hex(),
        "spots": list(limits.spots),
        "stake_min": str(limits.stake_min),
        "stake_max": str(limits.stake_max),
        "stake_step": str(limits.stake_step),
        "max_win": str(limits.max_win),
        "round_limit": str(limits.round_limit),
    }


def _open_or_locked(looked: Looked, terms: Terms, number: int) -> RoundStatus:
    """Say what a round without a result is: by its scheduled lock, even if the clock is late."""
    locked = number <= looked.standing.locked_to or looked.now >= terms.chain.locks_at(number)
    return RoundStatus.LOCKED if locked else RoundStatus.OPEN


def _entropy(terms: Terms, row: RoundRow) -> str | None:
    """Give what the draw took as entropy: empty where the game has none."""
    if row.draw is None:
        return None
    if terms.chain.entropy == NO_ENTROPY or row.signature is None:
        return ""
    assert row.beacon_round is not None
    return Beacon(row.beacon_round, row.signature).entropy
