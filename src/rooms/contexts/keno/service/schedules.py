"""What never changes of games, remembered: their names, and the terms of rounds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from rooms.contexts.keno.domain import Schedule
from rooms.contexts.keno.storage.games import Game, GameStorage, Standing
from rooms.kernel.ids import GameId
from rooms.kernel.refusal import Refusal
from rooms.platform.database import Tx
from rooms.proof.chain import GAME


@dataclass(slots=True)
class Schedules:
    """Knows games and their terms. Terms are only ever added, which a game's standing tells."""

    games: GameStorage
    _by_name: dict[str, Game] = field(default_factory=dict)
    _by_id: dict[GameId, Game] = field(default_factory=dict)
    _known: dict[GameId, Schedule] = field(default_factory=dict)

    def known(self, name: str) -> Game | None:
        """Give a game that was asked for before."""
        return self._by_name.get(name)

    async def named(self, tx: Tx, names: Collection[str]) -> dict[str, Game]:
        """Give the games that there are of these names."""
        # What no game can be called is not asked for: there are texts that no database takes.
        unknown = {name for name in names if GAME.fullmatch(name)} - self._by_name.keys()
        if unknown:
            self._remember(await self.games.games(tx, unknown))
        return {name: self._by_name[name] for name in names if name in self._by_name}

    async def one(self, tx: Tx, name: str) -> Game:
        """Give a game by its name. Refuses E-GAME-UNKNOWN."""
        found = await self.named(tx, [name])
        if name not in found:
            raise no_such_game(name)
        return found[name]

    async def numbered(self, tx: Tx, ids: Collection[GameId]) -> dict[GameId, Game]:
        """Give games by their ids."""
        unknown = set(ids) - self._by_id.keys()
        if unknown:
            self._remember(await self.games.games_by_id(tx, unknown))
        return {number: self._by_id[number] for number in ids}

    async def of(self, tx: Tx, standings: Sequence[Standing]) -> dict[GameId, Schedule]:
        """Give the terms of games that stand so."""
        grown = [each.id for each in standings if self.remembered(each) is None]
        if grown:
            for game, terms in (await self.games.terms(tx, grown)).items():
                self._known[game] = Schedule(tuple(terms))
        return {each.id: self._known[each.id] for each in standings}

    def remembered(self, standing: Standing) -> Schedule | None:
        """Give the terms of a game that stands so, if they were asked for before."""
        known = self._known.get(standing.id)
        return known if known is not None and len(known.terms) == standing.chains else None

    def forget(self) -> None:
        """Read all terms again when they are asked for."""
        self._known.clear()

    def _remember(self, games: Collection[Game]) -> None:
        for game in games:
            self._by_name[game.name] = self._by_id[game.id] = game


def require_name(name: str) -> None:
    """Refuse E-GAME-UNKNOWN where no game can be called so: not every text can be a key's."""
    if not GAME.fullmatch(name):
        raise no_such_game(name)


def no_such_game(name: str) -> Refusal:
    """Say that there is no game of this name."""
    return Refusal("E-GAME-UNKNOWN", game=name[:40])
